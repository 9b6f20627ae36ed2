"""`tast traces`: the colours that a face was filmed with, in the shapes that other tools take."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.signal import periodogram
from typer.testing import CliRunner, Result

from tast.cli.main import app
from tast.datasets.traces import read_traces
from tast.interchange import traces
from tast.interchange.traces import ColourTrace, even_trace
from tast.params import load_params
from tast.prediction.sources import NamedVideo
from tast.preprocessing.pipeline import settings_of
from tast.starter.shipped import params_file
from tests.prediction.conftest import AMPLITUDES, FPS_HZ, PULSE_HZ, write_film

SECONDS = 5.0


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["traces", *map(str, arguments)], env={"COLUMNS": "160"})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a face that pulses, and of a video without one."""
    top = tmp_path_factory.mktemp("films")
    write_film(top / "films" / "anna.avi", SECONDS)
    write_film(top / "films" / "nobody.avi", 1.0, hidden=range(1000))
    done = run(top / "films", "--out", top / "out", "--window-s", 2, "--workers", 1)
    assert done.exit_code == 1 and "nobody: refused: no face" in done.stdout, done.output
    assert sorted(path.name for path in (top / "out").iterdir()) == [
        "anna.csv", "anna.json", "anna.neurokit.npy", "anna.pyvhr.npy",
    ]  # fmt: skip
    return top / "out"


def test_the_table_has_the_colours_that_the_face_pulses_with(folder):
    table = pd.read_csv(folder / "anna.csv")
    assert_allclose(table["times_s"], np.arange(len(table)) / FPS_HZ, atol=1e-6)
    wave = np.sin(2 * np.pi * PULSE_HZ * table["times_s"].to_numpy())
    for name, amplitude in zip("rgb", AMPLITUDES, strict=True):
        relative = table[name].to_numpy() / table[name].mean() - 1
        assert relative @ wave / (wave @ wave) == pytest.approx(amplitude, rel=0.1)
        assert table[name].min() > 0 and table[f"background_{name}"].between(0, 255).all()
    assert (table["face_seen"] == 1).all() and (table["piece"] == 0).all()


def test_pyvhr_gets_windows_of_one_estimator_and_neurokit_a_wave_that_rises_as_the_light_falls(folder):
    windows, pulse = np.load(folder / "anna.pyvhr.npy"), np.load(folder / "anna.neurokit.npy")
    facts, table = json.loads((folder / "anna.json").read_text()), pd.read_csv(folder / "anna.csv")
    assert facts["fps_hz"] == pytest.approx(FPS_HZ) and facts["window_start_s"] == [0, 1, 2, 3]
    assert windows.shape == (4, 1, 3, 50) and windows.dtype == np.float32
    assert_allclose(windows[1, 0], table[["r", "g", "b"]].to_numpy()[25:75].T, rtol=1e-5)
    assert pulse.shape == (len(table),) and pulse.dtype == np.float64
    frequency_hz, power = periodogram(pulse, facts["fps_hz"], window="hann", nfft=2000)
    assert frequency_hz[np.argmax(power)] == pytest.approx(PULSE_HZ, abs=0.05)
    assert np.corrcoef(pulse, table["g"] / table["r"])[0, 1] < -0.9


def test_what_is_written_is_what_the_data_set_traces_reads(folder, tmp_path):
    (tmp_path / "spo2.csv").write_text("times_s,percent\n" + "".join(f"{second},97\n" for second in range(5)))
    (tmp_path / "anna.csv").write_bytes((folder / "anna.csv").read_bytes())
    (tmp_path / "traces.csv").write_text("subject_id,trace,spo2\n1,anna.csv,spo2.csv\n")
    (series,), rejects = read_traces(tmp_path)
    assert rejects == [] and series.rgb.shape == (125, 3)
    assert_allclose(series.rgb, pd.read_csv(folder / "anna.csv")[["r", "g", "b"]])


def test_a_long_video_is_read_piece_by_piece_with_the_same_clock(folder, monkeypatch):
    """Its mask is made anew in each: the level differs a little, what moves does not."""
    monkeypatch.setattr(traces, "PIECE_S", 2.5)
    settings = settings_of(load_params(params_file()).preprocess.model_dump())
    found = traces.colour_trace(NamedVideo("anna", folder.parent / "films" / "anna.avi"), settings)
    whole = pd.read_csv(folder / "anna.csv")
    assert_allclose(found.times_s, whole["times_s"], atol=1e-6)
    assert np.flatnonzero(np.diff(found.piece)).tolist() == [62] and [len(found.times_s[one]) for one in found.pieces] == [63, 62]
    ratio = found.rgb / whole[["r", "g", "b"]].to_numpy()
    assert all(np.ptp(ratio[one], axis=0).max() < 0.003 for one in found.pieces) and abs(ratio - 1).max() < 0.05
    assert traces.even_trace(found).fps_hz == pytest.approx(FPS_HZ)


def two_pieces(gap_s: float) -> ColourTrace:
    """At 10 Hz, 3 s and, after a gap, 3 s of twice the light."""
    times_s = np.concatenate([np.arange(30) / 10, 3 + gap_s + np.arange(30) / 10])
    light = np.repeat([[50.0, 60, 70], [100, 120, 140]], 30, axis=0) * (1 + 0.01 * np.sin(2 * np.pi * times_s))[:, None]
    piece = np.repeat([0, 1], 30)
    return ColourTrace("a", times_s, light, light, np.ones(60), piece)


def test_no_window_lies_across_two_pieces_and_a_gap_is_no_number():
    whole = even_trace(two_pieces(0.0))
    windows, starts_s = whole.windows(1.0, 0.5)
    assert whole.fps_hz == pytest.approx(10) and np.isfinite(whole.pulse).all()
    assert_allclose(starts_s, [0, 0.5, 1, 1.5, 2, 3, 3.5, 4, 4.5, 5])
    assert_allclose(windows.mean(axis=(1, 3))[[0, -1]], [[50, 60, 70], [100, 120, 140]], rtol=0.01)
    broken = even_trace(two_pieces(2.0), fps_hz=20.0)
    assert_allclose(np.flatnonzero(np.isnan(broken.pulse)) / 20, np.arange(2.95, 4.96, 0.05))
    assert (broken.piece[np.isnan(broken.pulse)] == -1).all()
    alone = replace(two_pieces(2.0), piece=np.zeros(60, dtype=int))
    assert np.isfinite(even_trace(alone).pulse).all()


def test_a_dry_run_reads_and_writes_nothing(folder, tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"no video")
    done = run(tmp_path, "--out", tmp_path / "out", "--format", "parquet", "--dry-run")
    assert done.exit_code == 0 and "a.mp4: would write" in done.stdout and "a.pyvhr.npy" in done.stdout
    assert not (tmp_path / "out").exists()
    done = run(tmp_path, "--out", tmp_path / "out")
    assert done.exit_code == 1 and "a: refused: a.mp4: cannot be opened" in done.stdout and not (tmp_path / "out").exists()
