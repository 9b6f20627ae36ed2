"""The codec ladder: what counts as held, what a second coding moves, how a refusal is named; files as its steps say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks import ladder
from benchmarks.changes import denoised, white_step
from benchmarks.clip import PULSE_SPAN, Told, clip_rows
from benchmarks.ladder import HOW, STEPS, Result, Step, coded, coded_again, lines, result_of, rows_of, scored
from tast.prediction.causes.findings import Findings
from tast.prediction.causes.known import COMPRESSION
from tast.prediction.trace import PredictedTrace
from tast.records import Spo2Trace, VideoRecord, VideoSource
from tast.training.domain import PULSE
from tast.training.interval import PredictionInterval
from tast.video.coding import Coding
from tast.video.read import read_frames, source_facts
from tast.video.write_coded import write_coded

SQUEEZED = f"{COMPRESSION.sentence} (19 of 19 s cannot be read)"


def trace(given: np.ndarray, first_s: float = 0.02, **kind: Any) -> PredictedTrace:
    ones = np.ones(len(given))
    kind = {"trained_on": ("phantom",)} | kind
    return PredictedTrace(
        "a", np.arange(len(given)) + first_s, given, ones, ones, ones * 70, given, np.nan * ones,
        PredictionInterval(0.9, 3.0, 8, 70), 50.0, 100.0, **kind,
    )  # fmt: skip


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> VideoRecord:
    """A second of noise as PNG, and an oximeter that falls from 95 by a point every two seconds, 30 s long."""
    random, times_s = np.random.default_rng(0), np.arange(30) / 30
    frames = [(time_s, random.integers(60, 190, (48, 64, 3), dtype=np.uint8)) for time_s in times_s.tolist()]
    folder = write_coded(tmp_path_factory.mktemp("pure") / "png", frames, Coding())
    names = tuple(sorted(path.name for path in folder.iterdir()))
    spo2_s = np.arange(0, 30, 0.1)
    return VideoRecord("pure", "01", "steady", "01-01", VideoSource(folder, names, times_s), Spo2Trace(spo2_s, 95 - spo2_s // 2))


def test_a_trace_is_scored_by_the_delayed_oximeter_and_an_anchors_seconds_do_not_count(record: VideoRecord) -> None:
    given = np.full(19, 90.0)
    alone = scored(Told(trace(given)), "alone", record, Told(trace(given + 1.5, first_s=0.05)), 2.0)
    assert len(alone) == 19 and alone["true"].iloc[0] == 94.0 and (alone["upper"] - alone["lower"]).eq(6.0).all()
    assert (alone["again"] - alone["given"]).eq(1.5).all()
    anchored = scored(Told(trace(given)), "anchored", record, Told(None), 2.0)
    assert anchored["start_s"].min() >= 10 and len(anchored) == 9 and anchored["again"].isna().all()


def seconds(record: VideoRecord, told: Told, again: Told | None = None) -> pd.DataFrame:
    return scored(told, "alone", record, again or Told(None), 2.0).assign(
        recording=record.record_id, causes="; ".join(told.causes), marked="; ".join(told.marked), mbit_per_s=1.0
    )


def test_a_step_holds_inside_the_interval_or_refused_by_its_own_cause_alone(record: VideoRecord) -> None:
    true = scored(Told(trace(np.full(19, 90.0))), "alone", record, Told(None), 2.0)["true"].to_numpy()
    step = Step(Coding("h264", ".mp4", quality=8), (COMPRESSION.name,))
    off = np.where(np.arange(19) < 5, 4.0, 1.0)
    inside = result_of(seconds(record, Told(trace(true + off)), Told(trace(true + off + 1.2))), step)
    assert inside.inside == inside.held == pytest.approx(14 / 19) and inside.moved == pytest.approx(0.4)
    assert inside.rmse_percent == pytest.approx(np.sqrt(np.mean(off**2)))
    refused = result_of(seconds(record, Told(None, SQUEEZED)), step)
    assert refused.held == 1.0 and np.isnan(refused.inside) and refused.refused == {"compression": 1}
    assert result_of(seconds(record, Told(None, SQUEEZED)), replace(step, refused_by=())).held == 0.0
    assert result_of(seconds(record, Told(None, "no face")), step).refused == {"other": 1}
    mixed = pd.concat([seconds(record, Told(trace(true))), seconds(record, Told(None, "no face")).assign(recording="b")])
    assert mixed["given"].isna().any() and result_of(mixed, step).held == pytest.approx(19 / len(mixed))


def test_a_refusal_is_named_by_all_of_its_causes_and_most_of_a_trace_marks_it() -> None:
    named = Told(None, f"{SQUEEZED}; the head moves; quality 0.40 is below 0.45")
    assert named.causes == ("compression", "movement") and Told(trace(np.full(4, 90.0))).causes == ()
    marks = Findings({"frames": np.array([0.5, 0.5, 0.5, 0.0]), "dark": np.array([5.0, 90, 90, 90])})
    assert Told(trace(np.full(4, 90.0), findings=marks)).marked == ("frames",)


GOOD = Result(1.0, 0.95, 1.2, 0.3, 3, {}, {"frames": 1}, 12.0)


def test_every_step_has_a_bar_and_a_line_that_says_what_falls_short() -> None:
    results = {(name, how): GOOD for name in ("PNG", "HLG") for how in HOW}
    results["HLG", "alone"] = replace(GOOD, held=0.7, inside=0.4, refused={"compression": 1})
    results["PNG", "anchored"] = replace(GOOD, moved=1.4)
    rows = rows_of(results)
    assert [row.must for row in rows if "inside the interval" in row.name] == [0.85] * 4
    assert [row.value for row in rows if "coding again" in row.name] == [0.3, 1.4, 0.3, 0.3]
    _, _, png, hlg = lines(results)
    assert png.endswith("| **falls short** anchored |") and "| 1.40 |" in png
    assert "| 1.2 | 40% |" in hlg and "alone: compression (1 of 3)" in hlg and hlg.endswith("| **falls short** alone |")
    assert lines({("PNG", how): GOOD for how in HOW})[-1].endswith("| holds |")


def test_the_page_keeps_what_is_outside_the_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{ladder.BEGIN}\nstale\n{ladder.END}\nafter\n")
    results = {("PNG", how): GOOD for how in HOW}
    ladder.publish(results, "head", ["clip"], page)
    text = page.read_text()
    assert text.startswith("before\n") and text.endswith("after\n") and "stale" not in text
    assert text.split(ladder.BEGIN)[1].split(ladder.END)[0].strip().splitlines() == ["head", "", *lines(results), "", "clip"]


def test_files_are_coded_as_their_steps_say_once_and_again(record: VideoRecord, tmp_path: Path) -> None:
    assert coded(record, STEPS["as recorded"], tmp_path / "a") is record.video
    step = STEPS["H.264 crf 8, 640x480"]
    assert step.coding is not None
    once = coded(record, step, tmp_path / "once")
    twice = coded_again(once, step.coding, tmp_path / "twice")
    facts = source_facts(twice, most_frames=2)
    assert facts is not None and (facts.width_px, facts.height_px, facts.codec) == (640, 480, "h264")
    (_, first), (_, second) = (next(iter(read_frames(video))) for video in (once, twice))
    assert 0 < np.abs(first.astype(int) - second).mean() < 3
    hlg = source_facts(coded(record, STEPS["HLG, 1.6 bit/px"], tmp_path / "hlg"), most_frames=2)
    assert hlg is not None and (hlg.bits, hlg.transfer, hlg.codec) == (10, "hlg", "hevc")


def test_every_kind_of_change_is_a_step() -> None:
    for words in ("crf 0, 4:4:4", "crf 4", "crf 8", "crf 14, 4:4:4", "crf 18, 4:4:4", "crf 23, 4:4:4", "640x480", "HLG",
                  "flickers by 2 % at 1.2 Hz", "white balance steps by 12 %", "denoised", "frames lost",
                  "exchanged"):  # fmt: skip
        assert any(words in name for name in STEPS), words
    lossless = [step for step in STEPS.values() if step.coding is None or step.coding.quality == 0]
    assert len(lossless) > 6
    assert all(COMPRESSION.name not in step.refused_by for step in lossless), "what lost nothing must be read"


def test_white_steps_once_by_twelve_percent_and_denoising_leaves_less_noise_and_the_light() -> None:
    gains = white_step(np.linspace(3, 9, 100))
    assert np.allclose(gains[0], [0.94, 1, 1.06]) and np.allclose(gains[-1], [1.06, 1, 0.94])
    assert np.count_nonzero(np.diff(gains[:, 0])) == 1
    random = np.random.default_rng(0)
    frames = [(k / 30, random.integers(100, 121, (40, 40, 3), dtype=np.uint8)) for k in range(60)]
    noisy, quiet = (np.array([picture for _, picture in one], dtype=float)[20:] for one in (frames, denoised(frames)))
    assert quiet.std(axis=0).mean() < 0.6 * noisy.std(axis=0).mean() and abs(quiet.mean() - noisy.mean()) < 0.2


def test_of_a_clip_pulse_notices_and_percentages_have_bars() -> None:
    ones = np.ones(20)
    read = trace(np.full(20, 90.0), findings=Findings({PULSE: ones * 2}))
    refusal = "the pulse's colour is outside of all that the model was trained on: no percentage can be told"
    rate = replace(read, pulse_per_minute=np.where(np.arange(20) < 16, 60.0, 80.0)).as_trend()
    answers = {"no anchor": Told(None, refusal), "--anchor 97": Told(read), "--uncalibrated": Told(rate)}
    found = {row.name: row for row in clip_rows(answers, 59.0)}
    assert found["clip: pulse, median, off by"].value == 1.0
    assert found[f"clip: seconds whose pulse is within {PULSE_SPAN:g} per minute"].value == 0.8
    assert {found[name].value for name in found if name.startswith("clip: said")} == {1.0}
    assert found["clip, no anchor: seconds with a percentage"].value == 0.0
    told = {row.name: row.value for row in clip_rows(answers | {"no anchor": Told(read)}, 59.0)}
    assert told["clip, no anchor: seconds with a percentage"] == 1.0
    assert told["clip: said that the person is outside of the training"] == 0.0
