"""A video in, a trace of SpO2 out: preprocessed, cut into windows and read as the model's card says, nothing else to set.

SpO2 is that of the face: an oximeter on the finger shows the same later, by the label_delay_s that the model was trained with.
Videos longer than PIECE_S are read piece by piece, so that memory does not grow with their length.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from tast.errors import VideoRejected
from tast.pictures import Picture
from tast.prediction import MIN_QUALITY
from tast.prediction.anchoring import KeptAnchor
from tast.prediction.asked import PLAIN, Asked
from tast.prediction.calibrating import calibrated
from tast.prediction.causes.evidence import Gathering
from tast.prediction.causes.findings import Findings, find_causes
from tast.prediction.pulse import hint_of_rate, pulse_course
from tast.prediction.trace import PredictedTrace, joined
from tast.preprocessing.pieces import piece_by_piece
from tast.preprocessing.pipeline import settings_of
from tast.preprocessing.resample import mean_rate_hz
from tast.preprocessing.steps import after_each_step
from tast.ratio_of_ratios import pulse_signals
from tast.records import FaceVideo, FloatArray, VideoSource
from tast.saved_model import ModelCard
from tast.seconds import overlap_mean, window_starts
from tast.training.change_reader import brightness, window_colours
from tast.training.dataset import clip_input
from tast.training.domain import colours_of, distances
from tast.training.sampling import batches_in_order
from tast.video.facts import SourceMeter, doubts
from tast.video.images import MAX_PIXELS
from tast.video.read import read_pictures

ReadsPictures = Callable[..., Iterator[tuple[float, Picture]]]  # as read_pictures does
BATCH_SIZE = 16
NO_PERCENTAGE = (
    "no percentage can be told (give SpO2 of some seconds as `anchor`, or a `profile` of camera and lamp, or ask for the trend "
    "alone, `uncalibrated`)"
)
AN_ANCHOR_IS_OF_NO_USE = "no percentage can be told, with an anchor neither (ask for the trend alone, `uncalibrated`)"


def predict_video(
    name: str, video: VideoSource, model: nn.Module, card: ModelCard, asked: Asked = PLAIN, *, max_pixels: int = MAX_PIXELS,
    watch: Callable[[], None] = lambda: None, pictures: ReadsPictures = read_pictures,
) -> PredictedTrace:  # fmt: skip
    """SpO2 per second of a video on disk: what read_video reads, as `delivered` gives it. Raises as both."""
    trace = read_video(
        name, video, model, card, min_quality=asked.min_quality, largest_face=asked.largest_face, max_pixels=max_pixels,
        watch=watch, pictures=pictures,
    )  # fmt: skip
    return delivered(trace, asked)


def predict_frames(
    name: str, frames: Iterable[tuple[float, Picture]], model: nn.Module, card: ModelCard, asked: Asked = PLAIN, *,
    watch: Callable[[], None] = lambda: None,
) -> PredictedTrace:  # fmt: skip
    """The same of frames (time_s, picture, RGB or YUV) from anywhere: what read_frames reads, as `delivered` gives it."""
    trace = read_frames(
        name, frames, model, card, min_quality=asked.min_quality, largest_face=asked.largest_face, watch=watch
    )  # fmt: skip
    return delivered(trace, asked)


def delivered(trace: PredictedTrace, asked: Asked) -> PredictedTrace:
    """What a user is given of a trace that was read: by the profile, from the anchor on, as a trend, or as it stands.

    With an anchor, what is predicted is moved by it, and the interval is that of anchored predictions (tast.anchors). By a
    profile, camera and lamp are known. Raises VideoRejected where nothing is asked for and most seconds lie outside of what the
    model was trained on, where a percentage is asked for and a codec took the colours that it would be read from, and where an
    anchor holds for none of its seconds.
    """
    if asked.profile is not None:
        trace = calibrated(trace, asked.profile)
    if asked.uncalibrated:
        return trace.as_trend()
    _require_percentage(trace, known_of=asked.profile is not None or asked.anchor is not None)
    if asked.anchor is None:
        return trace
    return trace.anchored(asked.anchor.offset if isinstance(asked.anchor, KeptAnchor) else asked.anchor)


def read_video(
    name: str, video: VideoSource, model: nn.Module, card: ModelCard, *, max_pixels: int = MAX_PIXELS,
    pictures: ReadsPictures = read_pictures, **reading: Any
) -> PredictedTrace:  # fmt: skip
    """A video on disk, before anybody is told a percentage; of one that breaks off, its good part, and its notes say so.

    As read_frames; raises BadInput as well, where the video cannot be read. A frame of more than max_pixels is not decoded.
    pictures: who decodes; the same in a process of its own where strangers send the video.
    """
    defects: list[str] = []
    meter = SourceMeter()
    try:
        frames = pictures(video, defects, max_pixels=max_pixels, meter=meter)
        trace = read_frames(name, frames, model, card, meter=meter, **reading)
    except VideoRejected as error:
        raise VideoRejected(name, "; ".join([error.reason, *defects])) from None
    facts = meter.facts()
    hint = hint_of_rate(trace.pulse_per_minute, facts.measured_hz) if facts else ()
    return replace(trace, notes=trace.notes + tuple(defects) + doubts(facts) + hint, source=facts)


def read_frames(
    name: str, frames: Iterable[tuple[float, Picture]], model: nn.Module, card: ModelCard, *, min_quality: float = MIN_QUALITY,
    largest_face: bool = False, watch: Callable[[], None] = lambda: None, meter: SourceMeter | None = None,
) -> PredictedTrace:  # fmt: skip
    """Frames from anywhere, read once, before anybody is told a percentage.

    Raises VideoRejected: no face, several faces unless the largest_face is wanted, face lost, frame rate too low, shorter than a
    clip, a cause by which most seconds cannot be read (tast.prediction.causes; none is asked for with min_quality 0), or a mean
    quality (0 to 1) below min_quality. Of a long video, only the pieces whose face cannot be followed are left out, and its notes
    say so. meter: what sees the frames as they are decoded. watch is called again and again on the way; what it raises ends the
    work.
    """
    left_out: list[str] = []
    predict_piece = partial(_predict_piece, name, model=model, card=card, largest_face=largest_face, watch=watch, meter=meter)
    traces = list(piece_by_piece(name, _watched(frames, watch), predict_piece, left_out))
    trace = joined(traces, tuple(left_out))
    if meter is not None and (facts := meter.facts()) is not None:
        findings = trace.findings.with_source(facts, len(trace))
        trace = replace(trace, findings=findings, codec_known=card.knows_losses_of(facts))
    require_readable(trace, min_quality)
    return trace


def _require_percentage(trace: PredictedTrace, known_of: bool) -> None:
    """Far from all that the model was trained on its percentages mean nothing; a change since known seconds still may. Where
    a codec took the pulse's colour neither does, unless the model was trained on what it leaves."""
    untold = () if trace.codec_known else trace.findings.untold(anchored=known_of)
    outside = () if known_of else trace.findings.outside()
    if untold or outside:
        why = dict.fromkeys(untold + outside + trace.findings.mostly_marked())
        of_no_use = untold and trace.findings.untold(anchored=True)
        raise VideoRejected(trace.name, f"{'; '.join(why)}: {AN_ANCHOR_IS_OF_NO_USE if of_no_use else NO_PERCENTAGE}")


def _predict_piece(
    name: str, frames: Iterable[tuple[float, Picture]], *, model: nn.Module, card: ModelCard, largest_face: bool,
    watch: Callable[[], None], meter: SourceMeter | None,
) -> PredictedTrace:  # fmt: skip
    gathering = Gathering()
    for step_name, step in after_each_step(name, gathering.watched(frames), settings_of(card.preprocessing), meter):
        watch()
        face = step
        if not largest_face:
            _require_one_face(face)
        gathering.take(step_name, face)
    trace = predict_face(face, model, card)
    clips = card.preprocessing["clips"]
    evidence = gathering.evidence(face, float(clips["fps_hz"]), int(clips["length_s"]), trace.pulse_share, trace.pulse_per_minute)
    return replace(trace, findings=find_causes(evidence).with_domain(trace.findings.measures))


def _require_one_face(face: FaceVideo) -> None:
    """Of several, nobody knows whose SpO2 is wanted; the largest may be somebody else's a second later."""
    if others := int(face.notes.get("other_faces", 0)):
        raise VideoRejected(face.record_id, f"{others + 1} faces in one frame, expected one (or that the largest is asked for)")


def _watched(frames: Iterable[tuple[float, Picture]], watch: Callable[[], None]) -> Iterator[tuple[float, Picture]]:
    for frame in frames:
        watch()
        yield frame


def predict_face(face: FaceVideo, model: nn.Module, card: ModelCard) -> PredictedTrace:
    """SpO2 per second of a face as preprocessing leaves it, from its first whole second on; a window begins with every second.

    A second that several windows show gets the mean of what they say. Raises VideoRejected where there is no whole window.
    """
    fps_hz = float(card.preprocessing["clips"]["fps_hz"])
    windows = windows_per_second(face, fps_hz, int(card.preprocessing["clips"]["length_s"]))
    unbounded_percent = card.scaling.unbounded_percent(_standardised(model, windows, fps_hz, card))
    seconds = unbounded_percent.shape[1]
    colours = _colours(face, card)
    changing_percent = unbounded_percent if card.change is None else card.change.changing(unbounded_percent, colours)
    pulse_share, pulse_per_minute = pulse_of(windows, fps_hz, seconds)
    start_s = face.times_s[0] + np.arange(len(pulse_share))
    return PredictedTrace(
        face.record_id, start_s, overlap_mean(card.scaling.bounded(unbounded_percent)),
        _mean_per_second(face.quality, fps_hz, len(start_s)), pulse_share, pulse_per_minute, overlap_mean(changing_percent),
        overlap_mean(np.repeat(brightness(colours)[:, None], seconds, axis=1)), card.interval, card.scaling.lowest_percent,
        card.scaling.highest_percent, card.anchored_interval, card.change.scale if card.change else None,
        trained_on=card.trained_on, findings=Findings(_outside(windows, fps_hz, seconds, card)),
    )  # fmt: skip


def _outside(windows: list[npt.NDArray[np.generic]], fps_hz: float, length_s: int, card: ModelCard) -> dict[str, FloatArray]:
    """What is measured -> (S,) how far each second is from what the model was trained on; empty of a card without a domain."""
    if not card.domain:
        return {}
    of_windows = distances(card.domain, [colours_of(window, fps_hz) for window in windows])
    return {name: overlap_mean(np.repeat(far[:, None], length_s, axis=1)) for name, far in of_windows.items()}


def _colours(face: FaceVideo, card: ModelCard) -> FloatArray:
    """(N, COLOURS) of the light of each window."""
    if face.light is None:
        raise ValueError(f"{face.record_id} has no light; expected a face that was masked in this process")
    fps_hz, length_s = float(card.preprocessing["clips"]["fps_hz"]), int(card.preprocessing["clips"]["length_s"])
    n_frames = round(length_s * fps_hz)
    starts = window_starts(len(face.light), fps_hz, n_frames)
    return np.array([window_colours(face.light[first : first + n_frames], fps_hz) for first in starts])


def pulse_of(windows: list[npt.NDArray[np.generic]], fps_hz: float, length_s: int) -> tuple[FloatArray, FloatArray]:
    """How clear the pulse is in each second that the windows show, 0 to 1, and its rate per minute; see tast.prediction.pulse."""
    course = pulse_course([pulse_signals(window) for window in windows], fps_hz)
    share, per_minute = (overlap_mean(np.repeat(column[:, None], length_s, axis=1)) for column in course)
    return share, per_minute


def windows_per_second(face: FaceVideo, fps_hz: float, length_s: int) -> list[npt.NDArray[np.generic]]:
    """(T, H, W, 3) windows of length_s seconds, one beginning with every second; they share the memory of the face's frames."""
    n_frames = round(length_s * fps_hz)
    starts = window_starts(len(face.frames), fps_hz, n_frames)
    if not starts:
        seen_s = len(face.frames) / mean_rate_hz(face.times_s)
        raise VideoRejected(face.record_id, f"{seen_s:.2f} s of face are shorter than a clip of {length_s} s")
    return [face.frames[first : first + n_frames] for first in starts]


@torch.no_grad()
def _standardised(
    model: nn.Module, windows: list[npt.NDArray[np.generic]], fps_hz: float, card: ModelCard
) -> npt.NDArray[np.float32]:
    """The model's output (N, S) for N windows."""
    outputs = []
    for batch in batches_in_order(len(windows), BATCH_SIZE):
        inputs = [clip_input(windows[i], fps_hz, kind=card.input_kind, frame_size_px=card.frame_size_px) for i in batch]
        outputs.append(model(torch.stack(inputs).float()))
    return np.asarray(torch.cat(outputs).numpy())


def _mean_per_second(values: FloatArray, fps_hz: float, n_seconds: int) -> FloatArray:
    edges = np.rint(np.arange(n_seconds + 1) * fps_hz).astype(int)
    return np.array([values[first:last].mean() for first, last in pairwise(edges)])


def require_readable(trace: PredictedTrace, min_quality: float) -> None:
    """Raises VideoRejected where it is not; with min_quality 0, nothing is required.

    What a codec left is named first: it may be why other causes hold, as where the background's blocks stand still and move with
    the face's.
    """
    quality = float(trace.quality.mean())
    reasons = trace.findings.unreadable() if min_quality > 0 else ()
    if reasons and not trace.codec_known:
        reasons = tuple(dict.fromkeys(trace.findings.untold() + reasons))
    if quality < min_quality:
        reasons = reasons or trace.findings.mostly()
        reasons += (
            f"quality {quality:.2f} is below {min_quality:.2f}: face seen in {trace.face_share.mean():.0%} of the frames, "
            f"pulse is {trace.pulse_share.mean():.0%} of what moves",
        )
    if reasons:
        raise VideoRejected(trace.name, "; ".join(reasons))
