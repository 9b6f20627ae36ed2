from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tast.errors import TastError
from tast.params import load_params
from tast.preprocessing.pipeline import settings_of
from tast.preprocessing.steps import STEPS
from tast.probe.chains import stored_and_loaded
from tast.probe.probe import StepReading, motion_in, probe_session, probe_sessions, summarised, world_sessions
from tast.probe.table import as_json, as_markdown
from tast.records import FaceVideo

PLAN: dict[str, Any] = {
    "subjects": 3, "seconds": 5.0, "seed": 7, "fps_hz": 30.0, "width_px": 320, "height_px": 240, "face_height_px": 120,
    "profile": "wide",
}  # fmt: skip


@pytest.fixture(scope="module", params=["pure", "vipl_hr"])
def readings(request: pytest.FixtureRequest) -> list[StepReading]:
    """One steady recording, lossless or as H.264."""
    session = probe_sessions(layout=request.param, scenarios=None, **{**PLAN, "subjects": 1})[0]
    compression = {"codec": "h264", "quality": 10} if request.param == "vipl_hr" else None
    return list(probe_session(session, settings_of(load_params().preprocess.model_dump()), compression))


def after(readings: list[StepReading], chain: str, step: str) -> StepReading:
    return next(reading for reading in readings if (reading.chain, reading.step) == (chain, step))


def test_every_step_is_read_and_nothing_is_lost_from_the_mask_to_the_store(readings: list[StepReading]) -> None:
    steps = [reading.step for reading in readings if reading.chain == "pipeline"]
    assert steps == ["align", *STEPS, "store, load"]
    masked, loaded = (after(readings, "pipeline", step) for step in ("mask", "store, load"))
    assert loaded.rate_error_per_min < 4  # of 5 s: a bin of the window is 12 wide
    assert abs(loaded.log_proj) < abs(masked.log_proj) + 0.05
    assert loaded.snr_db > masked.snr_db - 1
    assert (loaded.saturated_share, masked.saturated_share) == (0, 0)
    assert loaded.beyond_8_bit_share > 0.001  # why magnified video is not stored as bytes


def test_one_mask_and_smoothing_beat_the_per_frame_reference(readings: list[StepReading]) -> None:
    ours, reference = (after(readings, chain, "mask") for chain in ("pipeline", "per-frame reference"))
    assert abs(ours.log_proj) < 0.5 * abs(reference.log_proj)
    assert ours.inside_share > 0.99
    jitters = [after(readings, chain, "align").jitter_px for chain in ("pipeline", "per-frame reference")]
    assert jitters[0] < 0.05 < jitters[1]


def test_the_plan_is_steady_once_and_moving_in_turns() -> None:
    sessions = probe_sessions(layout="pure", scenarios=None, **PLAN)
    assert [s.scenario for s in sessions] == ["steady"] * 3 + ["talking", "slow_translation", "fast_translation"]
    assert [motion_in(s.scenario) for s in sessions] == ["steady"] * 3 + ["moving"] * 3
    dark = probe_sessions(layout="vipl_hr", scenarios=("dark",), **PLAN)
    assert [(s.subject, s.scenario) for s in dark] == [(1, "dark"), (2, "dark"), (3, "dark")]
    with pytest.raises(TastError, match="unknown in the layout pure"):
        probe_sessions(layout="pure", scenarios=("dark",), **PLAN)
    with pytest.raises(TastError, match="layout 'other' is unknown"):
        probe_sessions(layout="other", scenarios=None, **PLAN)


def test_in_worlds_each_is_a_group_and_its_video_is_the_worlds() -> None:
    sessions = world_sessions(worlds=2, scenarios=None, **(PLAN | {"subjects": 2}))
    assert [(s.scenario, s.in_world.number) for s in sessions] == [("steady", 1), ("steady", 2)]
    settings = settings_of(load_params().preprocess.model_dump())
    read = list(probe_session(sessions[0], settings, None, ("pipeline",)))
    assert {reading.group for reading in read} == {"world-01"}
    assert [reading.step for reading in read][:3] == ["decode (still box)", "align", "mask"]
    assert all(np.isfinite([reading.log_proj, reading.log_blue]).all() for reading in read)


def test_errors_are_summed_up_by_root_mean_square_and_the_rest_by_means() -> None:
    one = StepReading("pipeline", "steady", "mask", "01-01", 3.0, 6.0, 0.3, -0.1, 0.05, 0.0, 0.2)
    other = replace(one, session="02-01", rate_error_per_min=4.0, snr_db=8.0, log_std=-0.3, log_proj=0.1, inside_share=0.99)
    (row,) = summarised([one, other])
    assert (row.sessions, row.snr_db, row.inside_share) == (2, 7.0, 0.99)
    assert row.rate_error_per_min == pytest.approx(np.sqrt(12.5))
    assert (row.log_std, row.log_proj) == (pytest.approx(0.3), pytest.approx(0.1))
    assert np.isnan(row.jitter_px)
    assert (
        as_markdown([row]).splitlines()[2]
        == "| steady | pipeline | mask | 3.54 | 7.0 | 0.300 | 0.100 | 0.050 | 0.00% | 20.0% |  | 99.00% |"
    )
    (plain,) = json.loads(as_json([row]))
    assert plain["jitter_px"] is None
    assert plain["sessions"] == 2


def test_what_is_stored_is_what_is_loaded() -> None:
    frames = np.random.default_rng(0).normal(100, 50, (9, 4, 4, 3)).astype(np.float16)
    face = FaceVideo("r", frames, np.arange(9) / 15, np.ones(9))
    np.testing.assert_array_equal(stored_and_loaded(face).frames, frames)
