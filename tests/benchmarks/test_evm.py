"""The benchmark of magnification: peers told apart by what they hold, and ours measured where there are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import evm


def test_peers_are_told_apart_by_the_file_they_hold(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The two names differ in case alone."""
    for folder, file in (("a", "evm.py"), ("b", "EVM.py"), ("c", "other.py")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / file).touch()
    a, b, c = (tmp_path / name for name in "abc")
    assert evm.checkout_of("pyevm", [c, a, b]) == b
    assert evm.checkout_of("joeljose", [c, a, b]) == a
    assert not capsys.readouterr().out
    assert evm.checkout_of("pyevm", [c, a]) is None
    assert "no checkout of flyingzhao/PyEVM magnify_motion given" in capsys.readouterr().out


def test_ours_alone_is_measured_where_there_is_no_peer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here in this process, where the peak of memory says nothing; a child would load everything anew."""
    monkeypatch.setitem(evm.SIZES, "128x128", (32, 32))
    monkeypatch.setattr(evm, "_in_child", evm.measure)
    time_row, memory_row = evm.compare("pyevm", None, "128x128", repeats=1)
    assert (time_row.peer, time_row.ratio, time_row.unit) == (None, None, "CPU s")
    assert 0 < time_row.value < 10
    assert (memory_row.must, memory_row.aim) == (1.3, 1.2)


def test_the_scene_has_its_pulse() -> None:
    green = evm.scene(32, 32)[..., 1].mean(axis=(1, 2))
    spectrum = np.abs(np.fft.rfft(green - green.mean()))
    assert np.fft.rfftfreq(evm.N_FRAMES, 1 / evm.FPS_HZ)[spectrum.argmax()] == pytest.approx(1.2)
