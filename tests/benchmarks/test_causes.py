"""What benchmarks.causes puts into frames, how it counts, and where its table goes."""

from __future__ import annotations

import numpy as np

from benchmarks.causes import BEGIN, CHANGES, END, Count, publish, rows
from benchmarks.changes import exchanged, slow_lamp
from benchmarks.results import Row
from tast.prediction.causes.known import CAUSES


def frames(level: int = 120) -> list[tuple[float, np.ndarray]]:
    ramp = np.linspace(0.5, 1.5, 320)[None, :, None] * [1.0, 0.7, 0.6]
    return [(k / 30, np.broadcast_to(level * ramp, (240, 320, 3)).astype(np.uint8)) for k in range(30)]


def test_half_of_the_middle_of_an_overexposed_face_is_cut_off():
    middle = CHANGES["overexposed"](frames())[0][1][60:150, 120:200].max(axis=2)
    assert 0.4 < (middle >= 254).mean() < 0.65


def test_what_is_put_in_leaves_the_times_and_the_frames_that_were_given():
    given = frames()
    for change in CHANGES.values():
        assert {time_s for time_s, _ in change(given)} <= {time_s for time_s, _ in given}
    assert (given[0][1] == frames()[0][1]).all()
    assert (exchanged(given)[0][1][..., 0] == given[0][1][..., 2]).all()


def test_a_lamp_flickers_at_the_rate_it_is_asked_for():
    gains = slow_lamp(1.5)(np.arange(300) / 30)[:, 0]
    assert np.isclose(np.ptp(gains), 0.04, atol=1e-3)
    assert np.argmax(abs(np.fft.rfft(gains - gains.mean()))) == 15


def test_each_cause_has_two_bars_and_a_line_on_the_page(tmp_path):
    counts = {cause.name: Count(have=2, found=1, lack=20, false=3) for cause in CAUSES}
    made = rows(counts, Count(lack=9, false=0))
    assert len(made) == 1 + 2 * len(CAUSES)
    assert made[1] == Row("no colour: found, of 2 clips that have it", 0.5, "share", must=0.8)
    assert made[2].value == 0.15 and made[2].better == "lower"
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nstale\n{END}\nafter\n")
    publish(counts, Count(lack=9, false=1), page)
    text = page.read_text()
    assert text.startswith("before\n") and text.endswith("after\n") and "stale" not in text
    assert "| no colour | below 0.1 | 1 of 2 | 3 of 20 |" in text
    assert "Of 9 clips into which nothing was put, 1 would be refused by a cause." in text
