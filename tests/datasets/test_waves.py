"""Waves without videos: MTHS and plain traces read right, and each of them drives a phantom whose truth is what was measured."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from tast.datasets.audit import audit_folder
from tast.datasets.audit_page import render_audit
from tast.datasets.phantom_set import plan_phantom
from tast.datasets.readers import read_dataset
from tast.datasets.waves import read_waves, waves_at
from tast.errors import BadInput, TastError
from tests.datasets.more_layouts import write_mths_person
from tests.datasets.test_oximetry_phone_cam import write_set
from tests.datasets.test_phantom_set import SMALL


def write_traces(root: Path, subject_id: object = 3, *, seconds: int = 60, uneven: bool = False, european: bool = False) -> Path:
    """25 Hz, readings every half second that begin 2 s into the trace's clock; with a gap of a dropped frame if uneven."""
    times_s = 10 + np.arange(25 * seconds) / 25
    wave = np.sin(2 * np.pi * 1.2 * times_s)
    rgb = np.column_stack([120 - wave, 90 - 1.5 * wave, 60 - 0.6 * wave])
    if uneven:
        times_s, rgb = np.delete(times_s, 40), np.delete(rgb, 40, axis=0)
    rows = [f"{t:.3f},{r:.4f},{g:.4f},{b:.4f}" for t, (r, g, b) in zip(times_s, rgb, strict=True)]
    (root / "trace.csv").write_text("\n".join(["times_s,r,g,b", *rows]) + "\n")
    reading_s = np.arange(12, 10 + seconds, 0.5)
    readings = [f"{t},{97 - (k % 2)},{60}" for k, t in enumerate(reading_s)]
    (root / "spo2.csv").write_text("\n".join(["times_s,percent,pulse_per_min", *readings]) + "\n")
    (root / "traces.csv").write_text(f"subject_id,trace,spo2\n{subject_id},trace.csv,spo2.csv\n")
    if european:
        for name in ("trace.csv", "spo2.csv", "traces.csv"):
            text = (root / name).read_text().replace(",", ";")
            (root / name).write_text(text if name == "traces.csv" else text.replace(".", ","))
    return root


def test_mths_reads_right(tmp_path: Path) -> None:
    write_mths_person(tmp_path, 12, percent=[99, 0, 127, 98.0] * 15, per_minute=255)
    write_mths_person(tmp_path, 3)
    (third, twelfth), rejects = read_waves(tmp_path)
    assert rejects == [] and (third.subject_id, twelfth.subject_id) == ("3", "12")
    assert twelfth.rgb.shape == (1800, 3) and twelfth.rgb[0].tolist() == [200, 40, 20]
    np.testing.assert_allclose(twelfth.times_s[[0, 30]], [0, 1])
    np.testing.assert_array_equal(twelfth.spo2_percent[:4], [99, np.nan, np.nan, 98])
    assert np.isnan(twelfth.pulse_per_min).all() and set(third.pulse_per_min) == {72}


def test_what_mths_lacks_is_a_row(tmp_path: Path) -> None:
    for number in range(1, 7):
        write_mths_person(tmp_path, number, seconds=10)
    folder = tmp_path / "MTHS" / "Data"
    (folder / "label_1.npy").unlink()
    (folder / "signal_2.npy").write_bytes((folder / "signal_2.npy").read_bytes()[:60] + b"\n" * 90)
    np.save(folder / "signal_3.npy", np.zeros((300, 4)))
    np.save(folder / "signal_4.npy", np.full((300, 3), np.nan))
    np.save(folder / "label_5.npy", np.zeros((10, 2)))
    np.save(folder / "label_6.npy", np.tile([70.0, 97.0], (14, 1)))
    facts = audit_folder("mths", tmp_path, "mths")
    reasons = {one["record_id"]: one["reason"] for one in facts["rejects"]}
    assert list(reasons) == ["1", "2", "3", "4", "5"]
    assert "MTHS/Data/label_1.npy: cannot be read" in reasons["1"]
    assert "no NumPy array" in reasons["2"] and "an array (300, 4) of float64" in reasons["3"]
    assert "300 frames without a colour" in reasons["4"] and "no valid SpO2 among 10" in reasons["5"]
    assert [one["record_id"] for one in facts["recordings"]] == ["6"]
    assert facts["notes"] == {"N s of colours beside N s of readings: taken to begin together": 1}
    assert "CC BY-NC-ND" not in render_audit(facts) and "MTHS" in render_audit(facts)


@pytest.mark.parametrize("european", [False, True])
def test_traces_read_right(tmp_path: Path, european: bool) -> None:
    """Both clocks begin at 10 s; readings of 97 and 96 alternate, two a second."""
    (series,), rejects = read_waves(write_traces(tmp_path, european=european))
    assert rejects == [] and (series.subject_id, series.notes) == ("3", ())
    np.testing.assert_allclose(series.times_s[:3], [0, 0.04, 0.08], atol=1e-9)
    assert series.rgb.shape == (1500, 3)
    np.testing.assert_array_equal(series.spo2_percent, [np.nan, np.nan, *[96.5] * 58])
    np.testing.assert_array_equal(series.pulse_per_min, [np.nan, np.nan, *[60] * 58])


def test_uneven_traces_are_drawn_onto_an_even_grid(tmp_path: Path) -> None:
    (series,), _ = read_waves(write_traces(tmp_path, uneven=True))
    assert series.notes == ("uneven steps of 0.0400 to 0.0800 s: drawn onto 25.00 Hz",)
    np.testing.assert_allclose(np.diff(series.times_s), 0.04)
    expected = 90 - 1.5 * np.sin(2 * np.pi * 1.2 * (10 + series.times_s))
    np.testing.assert_allclose(series.rgb[:, 1], expected, atol=0.08)  # half a step from the gap, a line is that far off


@pytest.mark.parametrize(
    ("file", "content", "reason"),
    [
        ("trace.csv", "times_s,r,g\n0,1,2\n", "no column b"),
        ("trace.csv", "times_s,r,g,b\n0,1,2,3\n0,1,2,3\n", "times_s does not increase"),
        ("trace.csv", "times_s,r,g,b\n0,1,2,3\n2,1,2,3\n", "a gap of 2.00 s"),
        ("trace.csv", "times_s,r,g,b\n0,1,2,\n1,1,2,3\n", "a number is missing"),
        ("spo2.csv", "times_s,percent\n0,97\n", "no valid SpO2 reading within the trace"),
        (
            "traces.csv",
            "subject_id,trace,spo2\nanna,trace.csv,spo2.csv\n",
            "subject_id 'anna' in line 2; expected a whole number",
        ),
    ],
)
def test_a_row_that_cannot_be_read_is_named(tmp_path: Path, file: str, content: str, reason: str) -> None:
    write_traces(tmp_path)
    (tmp_path / file).write_text(content)
    series, (reject,) = read_waves(tmp_path)
    assert series == [] and reject.record_id == "line 2" and reason in reject.reason


def test_which_layout_a_folder_has(tmp_path: Path) -> None:
    for name in ("hands", "mths", "traces", "none"):
        (tmp_path / name).mkdir()
    write_set(tmp_path / "hands")
    write_mths_person(tmp_path / "mths")
    write_traces(tmp_path / "traces")
    assert [waves_at(tmp_path / name) for name in ("hands", "mths", "traces")] == ["oximetry_phone_cam", "mths", "traces"]
    with pytest.raises(BadInput, match=r"no waves found; expected oximetry-phone-cam's layout.*MTHS's layout.*traces\.csv"):
        waves_at(tmp_path / "none")


@pytest.mark.parametrize("layout", ["pure", "vipl_hr"])
def test_mths_drives_a_phantom_and_its_readings_are_the_truth(tmp_path: Path, layout: str) -> None:
    write_mths_person(tmp_path / "waves", 7, percent=[91.0] * 60)
    planned = plan_phantom(
        **(SMALL | {"layout": layout, "driver": "recorded", "recorded_root": tmp_path / "waves", "subjects": 1, "sources": (1,)})
    )
    planned.write_sessions(planned.sessions, tmp_path / "set")
    (record,), rejects = read_dataset(layout, tmp_path / "set")
    assert rejects == [] and record.subject_id.removeprefix("p").lstrip("0") == "7"
    assert set(record.spo2.percent) == {91} and record.pulse_rate is not None and set(record.pulse_rate.per_minute) == {72}


def test_who_is_too_short_is_left_out_by_name(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_mths_person(tmp_path, 7, seconds=60)
    write_mths_person(tmp_path, 8, seconds=18)
    wanted = SMALL | {"driver": "recorded", "recorded_root": tmp_path, "sessions": 2}
    with caplog.at_level(logging.WARNING):
        planned = plan_phantom(**(wanted | {"subjects": 1}))
    assert {session.subject for session in planned.sessions} == {7}
    assert "left out, with fewer than 2 pieces of 3 s: 8 (1)" in caplog.text
    with pytest.raises(TastError, match="subjects = 2; expected at most 1"):
        plan_phantom(**wanted)
