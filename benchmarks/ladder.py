"""The codec ladder: the same recordings through many codings, and changed in other ways, each read as `tast predict` reads it.

    tast benchmark ladder [--model models/tast_net] [--people 2] [--clip VIDEO --pulse 59] [--publish]

Recordings are lossless ones in the worlds of params.yaml, of people whom no training saw: those who come after its own. Each is
read without an anchor and anchored by what the oximeter showed in its first 10 s: then the seconds after it count. A
step holds where 85 % of its seconds lie within their interval, or where the video is refused by a cause that is the
step's own; what lost nothing must be read. What is answered is coded a second time in the same way, decoded as a player does it:
the answer may move by no more than half of its interval. Limits of the causes were chosen on other recordings.

--clip: the video of a living person whose pulse per minute is known (--pulse), e.g. rPPG_video.mp4 of the public repository
marnixnaber/rPPG, whose pulse is 59: of it the pulse must be right, what the model cannot know must be said, and no percentage
be told without an anchor. --publish writes the tables into docs/worlds.md.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import numpy as np
import pandas as pd
import torch
from threadpoolctl import threadpool_limits
from torch import nn

from benchmarks.changes import Change, changed_light, deep, denoised, exchanged, lossy, slow_lamp, white_step
from benchmarks.clip import Told, clip_lines, clip_rows, clip_told, told_of
from benchmarks.results import Row, write_between, write_rows
from flows import running
from flows.progress import progress
from tast.anchors import SPAN_S, Reading, reading_of
from tast.clip_store import Reject
from tast.datasets.phantom_set import plan_phantom
from tast.datasets.recordings import read_recordings
from tast.errors import TastError, VideoRejected
from tast.params import load_params
from tast.prediction.asked import PLAIN, Asked
from tast.prediction.causes.known import COMPRESSION, FROZEN
from tast.prediction.predict import read_video
from tast.prediction.trace import PredictedTrace
from tast.preprocessing.clips import labels_per_second
from tast.records import FloatArray, VideoRecord, VideoSource
from tast.saved_model import ModelCard, load_model, weights_digest
from tast.video.coding import Coding
from tast.video.read import read_frames
from tast.video.write_coded import Timed, write_coded

PAGE = Path("docs/worlds.md")
BEGIN, END = "<!-- ladder: tast benchmark ladder --publish -->", "<!-- end of ladder -->"
PEOPLE, SECONDS = 2, 20
INSIDE, MOVED = 0.85, 1.0  # share of the seconds; half-widths of the interval
FLICKER_HZ = 1.2
HOW = ("alone", "anchored")
H264 = Coding("h264", ".mp4", quality=0, matrix="bt709")
WHOLE = replace(H264, subsampling="444")
HLG = Coding("hevc", ".mp4", quality=0, bits=10, matrix="bt2020", transfer="hlg")
SQUEEZED = (COMPRESSION.name, FROZEN.name)


@dataclass(frozen=True)
class Step:
    """coding: as written; None: the recording as it is. refused_by: causes by which it may be refused; none: it must be read.
    change: what is done to the frames before. width_px: they are scaled to, where it is not 0."""

    coding: Coding | None
    refused_by: tuple[str, ...] = ()
    change: Change | None = None
    width_px: int = 0


STEPS: dict[str, Step] = {
    "as recorded": Step(None),
    "H.264 crf 0, 4:4:4": Step(WHOLE),
    "H.264 crf 0": Step(H264),
    **{f"H.264 crf {crf}": Step(replace(H264, quality=crf), SQUEEZED) for crf in (4, 8)},
    **{f"H.264 crf {crf}, 4:4:4": Step(replace(WHOLE, quality=crf), SQUEEZED) for crf in (14, 18, 23)},
    "H.264 crf 8, 640x480": Step(replace(H264, quality=8), SQUEEZED, width_px=640),
    **{
        f"Motion JPEG, {rate} bit/px": Step(Coding("mjpeg", ".avi", bits_per_pixel=rate, full_range=True), SQUEEZED)
        for rate in (0.57, 2.0)
    },
    **{f"HEVC crf {crf}": Step(Coding("hevc", ".mp4", quality=crf, matrix="bt709"), SQUEEZED) for crf in (8, 20)},
    "VP9, 0.3 bit/px": Step(Coding("vp9", ".mkv", bits_per_pixel=0.3, matrix="bt709"), SQUEEZED),
    "HLG, lossless": Step(HLG),
    **{f"HLG, {rate} bit/px": Step(replace(HLG, quality=None, bits_per_pixel=rate), SQUEEZED) for rate in (1.6, 0.4, 0.2)},
    "lamp flickers by 2 % at 1.2 Hz": Step(WHOLE, ("flicker", "one wave"), changed_light(slow_lamp(FLICKER_HZ))),
    "white balance steps by 12 %": Step(WHOLE, ("white balance",), changed_light(white_step)),
    "denoised in time": Step(WHOLE, (), denoised),
    "frames lost and shown twice": Step(WHOLE, ("frames",), lossy),
    "red and blue exchanged": Step(WHOLE, ("red and blue exchanged",), exchanged),
}


def recordings(people: int, model: nn.Module, card: ModelCard, folder: Path) -> tuple[list[VideoRecord], list[str]]:
    """In the worlds of params.yaml, where no coding has lost anything yet, the first of the people who come after its own whose
    recordings are read as they are; and of those before who are not, why: of these a coding could change nothing."""
    plan = load_params().download.phantom.model_dump()
    if plan["worlds"] is None:
        raise TastError("params.yaml has no worlds; expected download.phantom.worlds, in which the ladder's people are filmed")
    plan["worlds"]["codings"] = ("lossless",)
    tried = plan["worlds"]["count"]
    planned = plan_phantom(**plan | {"subjects": plan["subjects"] + tried, "sessions": 1, "seconds": SECONDS})
    read: list[VideoRecord] = []
    refused: list[str] = []
    for session in planned.sessions[-tried:]:
        place = folder / str(session.subject)
        planned.write_sessions([session], place)
        planned.finish([session], place)
        (record,) = read_recordings(place)
        if isinstance(record, Reject):
            raise TastError(f"{record.record_id}: {record.reason}; expected a recording that can be read")
        answer = told(record.video, record.record_id, model, card, 97.0)["alone"]
        if answer.trace is None:
            refused.append(f"{record.record_id}: {answer.refused}")
        else:
            read.append(record)
        if len(read) == people:
            return read, refused
    raise TastError(f"{len(read)} of {tried} people are read as they are; expected {people}")


def coded(record: VideoRecord, step: Step, place: Path) -> VideoSource:
    """place: of the file, without its suffix."""
    if step.coding is None:
        return record.video
    frames = read_frames(record.video)
    return _written(iter(step.change(list(frames))) if step.change else frames, step.coding, place, step.width_px)


def coded_again(video: VideoSource, coding: Coding, place: Path) -> VideoSource:
    return _written(read_frames(video), coding, place)


def _written(frames: Iterator[Timed], coding: Coding, place: Path, width_px: int = 0) -> VideoSource:
    scaled = ((time_s, _scaled(picture, width_px)) for time_s, picture in frames) if width_px else frames
    return VideoSource(write_coded(place, deep(scaled, coding.bits), coding))


def _scaled(picture: np.ndarray, width_px: int) -> np.ndarray:
    height_px = round(picture.shape[0] * width_px / picture.shape[1])
    return cv2.resize(picture, (width_px, height_px), interpolation=cv2.INTER_CUBIC)


def told(video: VideoSource, name: str, model: nn.Module, card: ModelCard, first_percent: float) -> dict[str, Told]:
    """HOW -> what `tast predict` tells; anchored: by a reading of first_percent in the first SPAN_S."""
    try:
        trace = read_video(name, video, model, card)
    except VideoRejected as error:
        return dict.fromkeys(HOW, Told(None, error.reason))
    anchor = [Reading(0.0, SPAN_S, first_percent, reading_of("97").sd_percent)]
    return {"alone": told_of(trace, PLAIN), "anchored": told_of(trace, Asked(anchor=anchor))}


def scored(told: Told, how: str, record: VideoRecord, again: Told, label_delay_s: float) -> pd.DataFrame:
    """A row for each second that counts: true, given, lower and upper percent, half_width; again: given by the second coding."""
    if told.trace is None:
        start_s = np.arange(0.0, np.floor(record.spo2.times_s[-1] - label_delay_s))
        given: dict[str, Any] = dict.fromkeys(("given", "lower", "upper", "half_width"), np.nan)
    else:
        trace = told.trace
        start_s = trace.start_s
        given = {
            "given": trace.spo2_percent, "lower": trace.lower_percent, "upper": trace.upper_percent,
            "half_width": trace.half_width_percent,
        }  # fmt: skip
    rows = pd.DataFrame({"start_s": start_s, "true": true_percent(record, start_s, label_delay_s), **given})
    rows["again"] = np.nan if again.trace is None else _at(start_s, again.trace)
    kept = rows["start_s"] >= (SPAN_S if how == "anchored" else 0.0)
    return rows[kept & rows["true"].notna()]


def true_percent(record: VideoRecord, start_s: FloatArray, label_delay_s: float) -> FloatArray:
    """(S,) SpO2 of the face in the seconds that begin at start_s: what the oximeter shows label_delay_s later."""
    return np.array([labels_per_second(record.spo2, at_s + label_delay_s, 1)[0] for at_s in start_s])


def _at(start_s: FloatArray, trace: PredictedTrace) -> FloatArray:
    """What a trace gives in the seconds that begin at start_s; NaN where it has none within half a second."""
    nearest = np.abs(trace.start_s[None, :] - start_s[:, None]).argmin(axis=1)
    near = np.abs(trace.start_s[nearest] - start_s) < 0.5
    return np.where(near, trace.spo2_percent[nearest], np.nan)


def climb(
    records: Sequence[VideoRecord], model: nn.Module, card: ModelCard, label_delay_s: float, folder: Path
) -> Iterator[pd.DataFrame]:
    """A table for each step, recording and HOW: its seconds, and how it was told."""
    for name, step in STEPS.items():
        for record in records:
            video = coded(record, step, folder / "once")
            first = true_percent(record, np.arange(round(SPAN_S)) + 0.5, label_delay_s)
            answer = told(video, record.record_id, model, card, float(np.rint(np.nanmean(first))))
            again = dict.fromkeys(HOW, Told(None))
            if step.coding is not None and step.coding.quality != 0 and any(one.trace for one in answer.values()):
                twice = coded_again(video, step.coding, folder / "twice")
                again = told(twice, record.record_id, model, card, float(np.rint(np.nanmean(first))))
            for how in HOW:
                yield scored(answer[how], how, record, again[how], label_delay_s).assign(
                    step=name, how=how, recording=record.record_id, causes="; ".join(answer[how].causes),
                    marked="; ".join(answer[how].marked), mbit_per_s=megabits_per_s(video, record),
                )  # fmt: skip


def megabits_per_s(video: VideoSource, record: VideoRecord) -> float:
    files = [video.path / name for name in video.frame_files] if video.frame_files else [video.path]
    return 8e-6 * sum(file.stat().st_size for file in files) / float(np.ptp(record.spo2.times_s))


@dataclass(frozen=True)
class Result:
    """Of one step and HOW. held: share of its seconds that lie inside, or whose video is refused as it may be. inside, rmse: of
    those answered, NaN of none. moved: by a second coding, at most, in half-widths; NaN of none. refused, marked: cause -> how
    many of the n_videos."""

    held: float
    inside: float
    rmse_percent: float
    moved: float
    n_videos: int
    refused: dict[str, int]
    marked: dict[str, int]
    mbit_per_s: float


def result_of(seconds: pd.DataFrame, step: Step) -> Result:
    """seconds: as climb gives them, of one step and HOW."""
    answered = seconds[seconds["given"].notna()]
    inside = answered["true"].between(answered["lower"], answered["upper"])
    refused = seconds["causes"].map(lambda names: any(name in step.refused_by for name in names.split("; ")))
    held = refused.where(seconds["given"].isna(), inside.reindex(seconds.index, fill_value=False))
    moved = (answered["again"] - answered["given"]).abs() / answered["half_width"]
    videos = seconds.groupby("recording").first()
    return Result(
        float(held.mean()), float(inside.mean()) if len(answered) else float("nan"),
        float(np.sqrt(((answered["given"] - answered["true"]) ** 2).mean())) if len(answered) else float("nan"),
        float(moved.max()), len(videos), _counts(videos["causes"]), _counts(videos["marked"]), float(videos["mbit_per_s"].mean()),
    )  # fmt: skip


def _counts(named: pd.Series) -> dict[str, int]:
    """Of texts that join names by "; " -> how many texts have each name."""
    names = named.str.split("; ").explode()
    return {str(name): int(count) for name, count in names[names != ""].value_counts().items()}


def rows_of(results: dict[tuple[str, str], Result]) -> list[Row]:
    """results: by step and HOW."""
    rows = []
    for (name, how), result in results.items():
        rows.append(Row(f"{name}, {how}: inside the interval, or refused by its cause", result.held, "1", must=INSIDE))
        if np.isfinite(result.rmse_percent):
            rows.append(Row(f"{name}, {how}: RMSE of what is answered", result.rmse_percent, "points of SpO2", better="lower"))
        if np.isfinite(result.moved):
            rows.append(Row(f"{name}, {how}: moved by coding again, at most", result.moved, "half-widths of the interval",
                            better="lower", must=MOVED))  # fmt: skip
    return rows


def lines(results: dict[tuple[str, str], Result]) -> list[str]:
    """Markdown: a line for each step."""
    table = ["| step | Mbit/s | alone: RMSE | inside | anchored: RMSE | inside | coded again | refused | marked | |",
             "|---|---:|---:|---:|---:|---:|---:|---|---|---|"]  # fmt: skip
    for name in dict.fromkeys(name for name, _ in results):
        both = [results[name, how] for how in HOW]
        cells = [cell for one in both for cell in (_number(one.rmse_percent, "{:.1f}"), _number(one.inside, "{:.0%}"))]
        moved = _number(float(np.fmax(both[0].moved, both[1].moved)), "{:.2f}")
        short = [
            how for how, one in zip(HOW, both, strict=True) if one.held < INSIDE or (np.isfinite(one.moved) and one.moved > MOVED)
        ]
        refused, marked = ("; ".join(_named(getattr(one, what), one.n_videos, how) for how, one in zip(HOW, both, strict=True)
                                     if getattr(one, what)) for what in ("refused", "marked"))  # fmt: skip
        verdict = f"**falls short** {' and '.join(short)}" if short else "holds"
        row = [name, f"{both[0].mbit_per_s:.2f}", *cells, moved, refused, marked, verdict]
        table.append(f"| {' | '.join(row)} |")
    return table


def _number(value: float, form: str) -> str:
    return form.format(value) if np.isfinite(value) else ""


def _named(counts: dict[str, int], n_videos: int, how: str) -> str:
    return f"{how}: " + ", ".join(
        name if count == n_videos else f"{name} ({count} of {n_videos})" for name, count in counts.items()
    )


def measure(people: int, model: nn.Module, card: ModelCard, folder: Path) -> tuple[dict[tuple[str, str], Result], list[str]]:
    """By step and HOW; and of whom nothing is read, without any coding, why."""
    records, refused = recordings(people, model, card, folder / "recordings")
    delay_s = load_params().preprocess.label_delay_s
    tables = []
    with progress("read", len(STEPS) * len(records) * len(HOW)) as advance:
        for table in climb(records, model, card, delay_s, folder):
            tables.append(table)
            advance(1, "")
    seconds = pd.concat(tables, ignore_index=True)
    of = seconds["step"], seconds["how"]
    return {
        (name, how): result_of(seconds[(of[0] == name) & (of[1] == how)], step) for name, step in STEPS.items() for how in HOW
    }, refused


def head(people: int, refused: Sequence[str], model: Path) -> str:
    others = f" Refused as they are, before any coding: {'. '.join(refused)}." if refused else ""
    return f"`tast benchmark ladder`, {people} people, {SECONDS} s each; weights {weights_digest(model)[:9]}.{others}"


def publish(results: dict[tuple[str, str], Result], head: str, clip: Sequence[str], page: Path = PAGE) -> None:
    """Put the tables into the page, between its two marks."""
    write_between(page, BEGIN, END, [head, "", *lines(results), *(["", *clip] if clip else [])])


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="tast benchmark ladder", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, default=Path("models/tast_net"), help="folder of a saved model; models/tast_net")
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--clip", type=Path, help="video of a living person")
    parser.add_argument("--pulse", type=float, help="of the person in the clip, per minute")
    parser.add_argument("--publish", action="store_true", help=f"the tables into {PAGE}")
    asked = parser.parse_args()
    if (asked.clip is None) != (asked.pulse is None):
        parser.error("--clip and --pulse belong together")
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    model, card = load_model(asked.model)
    with threadpool_limits(1), tempfile.TemporaryDirectory() as folder:
        results, refused = measure(asked.people, model, card, Path(folder))
        answers = clip_told(asked.clip, model, card) if asked.clip else {}
    of_clip = clip_rows(answers, asked.pulse) if answers else []
    write_rows("ladder", [*rows_of(results), *of_clip])
    if asked.publish:
        publish(results, head(asked.people, refused, asked.model), clip_lines(answers, of_clip) if answers else [])


if __name__ == "__main__":
    running.run(main)
