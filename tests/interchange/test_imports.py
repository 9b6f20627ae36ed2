"""`tast import`: chunks as rPPG-Toolbox saves them and files as vitallens-python writes them, made readable here or refused."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from typer.testing import CliRunner, Result

from tast.cli.main import app
from tast.clip_store import Reject
from tast.datasets.recordings import defects_of, read_recordings
from tast.errors import BadInput
from tast.interchange import rppg_toolbox
from tast.interchange.vitallens import read_vitallens
from tast.prediction.anchoring import readings_in
from tast.records import VideoRecord
from tast.video.read import read_frames

T, SIZE, FPS_HZ = 30, 12, 30.0


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["import", *map(str, arguments)], env={"COLUMNS": "160"})


def raw_frames(seed: int, n_frames: int) -> npt.NDArray[np.float64]:
    """As its resizing leaves them: whole numbers, in float64."""
    return np.random.default_rng(seed).integers(0, 256, (n_frames, SIZE, SIZE, 3)).astype(np.float64)


def difference(frames: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """By the formula of DeepPhys, over its standard deviation, the last one 0."""
    change = np.diff(frames, axis=0) / (frames[1:] + frames[:-1] + 1e-7)
    return np.concatenate([change / change.std(), np.zeros((1, *frames.shape[1:]))])


def save(folder: Path, name: str, frames: npt.NDArray[np.float64], first: int = 0) -> npt.NDArray[np.float64]:
    """Chunks of T frames and their labels; returns the wave."""
    folder.mkdir(parents=True, exist_ok=True)
    wave = np.sin(2 * np.pi * 1.2 * np.arange(len(frames)) / FPS_HZ)
    for number in range(len(frames) // T):
        part = slice(number * T, (number + 1) * T)
        np.save(folder / f"{name}_input{first + number}.npy", frames[part])
        np.save(folder / f"{name}_label{first + number}.npy", wave[part])
    return wave


def test_raw_chunks_become_own_recordings_whose_frames_and_waves_are_theirs(tmp_path):
    frames = raw_frames(0, 12 * T)  # chunk 10 comes before 2 by name
    wave = save(tmp_path / "PURE", "501", frames)
    save(tmp_path / "PURE", "subject1", raw_frames(1, 2 * T))
    (tmp_path / "501.csv").write_text("times_s,percent,pulse_per_min\n0,97,70\n1,96,71\n2,95,72\n")
    (tmp_path / "people.csv").write_text("record,subject_id,spo2,skin_type\n501,5,501.csv,IV\nsubject1,9,,\n")
    out = tmp_path / "out"
    done = run("rppg-toolbox", tmp_path / "PURE", "--fps", FPS_HZ, "--out", out, "--beside", tmp_path / "people.csv")
    assert done.exit_code == 0, done.output
    assert "2 recordings, 420 frames" in done.stdout and "1 have no SpO2" in done.stdout
    record, without = read_recordings(out)
    assert isinstance(record, VideoRecord) and (record.subject_id, record.skin_type) == ("5", "IV")
    assert record.spo2.percent.tolist() == [97, 96, 95] and defects_of(record) == []
    assert isinstance(without, Reject) and "no valid SpO2 reading" in without.reason
    back = list(read_frames(record.video, []))
    assert_allclose([time_s for time_s, _ in back], np.arange(12 * T) / FPS_HZ, atol=1e-3)
    off = np.array([rgb for _, rgb in back]) - frames
    assert abs(off).max() <= 1 and abs(off.mean(axis=(0, 1, 2))).max() < 0.01
    table = pd.read_csv(out / "501.wave.csv")
    assert_allclose(table["value"], wave)
    assert_allclose(table["times_s"], np.arange(12 * T) / FPS_HZ, atol=1e-6)


def test_the_raw_channels_are_found_among_others_and_the_people_are_unknown_until_somebody_tells(tmp_path):
    frames = raw_frames(2, 2 * T)
    both = np.concatenate([difference(frames), frames], axis=3)
    save(tmp_path / "in", "a", both)
    save(tmp_path / "in", "b", frames * 0.9 + 0.25, first=3)
    (tmp_path / "in" / "b_input4.npy").rename(tmp_path / "in" / "b_input6.npy")
    (tmp_path / "in" / "b_label4.npy").rename(tmp_path / "in" / "b_label6.npy")
    done = run("rppg-toolbox", tmp_path / "in", "--fps", FPS_HZ, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert "b: begins with chunk 3" in done.stdout and "b: chunks 4 to 5 are missing" in done.stdout
    assert "b: 60 frames were rounded to whole numbers" in done.stdout and "a: " not in done.stdout
    table = pd.read_csv(tmp_path / "out" / "recordings.csv")
    assert table["subject_id"].tolist() == [rppg_toolbox.UNKNOWN] * 2
    wave = pd.read_csv(tmp_path / "out" / "b.wave.csv")
    assert_allclose(wave["times_s"].iloc[[0, T - 1, T]], [0, (T - 1) / FPS_HZ, 3 * T / FPS_HZ], atol=1e-6)


@pytest.mark.parametrize("spoil", [difference, lambda frames: (frames - frames.mean()) / frames.std()])
def test_frames_without_the_level_of_their_colours_are_refused_and_nothing_is_left(tmp_path, spoil):
    save(tmp_path / "in", "a", raw_frames(3, T))
    save(tmp_path / "in", "b", spoil(raw_frames(4, T)))
    caught = run("rppg-toolbox", tmp_path / "in", "--fps", 30, "--out", tmp_path / "out").exception
    assert isinstance(caught, BadInput) and "b_input0.npy: values from -" in str(caught)
    assert "the level of the colours, which SpO2 is read from, is gone" in str(caught) and "DATA_TYPE: ['Raw']" in str(caught)
    assert {path.name for path in tmp_path.iterdir()} == {"in"}


def spoiled(folder: Path) -> Path:
    save(folder, "a", raw_frames(5, T))
    return folder


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: (folder / "a_label0.npy").unlink(), "a_label0.npy: no such file"),
        (lambda folder: np.save(folder / "a_label0.npy", np.zeros(T - 1)), "30 frames beside labels of shape (29,)"),
        (lambda folder: np.save(folder / "a_input0.npy", np.zeros((T, 3))), "an array of shape (30, 3)"),
        (lambda folder: np.save(folder / "a_input0.npy", np.full((T, 4, 4, 3), math.nan)), "values from nan to nan"),
        (lambda folder: np.save(folder / "a_input0.npy", np.array([{}])), "cannot be read"),
        (lambda folder: (folder / "a_input0.npy").write_bytes(b"x"), "cannot be read"),
        (lambda folder: (folder / "a_input0.npy").rename(folder / "a b_input0.npy"), "a recording called 'a b'"),
        (lambda folder: (folder / "a_input0.npy").unlink(), "no NAME_input0.npy in it"),
    ],
)
def test_what_is_no_such_folder_is_one_line(tmp_path, spoil, said):
    spoil(spoiled(tmp_path / "in"))
    caught = run("rppg-toolbox", tmp_path / "in", "--fps", 30, "--out", tmp_path / "out").exception
    assert isinstance(caught, BadInput) and said in str(caught) and "\n" not in str(caught)
    assert not (tmp_path / "out").exists()


def test_a_list_of_files_from_another_machine_finds_them_beside_it(tmp_path):
    folder = tmp_path / "PreprocessedData" / "PURE_raw"
    save(folder, "a", raw_frames(6, 2 * T))
    lists = tmp_path / "PreprocessedData" / "DataFileLists"
    lists.mkdir()
    (lists / "some.csv").write_text(",input_files\n0,/elsewhere/PURE_raw/a_input1.npy\n1,/elsewhere/PURE_raw/a_input0.npy\n")
    done = run("rppg-toolbox", lists / "some.csv", "--fps", 30, "--out", tmp_path / "out", "--dry-run")
    assert done.exit_code == 0 and f"a: 2 chunks; would write {tmp_path / 'out/a'}.mkv" in done.stdout
    assert not (tmp_path / "out").exists()
    (lists / "some.csv").write_text(",input_files\n0,/elsewhere/PURE_raw/a_input7.npy\n")
    assert "a_input7.npy is not here" in str(run("rppg-toolbox", lists / "some.csv", "--fps", 30, "--out", "x").exception)


def test_readings_beside_a_samples_csv_become_labels_and_an_anchor(tmp_path):
    rows = [f"{math.sin(k)},{('', 127)[k % 2] if k < 10 else 97 - k / 100},{87}" for k in range(360)]  # a fault code is none
    (tmp_path / "sample.csv").write_text("\n".join(["ppg,spo2,hr_ppg", *rows]) + "\n")
    out = tmp_path / "out"
    done = run("vitallens", tmp_path / "sample.csv", "--fps", 30, "--out", out)
    assert done.exit_code == 0 and "12 s of SpO2, 93.41 to 96.9 %; 10 of 360 rows have none" in done.stdout, done.output
    readings = pd.read_csv(out / "sample.readings.csv")
    second = np.arange(12)
    expected = [np.mean(97 - np.arange(max(10, 30 * k), 30 * k + 30) / 100) for k in second]
    assert_allclose(readings["percent"], expected, atol=0.0051)
    assert readings["times_s"].tolist() == second.tolist() and (readings["pulse_per_min"] == 87).all()
    ((video, anchor),) = readings_in(out / "sample.anchor.csv")
    assert (video, anchor.begin_s, anchor.end_s) == ("", 0.0, 10.0)
    assert anchor.spo2_percent == pytest.approx(np.mean(97 - np.arange(10, 300) / 100), abs=0.0051)
    assert len(pd.read_csv(out / "sample.wave.csv")) == 360
    for arguments, said in ((("--fps", 30), "no column spo2"), ((), "rows without times")):
        (tmp_path / "other.csv").write_text("ppg\n1\n" if arguments else "spo2\n97\n")
        assert said in str(run("vitallens", tmp_path / "other.csv", *arguments, "--out", out).exception)
    (tmp_path / "faults.csv").write_text("ppg,spo2\n" + "1,0\n" * 30)
    with pytest.raises(BadInput, match="no valid SpO2 in any row"):
        read_vitallens(tmp_path / "faults.csv", 30.0)
    (tmp_path / "late.csv").write_text("ppg,spo2\n" + "1,0\n" * 15 + "1,97\n")
    assert "anchor" not in read_vitallens(tmp_path / "late.csv", 1.0).tables


def result(n: int = 60) -> dict[str, object]:
    """A face of the JSON, with the keys of vitallens.client."""
    times = [k / 30 for k in range(n)]
    wave = {"data": [math.sin(7 * time_s) for time_s in times], "unit": "unitless", "confidence": [0.9] * n, "note": "..."}
    rolling = {"data": [None] * 30 + [60.0 + k for k in range(n - 30)], "unit": "bpm", "confidence": [0.9] * n, "note": "..."}
    return {
        "face": {"coordinates": [[1, 2, 3, 4]] * n, "confidence": [1.0] * n, "note": "..."},
        "vitals": {"heart_rate": {"value": 66.8, "unit": "bpm", "confidence": 0.92, "note": "..."}},
        "waveforms": {"ppg_waveform": wave}, "rolling_vitals": {"heart_rate": rolling}, "message": "...", "fps": 30.0, "n": n,
        "time": times,
    }  # fmt: skip


def test_a_result_gives_a_wave_and_a_rate_to_compare_with_and_no_spo2(tmp_path):
    (tmp_path / "result.json").write_text(json.dumps([result()]))
    done = run("vitallens", tmp_path / "result.json", "--out", tmp_path / "out")
    assert done.exit_code == 0 and "no SpO2 in it" in done.stdout, done.output
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"result.wave.csv", "result.readings.csv"}
    readings, wave = (pd.read_csv(tmp_path / "out" / f"result.{name}.csv") for name in ("readings", "wave"))
    assert readings["percent"].isna().all() and readings["pulse_per_min"].isna().tolist() == [True, False]
    assert readings["pulse_per_min"][1] == pytest.approx(74.5)
    assert_allclose(wave["ppg"], np.sin(7 * wave["times_s"]), atol=1e-5)
    assert (wave["ppg_confidence"] == 0.9).all()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([], "0 faces"),
        ([result(), result()], "2 faces"),
        ([{**result(), "time": [0.0]}], "1 times beside [60] values"),
        ([{**result(), "waveforms": {}, "rolling_vitals": {}}], "neither a wave nor a pulse rate"),
        ({"a": 1}, "Input should be a valid array"),
    ],
)
def test_another_json_is_one_line(tmp_path, content, said):
    (tmp_path / "x.json").write_text(json.dumps(content))
    with pytest.raises(BadInput) as caught:
        read_vitallens(tmp_path / "x.json")
    assert said in str(caught.value) and "\n" not in str(caught.value)
