"""What was measured of the causes of a wrong reading, second by second, and which of them hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from tast.prediction.causes.evidence import Evidence
from tast.prediction.causes.known import CAUSES, COMPRESSION, OUTSIDE, Cause
from tast.prediction.causes.recording import bits_of_enough
from tast.records import FloatArray, SourceFacts

MOST = 0.5  # share of the seconds beyond which a cause is the video's


@dataclass(frozen=True, eq=False)
class Findings:
    """measures: name of a cause -> (S,) its measure in each second, NaN where it could not be measured."""

    measures: Mapping[str, FloatArray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len({len(measured) for measured in self.measures.values()}) > 1:
            raise ValueError("each measure must be (S,)")

    def __len__(self) -> int:
        return max((len(measured) for measured in self.measures.values()), default=0)

    def per_second(self, n_seconds: int) -> list[tuple[str, ...]]:
        """The names of the causes that hold in each of n_seconds."""
        held = {cause.name: cause.holds(self.measures[cause.name]) for cause in self._measured()}
        return [tuple(name for name, seconds in held.items() if seconds[second]) for second in range(n_seconds)]

    def sentences(self) -> tuple[str, ...]:
        """One for each cause that holds in any second, with in how many."""
        return tuple(
            f"{cause.sentence} ({seconds.sum()} of {len(seconds)} s)"
            for cause in self._measured()
            if (seconds := cause.holds(self.measures[cause.name])).any()
        )

    def unreadable(self) -> tuple[str, ...]:
        """The same for each cause by which most seconds cannot be read."""
        return tuple(
            f"{cause.sentence} ({seconds.sum()} of {len(seconds)} s cannot be read)"
            for cause in self._measured()
            if (seconds := cause.unreadable(self.measures[cause.name])).mean() > MOST
        )

    def untold(self, anchored: bool = False) -> tuple[str, ...]:
        """The same for each cause by which no percentage can be told of most seconds; anchored: of their change neither."""
        return tuple(
            f"{cause.sentence} ({seconds.sum()} of {len(seconds)} s)"
            for cause in self._measured()
            if (seconds := cause.untold(self.measures[cause.name], anchored)).mean() > MOST
        )

    def mostly(self) -> tuple[str, ...]:
        """The sentences of the causes that hold in most seconds."""
        return tuple(cause.sentence for cause in self._measured() if cause.holds(self.measures[cause.name]).mean() > MOST)

    def mostly_marked(self) -> tuple[str, ...]:
        """Of what mostly() says, that which alone refuses no video, but may be why another cause holds."""
        return tuple(
            cause.sentence
            for cause in self._measured()
            if cause not in OUTSIDE and cause.unreadable_beyond is None and cause.no_level_beyond is None
            and cause.holds(self.measures[cause.name]).mean() > MOST
        )  # fmt: skip

    def outside(self) -> tuple[str, ...]:
        """The sentences of what lies outside of the model's training in most seconds."""
        known = [cause for cause in OUTSIDE if cause.name in self.measures]
        return tuple(cause.sentence for cause in known if cause.holds(self.measures[cause.name]).mean() > MOST)

    def with_domain(self, distances: Mapping[str, FloatArray]) -> Findings:
        """And how far each second is from what the model was trained on (tast.training.domain)."""
        return Findings({**self.measures, **distances})

    def with_source(self, facts: SourceFacts, n_seconds: int) -> Findings:
        """And what the file itself tells of all of its seconds."""
        return Findings({**self.measures, COMPRESSION.name: np.full(n_seconds, bits_of_enough(facts))})

    def _measured(self) -> list[Cause]:
        return [cause for cause in (*CAUSES, *OUTSIDE) if cause.name in self.measures]


def find_causes(evidence: Evidence) -> Findings:
    """Every cause that frames can tell, measured."""
    return Findings({cause.name: cause.measure(evidence) for cause in CAUSES if cause.measure is not None})


def joined_findings(pieces: Sequence[Findings]) -> Findings:
    """Of pieces of one video in order of time; a cause must be measured in all of them."""
    names = [name for name in pieces[0].measures if all(name in piece.measures for piece in pieces)]
    return Findings({name: np.concatenate([piece.measures[name] for piece in pieces]) for name in names})
