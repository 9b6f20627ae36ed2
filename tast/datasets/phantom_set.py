"""A whole phantom on disk: which sessions, driven by what, written by which layout's writer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tast.datasets.phantom import write_pure_session
from tast.datasets.phantom_recordings import write_recording, write_recordings_table
from tast.datasets.phantom_vipl import write_vipl_lists, write_vipl_session
from tast.datasets.waves import WAVES, read_waves
from tast.errors import TastError
from tast.phantom.physiology import PhysiologyOf, simulated_physiology
from tast.phantom.recorded import piece_starts_s, recorded_physiology, subject_numbers
from tast.phantom.session import Session, in_worlds, phantom_sessions

log = logging.getLogger(__name__)

SessionWriter = Callable[[Session, Path, PhysiologyOf], None]
DRIVERS = ("simulated", "recorded")


@dataclass(frozen=True)
class PhantomSet:
    """A planned phantom, picklable.

    sessions: all that there are. recorded_root: where the waves lie that drive it; None for simulated ones. moving_pieces:
    how many pieces of a recording may be, those in which SpO2 moves most; None: any. write: one session's writer. finish: writes
    what the set says of itself, once all sessions are there.
    """

    sessions: tuple[Session, ...]
    recorded_root: Path | None
    moving_pieces: int | None
    write: SessionWriter
    finish: Callable[[Sequence[Session], Path], None]

    def write_sessions(self, sessions: Sequence[Session], folder: Path) -> None:
        """Render some of the sessions, in any process; every session's bytes depend on the plan alone."""
        physiology_of = simulated_physiology
        if self.recorded_root is not None:
            recordings, _ = read_waves(self.recorded_root)
            physiology_of = partial(recorded_physiology, recordings=recordings, moving_pieces=self.moving_pieces)
        for session in sessions:
            self.write(session, folder, physiology_of)

    def write_lists(self, folder: Path) -> None:
        self.finish(self.sessions, folder)


def plan_phantom(
    *,
    layout: str,
    worlds: dict[str, Any] | None,
    compression: dict[str, Any],
    sources: Sequence[int],
    defects: bool,
    driver: str,
    recorded_root: str | Path | None,
    moving_pieces: int | None = None,
    **plan: Any,
) -> PhantomSet:
    """The plan of a phantom; `plan` goes to phantom_sessions.

    worlds: how many (count), heads of each subject, and the pools (tast.phantom.world.Pools) that they are drawn from; None: the
    photograph before the one camera. Heads take turns in the worlds. compression (codec, quality), sources and defects are
    VIPL-HR's layout alone: PURE's pictures are lossless and whole, and those of `csv` coded as their world has it. driver:
    "recorded" takes waves and SpO2 from the set of them at recorded_root (tast.datasets.waves), and its people as subjects; the
    profile has no say then; moving_pieces: of each recording only so many, those in which SpO2 moves most. Raises TastError for
    a plan that cannot be.
    """
    if driver not in DRIVERS:
        raise TastError(f"phantom driver {driver!r} is unknown; expected one of {', '.join(DRIVERS)}")
    root, numbers = None, None
    if driver == "recorded":
        root, numbers = _recorded_people(recorded_root, plan["sessions"], plan["seconds"], moving_pieces)
    vipl: dict[str, Any] = {"sources": tuple(sources), "defects": defects}
    writers: dict[str, tuple[SessionWriter, Callable[[Sequence[Session], Path], None]]] = {
        "pure": (write_pure_session, _no_lists),
        "vipl_hr": (partial(write_vipl_session, **compression, **vipl), partial(write_vipl_lists, **vipl)),
        "csv": (write_recording, write_recordings_table),
    }
    sessions = phantom_sessions(layout=layout, numbers=numbers, **plan)
    if worlds is not None:
        sessions = in_worlds(sessions, **worlds)
    elif layout == "csv":
        raise TastError("the layout csv needs worlds: they say how its videos are coded; expected phantom.worlds")
    return PhantomSet(sessions, root, moving_pieces, *writers[layout])


def _recorded_people(
    recorded_root: str | Path | None, sessions: int, seconds: float, moving_pieces: int | None
) -> tuple[Path, tuple[int, ...]]:
    """The recordings' folder and the subjects in it whose recordings last for that many sessions; the others are logged by name.

    Raises TastError where nobody's do.
    """
    if recorded_root is None:
        raise TastError(f"a recorded phantom needs recorded_root; expected the folder of one of {', '.join(WAVES)}")
    root = Path(recorded_root).resolve()
    recordings, rejects = read_waves(root)
    pieces: dict[str, int] = {}
    for one in recordings:
        n_pieces = len(piece_starts_s(one, seconds, moving_pieces))
        pieces[one.subject_id] = min(n_pieces, pieces.get(one.subject_id, n_pieces))
    longest = max(pieces.values(), default=0)
    if sessions > longest:
        raise TastError(
            f"phantom sessions = {sessions}; expected at most {longest}, the pieces of {seconds:g} s that were recorded"
        )
    for reject in rejects:
        log.warning("left out: %s: %s", reject.record_id, reject.reason)
    if short := [f"{who} ({n})" for who, n in pieces.items() if n < sessions]:
        log.warning("left out, with fewer than %d pieces of %g s: %s", sessions, seconds, ", ".join(short))
    return root, subject_numbers([one for one in recordings if pieces[one.subject_id] >= sessions])


def _no_lists(sessions: Sequence[Session], folder: Path) -> None:
    """PURE says nothing of itself."""
