"""What can be known at all: anchors carry over to worlds never met, one moment does not; the page holds what is measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import knowable
from benchmarks.knowable import HOME_WORLDS, MOMENTS, alone, anchored, moments

PAGE = Path(__file__).parents[2] / knowable.PAGE


def test_an_anchor_is_taken_off_and_never_scored() -> None:
    some = moments(2, 2, seed=1)
    assert some.colours.shape == (4, MOMENTS, 5) and some.world.tolist() == [0, 0, 1, 1]
    assert alone(some, [0]).shape == (4, MOMENTS - 1, 1)
    changed = anchored(some, [0, 1])
    np.testing.assert_allclose(changed[..., :2] + changed[..., 2:4], some.colours[:, 1:, :2])
    np.testing.assert_array_equal(changed[:, 3, 2:], some.colours[:, 0])
    assert (some.noisy(0.05, 0, 1).colours[..., 2:] == some.colours[..., 2:]).all(), "the skin's colour has no noise"
    assert (some.noisy(0, 0.005, 1).colours[..., :2] == some.colours[..., :2]).all(), "nor the pulse's"


def test_blood_that_flows_moves_the_skin_and_not_the_pulse() -> None:
    still, flowing = (moments(4, 2, seed=5, flowing=flowing) for flowing in (False, True))
    np.testing.assert_allclose(flowing.colours[0, :, :2], still.colours[0, :, :2], err_msg="the first has the same SpO2")
    apart = [np.polyfit(some.percent[0], some.colours[0, :, 2], 2, full=True)[1][0] for some in (still, flowing)]
    assert apart[1] > 10 * apart[0]


def test_darker_blood_raises_reds_share_of_the_pulse_and_dims_red_skin() -> None:
    some = moments(10, 2, seed=2)
    slopes = np.array([np.polyfit(percent, seen, 1)[0] for percent, seen in zip(some.percent, some.colours, strict=True)])
    assert (slopes[:, 0] < 0).all() and (slopes[:, 2] > 0).all()


def test_an_anchor_carries_over_to_worlds_never_met_and_one_moment_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(knowable, "NOISES", (0.0,))
    monkeypatch.setattr(knowable, "HOME_PEOPLE", 20)
    monkeypatch.setattr(knowable, "HOME_TESTED", 5)
    found = {row.name: row.ratio for row in knowable.rows(60, seed=3)}
    assert found.keys() >= {f"{HOME_WORLDS} worlds known, people left out: one moment", "stays where the anchor was"}
    assert found["the mean of those trained on"] == pytest.approx(1, abs=0.05)
    assert found["worlds left out: anchored, of the skin's colour too"] < 0.4 < 0.6 < found["worlds left out: one moment"]


def test_the_page_has_a_place_for_the_table(tmp_path: Path) -> None:
    copy = tmp_path / "page.md"
    copy.write_text(PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    knowable.publish([knowable._row("planted", np.zeros(4), np.array([3.0, -3, 3, -3]), 3.0)], copy)
    assert "| planted | 3.00 | 1.00 |" in copy.read_text(encoding="utf-8")
