"""The whole chain on image sequences on disk, in this process and over spawned ones."""

from __future__ import annotations

import multiprocessing
import re
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from tast.clip_store import ClipStore, write_tables
from tast.closure import closure, code_digest
from tast.light import read_light
from tast.params import load_params
from tast.preprocessing import pipeline
from tast.preprocessing.pipeline import Shard, preprocess_records, settings_of
from tast.preprocessing.steps import STEPS, Settings
from tast.pulse_labels import read_pulse
from tast.records import PulseTrace, Spo2Trace, VideoRecord, VideoSource
from tast.video.coding import Coding
from tast.video.write_coded import write_coded
from tests.preprocessing import scene

PULSE_HZ = 1.2
RATIO = 0.5  # of red's relative amplitude to green's


def session(folder: Path, name: str, *, face: bool = True) -> VideoRecord:
    """Four seconds of a face whose light pulses, as PNG files with the oximeter's readings."""
    motion = scene.still(4.0)
    pulse = np.sin(2 * np.pi * PULSE_HZ * motion.times_s)[:, None]
    frames = scene.film(motion, gain=1 + 0.01 * pulse * [RATIO, 1, 0.6], hidden=range(0) if face else range(1000))
    (folder / name).mkdir()
    files = []
    for k, (_, rgb) in enumerate(frames):
        files.append(f"{k:04d}.png")
        cv2.imwrite(str(folder / name / files[-1]), rgb[:, :, ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])
    spo2 = Spo2Trace(np.arange(4.0), np.array([97.0, 97, 96, 95]))
    source, wave = VideoSource(folder / name, tuple(files), motion.times_s), PulseTrace(motion.times_s, 40 + pulse[:, 0])
    return VideoRecord("test", name[:2], "steady", name, source, spo2, pulse=wave)


@pytest.fixture(scope="module")
def settings() -> Settings:
    preprocess = load_params(Path(__file__).parents[2] / "params.yaml").preprocess.model_dump()
    preprocess["clips"] |= {"length_s": 3, "hop_s": 1, "size_px": 32, "fps_hz": 15.0}
    preprocess["label_delay_s"] = 0.0
    return settings_of(preprocess)


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> list[VideoRecord]:
    folder = tmp_path_factory.mktemp("raw")
    cut_short = session(folder, "03-01")
    image = folder / "03-01" / "0070.png"
    image.write_bytes(image.read_bytes()[:1000])
    return [session(folder, "01-01"), session(folder, "02-01", face=False), cut_short]


@pytest.fixture(scope="module")
def done(records: list[VideoRecord], settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Shard]:
    folder = tmp_path_factory.mktemp("done")
    return folder, preprocess_records(records, settings=settings, cache_root=folder / "cache", clips_folder=folder / "clips")


def test_every_record_gives_clips_or_one_reason(done: tuple[Path, Shard]) -> None:
    _, shard = done
    assert [row.clip_id for row in shard.rows] == ["01-01-000", "01-01-001"]
    assert {(row.codec, row.bits, row.transfer, row.assumed) for row in shard.rows} == {("png", 8, "sdr", "primaries transfer")}
    assert all(row.bits_per_pixel > 1 for row in shard.rows)
    assert {reject.record_id: reject.reason for reject in shard.rejects} == {
        "02-01": "no face found in 17 frames",
        "03-01": "0070.png: cut short after 1000 bytes; expected a whole PNG image",
    }


def test_clips_read_back_with_labels_and_the_pulse_magnified(done: tuple[Path, Shard]) -> None:
    folder, shard = done
    write_tables(folder / "clips", shard.rows, shard.rejects, shard.defects, {})
    clip = ClipStore(folder / "clips").clip("01-01-000")
    assert clip.frames.shape == (45, 32, 32, 3)
    assert clip.frames.dtype == np.float16
    assert (clip.fps_hz, clip.start_s, clip.quality, clip.subject_id) == (15.0, 0.0, 1.0, "01")
    wave = read_pulse(folder / "clips", "01-01")
    assert wave is not None and len(wave) == len(np.load(folder / "clips" / "01-01.npy"))
    expected = 40 + np.sin(2 * np.pi * PULSE_HZ * np.arange(len(wave)) / 15)
    np.testing.assert_allclose(wave[np.isfinite(wave)], expected[np.isfinite(wave)], atol=0.02)
    assert np.isfinite(wave).mean() > 0.95 and read_pulse(folder / "clips", "02-01") is None
    light = read_light(folder / "clips", "01-01")
    assert len(light) == len(wave) and not (folder / "clips" / "light" / "02-01.npy").exists()
    moving = light.skin / light.skin.mean(axis=0) - 1
    along = np.sin(2 * np.pi * PULSE_HZ * np.arange(len(wave)) / 15)
    assert (along @ moving[:, 0]) / (along @ moving[:, 1]) == pytest.approx(RATIO, rel=0.1)  # as it was, before any magnification
    assert moving[:, 1].max() < 0.02
    np.testing.assert_array_equal(clip.spo2_percent, [97, 97, 96])
    inside = (clip.frames != 0).any(axis=(0, 3))
    means = clip.frames[:, inside].astype(np.float64).mean(axis=1)
    times_s = np.arange(45) / 15
    design = np.stack([np.sin(2 * np.pi * PULSE_HZ * times_s), np.cos(2 * np.pi * PULSE_HZ * times_s), np.ones(45)], axis=1)
    sine, cosine, level = np.linalg.lstsq(design, means, rcond=None)[0]
    relative = sine / level
    assert relative[1] == pytest.approx(0.01 * 121, rel=0.1)
    assert relative[0] / relative[1] == pytest.approx(RATIO, rel=0.05)
    assert np.all(np.abs(cosine) < 0.1 * np.abs(sine))  # no lag


def test_a_video_that_breaks_off_gives_its_good_part_and_says_where(settings: Settings, tmp_path: Path) -> None:
    motion = scene.still(6.0)
    pulse = np.sin(2 * np.pi * PULSE_HZ * motion.times_s)[:, None]
    coding = Coding("mjpeg", ".avi", quality=2, full_range=True, rate_hz=25.0)
    path = write_coded(tmp_path / "video", scene.film(motion, gain=1 + 0.01 * pulse), coding)
    path.write_bytes(path.read_bytes()[: round(0.75 * path.stat().st_size)])
    spo2 = Spo2Trace(np.arange(6.0), np.full(6, 97.0))
    record = VideoRecord("test", "04", "steady", "04-01", VideoSource(path, None, motion.times_s), spo2, notes=("no wave.csv",))
    run = partial(preprocess_records, settings=settings, cache_root=tmp_path / "cache", clips_folder=tmp_path / "clips")
    shard = run([record])
    assert [row.clip_id for row in shard.rows] == ["04-01-000", "04-01-001"]  # of the 4 clips of a whole video
    assert shard.defects[0].defect == "no wave.csv"
    assert re.search(r"after (frame )?1[23]\d", shard.defects[1].defect), shard.defects
    again = run([record])
    assert (again.n_computed, again.defects) == (0, shard.defects)


def test_a_second_run_computes_nothing_but_what_could_not_be_read(
    done: tuple[Path, Shard], records: list[VideoRecord], settings: Settings, tmp_path: Path
) -> None:
    folder, first = done
    again = preprocess_records(records, settings=settings, cache_root=folder / "cache", clips_folder=tmp_path)
    assert (again.rows, again.rejects) == (first.rows, first.rejects)
    assert again.n_computed == 0
    other_cut = {**settings, "cut": {**settings["cut"], "label_delay_s": 1.0}}
    assert preprocess_records(records[:1], settings=other_cut, cache_root=folder / "cache", clips_folder=tmp_path).n_computed == 0


def test_spawned_workers_give_the_same_bytes(
    done: tuple[Path, Shard], records: list[VideoRecord], settings: Settings, tmp_path: Path
) -> None:
    folder, first = done
    work = partial(preprocess_records, settings=settings, cache_root=tmp_path / "cache", clips_folder=tmp_path / "clips")
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        shards = pool.map(work, [records[:1], records[1:]])
    assert shards[0].rows == first.rows
    assert shards[1].rejects == first.rejects
    assert (tmp_path / "clips" / "01-01.npy").read_bytes() == (folder / "clips" / "01-01.npy").read_bytes()


def test_settings_name_every_step(settings: Settings) -> None:
    assert set(settings) == {"align", *STEPS, "cut"}


def test_settings_hand_on_what_params_say() -> None:
    preprocess = load_params(Path(__file__).parents[2] / "params.yaml").preprocess.model_dump()
    preprocess["label_delay_s"] = 2.75
    preprocess["clips"] |= {"fps_hz": 12.5, "size_px": 40, "length_s": 5, "hop_s": 2, "max_missing_labels": 0.4}
    preprocess["magnify"]["high_hz"] = 3.5
    made = settings_of(preprocess)
    assert made["cut"] == {"length_s": 5, "hop_s": 2, "max_missing_labels": 0.4, "label_delay_s": 2.75}
    assert made["shrink"] == {"size_px": 40}
    assert made["resample"] == {"multiple_of_hz": 12.5, "highest_hz": 3.5}
    assert made["decimate"] == {"fps_hz": 12.5}
    assert (made["align"], made["mask"], made["magnify"]) == (preprocess["align"], preprocess["mask"], preprocess["magnify"])


@pytest.fixture(scope="module")
def faceless(tmp_path_factory: pytest.TempPathFactory) -> VideoRecord:
    """Twenty pictures too small for a face, which is soon found out."""
    folder = tmp_path_factory.mktemp("faceless")
    files = tuple(f"{k:02d}.png" for k in range(20))
    for file in files:
        cv2.imwrite(str(folder / file), np.full((24, 24, 3), 90, np.uint8))
    spo2 = Spo2Trace(np.arange(2.0), np.full(2, 97.0))
    return VideoRecord("test", "05", "steady", "05-01", VideoSource(folder, files, np.arange(20) / 20), spo2)


def test_a_video_is_computed_anew_where_code_threads_or_libraries_are_other(
    faceless: VideoRecord, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def n_computed() -> int:
        return preprocess_records([faceless], settings=settings, cache_root=tmp_path / "c", clips_folder=tmp_path).n_computed

    before = pipeline.computed_by()
    assert before["code"] == code_digest("tast.preprocessing.steps", "tast.preprocessing.cache") and before["threads"] == 1
    assert [n_computed(), n_computed()] == [1, 0]
    for name in before:
        monkeypatch.setattr(pipeline, "computed_by", lambda name=name: before | {name: "other"})
        assert n_computed() == 1, name
    files = {path.name for path in closure(*pipeline.CODE)}
    assert {"align.py", "mask.py", "magnify.py", "resample.py", "read.py", "causal.py", "steps.py"} <= files
    assert not {"clips.py", "pipeline.py", "splits.py"} & files  # an edit there leaves the cache as it is


@pytest.mark.parametrize("step", ["align", *STEPS])
def test_other_settings_of_any_step_are_computed_anew(
    faceless: VideoRecord, settings: Settings, tmp_path: Path, step: str
) -> None:
    run = partial(preprocess_records, [faceless], cache_root=tmp_path / "cache", clips_folder=tmp_path)
    assert [run(settings=settings).n_computed for _ in range(2)] == [1, 0]
    name, value = next((name, value) for name, value in settings[step].items() if type(value) in (int, float))
    again = run(settings={**settings, step: {**settings[step], name: value * 2}})
    assert (len(again.rejects), again.n_computed) == (1, 1)
