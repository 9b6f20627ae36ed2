"""A whole phantom on disk: which sessions, driven by what, written by which layout's writer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tast.datasets.oximetry_phone_cam import read_oximetry_phone_cam
from tast.datasets.phantom import write_pure_session
from tast.datasets.phantom_vipl import write_vipl_lists, write_vipl_session
from tast.errors import TastError
from tast.phantom.physiology import PhysiologyOf, simulated_physiology
from tast.phantom.recorded import piece_starts_s, recorded_physiology, subject_numbers
from tast.phantom.session import Session, phantom_sessions

SessionWriter = Callable[[Session, Path, PhysiologyOf], None]
DRIVERS = ("simulated", "recorded")


@dataclass(frozen=True)
class PhantomSet:
    """A planned phantom, picklable.

    sessions: all that there are. recorded_root: where the waves lie that drive it; None for simulated ones. write: one session's
    writer. finish: writes what the set says of itself, once all sessions are there.
    """

    sessions: tuple[Session, ...]
    recorded_root: Path | None
    write: SessionWriter
    finish: Callable[[Sequence[Session], Path], None]

    def write_sessions(self, sessions: Sequence[Session], folder: Path) -> None:
        """Render some of the sessions, in any process; every session's bytes depend on the plan alone."""
        physiology_of = simulated_physiology
        if self.recorded_root is not None:
            physiology_of = partial(recorded_physiology, recordings=read_oximetry_phone_cam(self.recorded_root))
        for session in sessions:
            self.write(session, folder, physiology_of)

    def write_lists(self, folder: Path) -> None:
        self.finish(self.sessions, folder)


def plan_phantom(
    *,
    layout: str,
    compression: dict[str, Any],
    sources: Sequence[int],
    defects: bool,
    driver: str,
    recorded_root: str | Path | None,
    **plan: Any,
) -> PhantomSet:
    """The plan of a phantom; `plan` goes to phantom_sessions.

    compression (codec, quality), sources and defects are VIPL-HR's layout alone: PURE's pictures are lossless and whole. driver:
    "recorded" takes waves and SpO2 from the data set oximetry_phone_cam at recorded_root, and its people as subjects; the profile
    has no say then. Raises TastError for a plan that cannot be.
    """
    if driver not in DRIVERS:
        raise TastError(f"phantom driver {driver!r} is unknown; expected one of {', '.join(DRIVERS)}")
    root, numbers = None, None
    if driver == "recorded":
        root, numbers = _recorded_people(recorded_root, plan["sessions"], plan["seconds"])
    vipl: dict[str, Any] = {"sources": tuple(sources), "defects": defects}
    writers: dict[str, tuple[SessionWriter, Callable[[Sequence[Session], Path], None]]] = {
        "pure": (write_pure_session, _no_lists),
        "vipl_hr": (partial(write_vipl_session, **compression, **vipl), partial(write_vipl_lists, **vipl)),
    }
    sessions = phantom_sessions(layout=layout, numbers=numbers, **plan)
    return PhantomSet(sessions, root, *writers[layout])


def _recorded_people(recorded_root: str | Path | None, sessions: int, seconds: float) -> tuple[Path, tuple[int, ...]]:
    """The recordings' folder and the subjects in it. Raises TastError where they do not last for that many sessions."""
    if recorded_root is None:
        raise TastError("a recorded phantom needs recorded_root; expected the folder of the data set oximetry_phone_cam")
    root = Path(recorded_root).resolve()
    recordings = read_oximetry_phone_cam(root)
    pieces = min(len(piece_starts_s(recording, seconds)) for recording in recordings)
    if sessions > pieces:
        raise TastError(
            f"phantom sessions = {sessions}; expected at most {pieces}, the pieces of {seconds:g} s that were recorded"
        )
    return root, subject_numbers(recordings)


def _no_lists(sessions: Sequence[Session], folder: Path) -> None:
    """PURE says nothing of itself."""
