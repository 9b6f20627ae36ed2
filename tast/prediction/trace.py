"""What a prediction is: SpO2 per second of a video, with an interval and the quality that it rests on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from tast.anchors import SPAN_S, Offset, Reading, light_from, offset_by, seconds_from
from tast.errors import TastError, VideoRejected
from tast.prediction.causes.findings import Findings, joined_findings
from tast.prediction.profiles import CameraProfile
from tast.prediction.pulse import decibel
from tast.records import SourceFacts
from tast.training.anchored_interval import AnchoredInterval
from tast.training.change_scale import ChangeScale, scaled
from tast.training.interval import PredictionInterval, around

FloatArray = npt.NDArray[np.floating]

TREND_UNIT_PERCENT = 10.0  # of what the model gives: a trend must not look like points of SpO2
RENDERED = "phantom"  # the data set of people who are no people
RENDERED_ALONE = "the model has seen rendered people alone: what it says of living ones nobody has checked"


@dataclass(frozen=True, eq=False, repr=False)
class PredictedTrace:
    """SpO2 of one video's face; every array (S,), one value per second.

    name: of the video. start_s: when each second begins, in seconds since the video's first frame. spo2_percent: predicted.
    face_share: share of the second's frames in which the face was seen. pulse_share: how clear the pulse is, 0 to 1 (see
    tast.prediction.pulse). pulse_per_minute: its rate, NaN where there is none. changing_percent: what the model follows a change
    by, before any anchor; its level means nothing (tast.training.change_reader). brightness: logarithm of the light behind the
    face, NaN where it is unknown; only its changes mean something. interval: how far spo2_percent may be off
    without an anchor, anchored_interval: with one; None where the model does not say. change_scale: what a change means that is
    read so, from an anchor on. anchor: by what it was moved, if it was.
    notes: what was met in the video, and mended or left out. source: what it is made of, where that is known. findings: causes
    of a wrong reading that hold. trend: of a trace without percentages, where spo2_percent is NaN: the change since its first
    seconds, in tens of points of the model's own, which are points of SpO2 only where it was trained. trained_on: the data sets
    whose people the model has seen; empty where it does not say. profile: of its camera and lamp, that it was read by: of these
    something is known then, whatever the model was trained on. codec_known: the model was trained on videos of this codec, so
    that its interval knows what that loses.
    """

    name: str
    start_s: FloatArray
    spo2_percent: FloatArray
    face_share: FloatArray
    pulse_share: FloatArray
    pulse_per_minute: FloatArray
    changing_percent: FloatArray
    brightness: FloatArray
    interval: PredictionInterval | None
    lowest_percent: float
    highest_percent: float
    anchored_interval: AnchoredInterval | None = None
    change_scale: ChangeScale | None = None
    anchor: Offset | None = None
    notes: tuple[str, ...] = ()
    source: SourceFacts | None = None
    findings: Findings = field(default_factory=Findings)
    trend: FloatArray | None = None
    trained_on: tuple[str, ...] = ()
    profile: CameraProfile | None = None
    codec_known: bool = False

    def __post_init__(self) -> None:
        shapes = {array.shape for array in (self.start_s, self.spo2_percent, self.face_share, self.pulse_share)}
        shapes |= {self.changing_percent.shape, self.brightness.shape}
        if shapes | {self.pulse_per_minute.shape} != {(len(self.start_s),)} or not len(self.start_s):
            raise ValueError(f"each array of a trace must be (S,), S > 0, not {sorted(shapes)}")
        if self.findings.measures and len(self.findings) != len(self):
            raise ValueError(f"causes of {len(self.findings)} s in a trace of {len(self)} s")

    def __len__(self) -> int:
        return len(self.start_s)

    def __repr__(self) -> str:
        return f"PredictedTrace({self.name}, {len(self)} s, {self.spo2_percent.mean():.1f} %)"

    @property
    def quality(self) -> FloatArray:
        """(S,) 0 to 1: face_share times pulse_share."""
        return self.face_share * self.pulse_share

    @property
    def calibrated_by(self) -> str:
        """What the level of SpO2 rests on beside the model: `profile`, `anchor` or `profile+anchor`; empty where on nothing."""
        return "+".join(name for name, given in (("profile", self.profile), ("anchor", self.anchor)) if given is not None)

    @property
    def basis(self) -> tuple[str, ...]:
        """Sentences of what its values rest on beside the model, and of where that ends; none of what the model alone gives."""
        if self.trend is not None:
            return (f"no percentage is known: its trend is the change since the first {SPAN_S:g} s, in units of no scale",)
        said = []
        if self.profile is not None:
            of_whom = f" of {self.profile.person} alone: it holds for nobody else" if self.profile.person else ""
            said.append(f"read by the profile of a camera and lamp, from {self.profile.n_recordings} recordings{of_whom}")
        if self.anchor is not None:
            readings = [f"{one.spo2_percent:g} % at {one.begin_s:g} to {one.end_s:g} s" for one in self.anchor.readings]
            said.append(f"anchored by {', '.join(readings) or 'what was kept of another recording'}")
        if self.profile is not None and (beyond := self.profile.is_beyond(self._unbounded_percent)).any():
            seen = f"{self.profile.lowest_percent:.0f} to {self.profile.highest_percent:.0f} %"
            said.append(f"{beyond.sum()} of {len(self)} s lie far beyond the {seen} that the profile was learnt from")
        if np.isnan(self.coverage):
            is_outside = self.anchor is not None and self.profile is None and self.findings.outside()
            why = "how far it errs outside of its training nobody knows" if is_outside else "the model knows none"
            said.append(f"no interval: {why}")
        return tuple(said)

    @property
    def caution(self) -> str:
        """What nobody should read a value without knowing, of a model that has seen rendered people alone; else empty."""
        return RENDERED_ALONE if set(self.trained_on) == {RENDERED} else ""

    @property
    def coverage(self) -> float:
        """The share of seconds whose true SpO2 the interval is made to hold; NaN where the model does not say."""
        interval = self.interval if self.anchor is None else self._interval_of_anchor
        return float("nan") if interval is None else interval.coverage

    @property
    def _interval_of_anchor(self) -> AnchoredInterval | None:
        """None outside of the model's training: there its errors are others than those that the interval was made from."""
        return self.anchored_interval if self.profile or not self.findings.outside() else None

    @property
    def half_width_percent(self) -> FloatArray:
        """(S,) of the interval; NaN where the model does not say."""
        if self.anchor is None:
            return np.full(len(self), np.nan if self.interval is None else self.interval.half_width_percent)
        if self._interval_of_anchor is None:
            return np.full(len(self), np.nan)
        since_s = seconds_from(self.start_s, self.anchor.readings)
        light = light_from(self.start_s, self.brightness, self.anchor.readings)
        return self._interval_of_anchor.half_width_percent(self._change_percent, since_s, self.anchor.sd_percent, light)

    @property
    def _change_percent(self) -> FloatArray:
        """(S,) how far each second is from the nearest level that SpO2 is known to have had."""
        levels = [one.spo2_percent for one in self.anchor.readings] if self.anchor else []
        anchored = self._unbounded_percent
        return np.min([abs(anchored - level) for level in levels or [float(anchored[0])]], axis=0)

    @property
    def _unbounded_percent(self) -> FloatArray:
        """(S,) what is read by the profile and from the anchor on, before it is held within what SpO2 can be."""
        if self.anchor is None:
            return self.changing_percent
        level = self.anchor.level_percent
        moved = self.changing_percent - self.anchor.percent
        return moved if np.isnan(level) else level + scaled(self.change_scale, moved - level, level)

    def anchored(self, by: Sequence[Reading] | Offset) -> PredictedTrace:
        """The same, moved so that it agrees with what is known: of some of its seconds, or by an offset of another recording.

        Raises VideoRejected where a reading holds for none of its seconds.
        """
        try:
            offset = by if isinstance(by, Offset) else offset_by(self.start_s, self.changing_percent, by)
        except TastError as error:
            raise VideoRejected(self.name, str(error)) from None
        moved = replace(self, anchor=offset)
        return replace(moved, spo2_percent=np.clip(moved._unbounded_percent, self.lowest_percent, self.highest_percent))

    @property
    def lower_percent(self) -> FloatArray:
        return self._interval_ends[0]

    @property
    def upper_percent(self) -> FloatArray:
        return self._interval_ends[1]

    @property
    def _interval_ends(self) -> tuple[FloatArray, FloatArray]:
        return around(self.spo2_percent, self.half_width_percent, self.lowest_percent, self.highest_percent)

    def as_trend(self) -> PredictedTrace:
        """The same without a percentage: how SpO2 moves, of which nobody knows how many points it is."""
        first = self.start_s < self.start_s[0] + SPAN_S
        trend = (self.changing_percent - self.changing_percent[first].mean()) / TREND_UNIT_PERCENT
        return replace(self, spo2_percent=np.full(len(self), np.nan), interval=None, trend=trend)

    def table(self) -> pd.DataFrame:
        """One row per second, as it is written and served; coverage: share of seconds whose true SpO2 the interval holds."""
        return pd.DataFrame({
            "video": self.name, "start_s": self.start_s.round(3), "spo2_percent": self.spo2_percent.round(2),
            "lower_percent": self.lower_percent.round(2), "upper_percent": self.upper_percent.round(2),
            "coverage": self.coverage, "quality": self.quality.round(3),
            "face_share": self.face_share.round(3), "pulse_snr_db": decibel(self.pulse_share).round(1),
            "pulse_per_minute": self.pulse_per_minute.round(1),
            "anchored_by_percent": np.nan if self.anchor is None else round(-self.anchor.percent, 2),
            "trend": np.nan if self.trend is None else self.trend.round(3),
            "calibrated_by": self.calibrated_by,
            "trained_on": "+".join(self.trained_on),
            "causes": ["; ".join(names) for names in self.findings.per_second(len(self))],
        })  # fmt: skip


def joined(traces: Sequence[PredictedTrace], notes: tuple[str, ...] = ()) -> PredictedTrace:
    """Traces of one video's pieces, in order of time, as one; `notes` after their own."""
    names = ("start_s", "spo2_percent", "face_share", "pulse_share", "pulse_per_minute", "changing_percent", "brightness")
    arrays = {name: np.concatenate([getattr(trace, name) for trace in traces]) for name in names}
    findings = joined_findings([trace.findings for trace in traces])
    return replace(traces[0], **arrays, findings=findings, notes=sum((trace.notes for trace in traces), ()) + notes)
