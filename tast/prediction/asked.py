"""What is asked of a video, and what is known of it beside its frames: one record for command line, batch and service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from tast.anchors import Reading
from tast.errors import TastError
from tast.prediction import MIN_QUALITY
from tast.prediction.anchoring import Anchors, KeptAnchor
from tast.prediction.profiles import CameraProfile, Profiles


@dataclass(frozen=True)
class Asked:
    """min_quality: mean quality (0 to 1) below which a video is refused; 0: by nothing that makes it read wrong either.
    largest_face: whether the largest of several faces is read. anchor: SpO2 that is known of some seconds, or what the model was
    off in another recording. profile: of the camera and lamp. uncalibrated: a trend, instead of percentages.

    Raises TastError where one excludes another.
    """

    min_quality: float = MIN_QUALITY
    largest_face: bool = False
    anchor: Sequence[Reading] | KeptAnchor | None = None
    profile: CameraProfile | None = None
    uncalibrated: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.min_quality <= 1:
            raise TastError(f"min_quality {self.min_quality:g}; expected 0 to 1")
        given = "an anchor" if self.anchor is not None else "a profile" if self.profile is not None else ""
        if self.uncalibrated and given:
            raise TastError(f"uncalibrated: {given} gives percentages; expected one of the two")
        if isinstance(self.anchor, KeptAnchor):
            self.anchor.require(self.profile)


PLAIN = Asked()


@dataclass(frozen=True)
class AskedOfEach:
    """The same of several videos, by their names. each: what holds for all; its anchor and profile are those of the video."""

    each: Asked = PLAIN
    anchors: Anchors = field(default_factory=Anchors)
    profiles: Profiles = field(default_factory=Profiles)

    def __post_init__(self) -> None:
        if not self.profiles.of_video and isinstance(self.anchors.of_all, KeptAnchor):
            self.anchors.of_all.require(self.profiles.of_all)  # said once, and not of each video

    def of(self, video: str) -> Asked:
        """Raises VideoRejected where others have an anchor or a profile and this one has none; as Asked."""
        return replace(self.each, anchor=self.anchors.of(video), profile=self.profiles.of(video))
