"""Each temporal filter against its definition in float64, and what it does to sinusoids."""

from __future__ import annotations

import numpy as np
import pytest

from tast.preprocessing.band_pass import FILTERS, Band, band_pass
from tast.preprocessing.causal import CausalBandPass
from tests.preprocessing import textbook

FPS_HZ = 30.0


def signals(n_times: int, n: int = 40) -> np.ndarray:
    return 128 + 10 * np.random.default_rng(0).normal(size=(n_times, n))


@pytest.mark.parametrize("filter", FILTERS)
@pytest.mark.parametrize(("n_times", "fps_hz", "low_hz", "high_hz"), [(300, 30.0, 0.4, 4.0), (241, 25.0, 0.7, 2.5)])
def test_equal_to_its_definition(filter: str, n_times: int, fps_hz: float, low_hz: float, high_hz: float) -> None:
    band = Band(low_hz, high_hz, filter)
    expected = textbook.FILTERS[filter](signals(n_times), fps_hz, band)
    passed = band_pass(signals(n_times).astype(np.float32), fps_hz, band)
    assert passed.dtype == np.float32
    assert np.max(np.abs(passed - expected)) < 1e-4 * np.max(np.abs(expected))


@pytest.mark.parametrize("order", [1, 2, 5])
@pytest.mark.parametrize("settled", [True, False])
def test_causal_filter_in_uneven_blocks_is_the_filter_in_one(order: int, settled: bool) -> None:
    band = Band(0.4, 4.0, "iir", order, settled)
    whole = band_pass(signals(200, 1500).astype(np.float32), FPS_HZ, band)
    filter = CausalBandPass(FPS_HZ, 0.4, 4.0, order=order, settled=settled)
    blocks = [np.array(block, dtype=np.float32) for block in np.split(signals(200, 1500), [1, 6, 13, 101])]
    for block in blocks:
        filter.filter_in_place(block)
    np.testing.assert_array_equal(np.concatenate(blocks), whole)
    expected = textbook.one_way(signals(200, 1500), FPS_HZ, band)
    assert np.max(np.abs(whole - expected)) < 1e-4 * np.max(np.abs(expected))


def test_a_settled_causal_filter_starts_without_a_step() -> None:
    still = np.full((60, 1), 128, dtype=np.float32)
    assert np.max(np.abs(band_pass(still, FPS_HZ, Band(0.4, 4.0, "iir")))) < 1e-3
    assert np.max(np.abs(band_pass(still, FPS_HZ, Band(0.4, 4.0, "iir", settled=False)))) > 30


@pytest.mark.parametrize("filter", FILTERS)
def test_pulse_passes_and_what_is_out_of_band_does_not(filter: str) -> None:
    times_s = np.arange(1200) / FPS_HZ
    for hz, gain in ((1.2, 1), (0.1, 0), (8.0, 0)):
        wave = np.sin(2 * np.pi * hz * times_s)
        passed = band_pass(wave.astype(np.float32)[:, None], FPS_HZ, Band(0.4, 4.0, filter))[600:, 0]
        assert np.sqrt(2 * np.mean(passed**2)) == pytest.approx(gain, abs=0.02)


def test_what_passes_the_zero_phase_filter_is_not_late() -> None:
    """A pulse well within the band comes out as it went in, sample by sample, away from the ends."""
    times_s = np.arange(1200) / FPS_HZ
    wave = np.sin(2 * np.pi * 1.2 * times_s).astype(np.float32)[:, None]
    passed = band_pass(wave, FPS_HZ, Band(0.4, 4.0, "butterworth"))
    np.testing.assert_allclose(passed[300:900], wave[300:900], atol=0.005)


def test_a_steady_drift_does_not_pass_not_even_at_the_ends() -> None:
    """A hundred grey levels in 8 s, a straight line: the trend is taken whole, before the ends are mirrored into a kink."""
    ramp = (12.5 * np.arange(240) / FPS_HZ).astype(np.float32)[:, None]
    assert np.abs(band_pass(ramp, FPS_HZ, Band(0.4, 4.0, "butterworth"))).max() < 1e-3


def test_bins_on_the_edge_do_not_pass_the_ideal_filter() -> None:
    """0.4 Hz and 4 Hz are bins 4 and 40 of 10 s; rounding must not let one of them in."""
    times_s = np.arange(300) / FPS_HZ
    for hz, passes in ((0.4, False), (0.5, True), (3.9, True), (4.0, False)):
        wave = np.cos(2 * np.pi * hz * times_s).astype(np.float32)[:, None]
        assert np.ptp(band_pass(wave, FPS_HZ, Band(0.4, 4.0, "ideal"))) == pytest.approx(2 * passes, abs=0.02)


def test_unknown_filters_and_impossible_bands_are_named() -> None:
    with pytest.raises(ValueError, match="no filter 'box'; known are butterworth, ideal, iir"):
        band_pass(signals(50).astype(np.float32), FPS_HZ, Band(0.4, 4.0, "box"))
    with pytest.raises(ValueError, match=r"8 frames per second cannot carry 0\.4 to 4 Hz"):
        band_pass(signals(50).astype(np.float32), 8.0, Band(0.4, 4.0))
