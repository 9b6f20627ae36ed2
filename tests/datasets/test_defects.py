"""Random combinations of the defects that the data sets are known for: every sample is read right, or its loss is named."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tast.datasets.readers import read_dataset
from tast.datasets.waves import read_waves
from tast.errors import TastError
from tast.records import VideoRecord
from tests.datasets.layouts import START_NS, pure_content, pure_reading, write_numbers, write_pure_session, write_vipl_hr_video
from tests.datasets.more_layouts import (
    mcd_row,
    write_ladh_station,
    write_mcd_table,
    write_mcd_video,
    write_mths_person,
    write_physdrive_session,
    write_sums_state,
)

READINGS = st.lists(st.sampled_from([97.0, 96.0, 88.0, 44.0, 127.0, 103.79, 0.0, 255.0]), min_size=1, max_size=6)
VALID = {97.0, 96.0, 88.0}


def is_fault(percent: float) -> bool:
    return percent not in VALID


def check_labels(record: VideoRecord, truth: list[float], faulty: list[bool]) -> None:
    """Right where the reading was sound, masked where not, and the number of masked ones told."""
    expected = [np.nan if bad else percent for percent, bad in zip(truth, faulty, strict=True)]
    np.testing.assert_array_equal(record.spo2.percent, expected)
    output = [note for note in record.notes if note.endswith("SpO2 readings masked")]
    assert output == ([f"{sum(faulty)} of {len(truth)} SpO2 readings masked"] if any(faulty) else [])


@given(
    percent=READINGS,
    flags=st.lists(st.sampled_from(["", "probeError", "searching"]), min_size=6, max_size=6),
    above=st.booleans(),
    lost_images=st.sets(st.integers(1, 9), max_size=3),
    repeats=st.integers(0, 2),
    cut=st.sampled_from([1.0, 1.0, 0.99, 0.5, 0.0]),
    shuffled=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_pure_with_any_defects(percent, flags, above, lost_images, repeats, cut, shuffled):
    readings = [pure_reading(value, **({flag: True} if flag else {})) for value, flag in zip(percent, flags, strict=False)]
    faulty = [bool(flag) or is_fault(value) for value, flag in zip(percent, flags, strict=False)]
    packages = [(START_NS + k * 16_000_000, reading) for k, reading in enumerate(readings)]
    packages += packages[:repeats]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        path = write_pure_session(root, json_above=above, readings=packages[::-1] if shuffled and not repeats else packages)
        images = sorted((root / "01-01" / "01-01").iterdir())
        for number in lost_images:
            images[number].unlink()
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * cut)])
        records, rejects = read_dataset("pure", root)
    assert len(records) + len(rejects) == 1
    if rejects:
        assert cut < 1 or all(faulty)
        assert rejects[0].record_id == "01-01" and ("not JSON" if cut < 1 else "no valid SpO2") in rejects[0].reason
        return
    record = records[0]
    check_labels(record, percent, faulty)
    assert (f"{len(lost_images)} of 10 images listed in the JSON have no file" in record.notes) == bool(lost_images)
    n_repeated = min(repeats, len(percent))
    assert (f"{n_repeated} oximeter packages with a repeated time stamp left out" in record.notes) == bool(n_repeated)
    kept = [k for k in range(10) if k not in lost_images]
    assert record.video.frame_times_s is not None
    np.testing.assert_allclose(record.video.frame_times_s, np.array(kept) * 0.033333333, atol=1e-9)


Change = Callable[[Path], None]
DEFECTS: dict[str, tuple[Change, str, str]] = {
    # name: (what happens to the folder, the note that tells it, or the reason of the reject)
    "no_wave": (lambda f: (f / "wave.csv").unlink(), "no wave.csv", ""),
    "no_rate": (lambda f: (f / "gt_HR.csv").unlink(), "no gt_HR.csv", ""),
    "one_stamp_short": (lambda f: drop_last_line(f / "time.txt"), "time.txt has 59 time stamps for 60 frames", ""),
    "no_stamps": (lambda f: (f / "time.txt").unlink(), "no time.txt: 30.00 Hz estimated", ""),
    "short_stamps": (lambda f: write_numbers(f / "time.txt", None, [0, 33]), "", "time.txt has 2 time stamps for 60 frames"),
    "no_video": (lambda f: (f / "video.avi").unlink(), "", "video.avi: no such file"),
    "empty_video": (lambda f: (f / "video.avi").write_bytes(b""), "", "video.avi: cannot be opened"),
    "no_labels": (lambda f: (f / "gt_SpO2.csv").unlink(), "", "gt_SpO2.csv: cannot be read"),
}
ONE_OF = ({"one_stamp_short", "no_stamps", "short_stamps"}, {"no_video", "empty_video"})


def drop_last_line(path: Path) -> None:
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))


@given(
    first=st.lists(READINGS.filter(lambda r: len(r) >= 2), min_size=1, max_size=1),
    chosen=st.sets(st.sampled_from(sorted(DEFECTS))),
)
@settings(max_examples=40, deadline=None)
def test_vipl_hr_with_any_defects(first, chosen):
    if any(len(chosen & group) > 1 for group in ONE_OF):
        return
    percent = first[0][:2]
    faulty = [is_fault(value) for value in percent]
    with tempfile.TemporaryDirectory() as folder:
        place = write_vipl_hr_video(Path(folder), percent=percent)
        for name in sorted(chosen):
            DEFECTS[name][0](place)
        records, rejects = read_dataset("vipl_hr", Path(folder))
    assert len(records) + len(rejects) == 1
    reasons = [DEFECTS[name][2] for name in chosen if DEFECTS[name][2]] + (["no valid SpO2 reading"] if all(faulty) else [])
    if reasons:
        assert len(rejects) == 1 and any(reason in rejects[0].reason for reason in reasons)
        return
    check_labels(records[0], percent, faulty)
    for name in chosen:
        assert any(note.startswith(DEFECTS[name][1]) for note in records[0].notes), name
    assert len(records[0].notes) == len(chosen) + any(faulty)  # nothing is told that did not happen


JUNK = st.none() | st.booleans() | st.integers(-(10**19), 10**19) | st.floats() | st.text(max_size=3) | st.just([]) | st.just({})


@given(
    where=st.sampled_from(
        ["/FullPackage", "/Image", "package", "Timestamp", "Value", "o2saturation", "waveform", "probeError", "entry"]
    ),
    junk=JUNK,
)
@settings(max_examples=120, deadline=None)
def test_junk_anywhere_in_the_json_gives_a_record_or_a_reject_never_a_crash(where, junk):
    content = pure_content([START_NS], [(START_NS, pure_reading()), (START_NS + 1, pure_reading())])
    package = content["/FullPackage"][0]
    slots = {
        "package": (content["/FullPackage"], 0),
        "entry": (content["/Image"], 0),
        "Timestamp": (package, "Timestamp"),
        "Value": (package, "Value"),
    }
    holder, key = slots.get(where) or ((content, where) if where.startswith("/") else (package["Value"], where))
    holder[key] = junk
    with tempfile.TemporaryDirectory() as folder:
        write_pure_session(Path(folder), n_images=2).write_text(json.dumps(content))
        records, rejects = read_dataset("pure", Path(folder))
    assert len(records) + len(rejects) == 1
    if records:
        assert records[0].spo2.percent[-1] == 97.0


STAMPED: dict[str, tuple[Change, str, str]] = {
    "no_wave": (lambda f: (f / "BVP.csv").unlink(), "no BVP.csv", ""),
    "no_rate": (lambda f: (f / "HR.csv").unlink(), "no HR.csv", ""),
    "frames_in_ms": (lambda f: in_ms(f / "frames_timestamp_RGB.csv"), "in mixed units", ""),
    "one_stamp_short": (lambda f: drop_last_line(f / "frames_timestamp_RGB.csv"), "has 59 time stamps for 60 frames", ""),
    "other_name": (lambda f: rename_column(f / "SpO2.csv", "spo2", "value"), "column 'value' is taken", ""),
    "no_column": (lambda f: rename_column(f / "SpO2.csv", "timestamp", "when"), "", "0 columns of time stamps"),
    "no_video": (lambda f: (f / "video_RGB_H264.avi").unlink(), "", "video_RGB_H264.avi: no such file"),
    "no_stamps": (lambda f: (f / "frames_timestamp_RGB.csv").unlink(), "", "frames_timestamp_RGB.csv: cannot be read"),
    "no_labels": (lambda f: (f / "SpO2.csv").write_text("timestamp,spo2\n"), "", "SpO2.csv: no row"),
}
EXCLUDING = ({"one_stamp_short", "no_stamps", "frames_in_ms"}, {"other_name", "no_column", "no_labels"})


def in_ms(path: Path) -> None:
    header, *rows = path.read_text().splitlines()
    cells = [row.split(",") for row in rows]
    path.write_text("\n".join([header, *(f"{number},{float(stamp) * 1000:.0f}" for number, stamp in cells)]) + "\n")


def rename_column(path: Path, old: str, new: str) -> None:
    header, rows = path.read_text().split("\n", maxsplit=1)
    path.write_text(header.replace(old, new) + "\n" + rows)


@given(percent=READINGS.filter(lambda r: len(r) >= 2), chosen=st.sets(st.sampled_from(sorted(STAMPED)), max_size=4))
@settings(max_examples=40, deadline=None)
def test_ladh_with_any_defects(percent, chosen):
    """Whatever comes together: one record with a note of each, or one reject with a reason that is among them."""
    if any(len(chosen & group) > 1 for group in EXCLUDING):
        return
    percent = percent[:2]
    faulty = [is_fault(value) for value in percent]
    with tempfile.TemporaryDirectory() as folder:
        place = write_ladh_station(Path(folder), percent=percent, infrared=False)
        for name in sorted(chosen):
            STAMPED[name][0](place)
        records, rejects = read_dataset("ladh", Path(folder))
    assert len(records) + len(rejects) == 1
    reasons = [STAMPED[name][2] for name in chosen if STAMPED[name][2]] + (["no valid SpO2 reading"] if all(faulty) else [])
    if reasons:
        assert len(rejects) == 1 and any(reason in rejects[0].reason for reason in reasons)
        return
    check_labels(records[0], percent, faulty)
    for name in chosen:
        assert any(STAMPED[name][1] in note for note in records[0].notes), name
    assert len(records[0].notes) == len(chosen) + any(faulty)


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound set of one recording in each layout, by name."""
    root = tmp_path_factory.mktemp("sets")
    write_ladh_station(root / "ladh", infrared=False)
    write_sums_state(root / "sums", finger=False)
    write_physdrive_session(root / "physdrive", recorded_s=range(3))
    write_mcd_table(root / "mcd_rppg", [mcd_row("1020_FullHDwebcam_before", 98.0)])
    write_mcd_video(root / "mcd_rppg")
    write_mths_person(root / "mths", 1, seconds=10)
    return root


@given(
    name=st.sampled_from(["ladh", "sums", "physdrive", "mcd_rppg", "mths"]),
    chosen=st.integers(0, 99),
    place=st.floats(0, 1, exclude_max=True),
    cut=st.sampled_from([0, 1, 5, 10**6]),
    junk=st.one_of(
        st.binary(max_size=4), st.sampled_from([b"nan", b"inf", b"1e400", b";", b"\n", b'"', b"9" * 30, b"timestamp"])
    ),
)
@settings(max_examples=150, deadline=None)
def test_junk_anywhere_in_what_stands_beside_a_video_never_crashes(sets, name, chosen, place, cut, junk):
    """One recording, with junk in one of its tables: a record, a reject, or one line that names the file."""
    files = sorted(path for path in (sets / name).rglob("*") if path.suffix in (".csv", ".txt", ".mat", ".npy"))
    path = files[chosen % len(files)]
    sound = path.read_bytes()
    at = int(place * len(sound))
    path.write_bytes(sound[:at] + junk + sound[at + cut :])
    try:
        found = read_waves(sets / name) if name == "mths" else read_dataset(name, sets / name)
    except TastError as error:
        assert "\n" not in str(error)
    else:
        assert sum(map(len, found)) in (1, 2), "MCD-rPPG's table may name another video than lies there"
        assert all("\n" not in reject.reason for reject in found[1])
    finally:
        path.write_bytes(sound)
