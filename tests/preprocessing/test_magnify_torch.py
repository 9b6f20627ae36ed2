"""The torch backend against the CPU's own path."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tast.preprocessing.band_pass import FILTERS, Band
from tast.preprocessing.eulerian import magnify_frames
from tast.preprocessing.magnify_torch import magnify_tensor
from tast.preprocessing.pyramid import Amplification
from tests.preprocessing.textbook import noisy_scene

FPS_HZ = 30.0
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"))]
AMPLIFICATIONS = {
    "all": Amplification(120.0, 3, residual=True),
    "no residual": Amplification(120.0, 3, residual=False),
    "finest left alone": Amplification(120.0, 3, residual=False, skip_finest=1),
    "cut-off": Amplification(120.0, 3, residual=True, cutoff_wavelength_px=800),
    "yiq": Amplification(120.0, 3, residual=False, colour_space="yiq", chroma_attenuation=0.2),
    "nothing": Amplification(120.0, 1, residual=False, skip_finest=1),
}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("filter", FILTERS)
@pytest.mark.parametrize("name", AMPLIFICATIONS)
def test_agrees_with_the_cpu_s(device: str, filter: str, name: str) -> None:
    frames, amplification, band = noisy_scene(150, 37, 50), AMPLIFICATIONS[name], Band(0.4, 4.0, filter)
    expected = magnify_frames(frames, FPS_HZ, amplification, band, dtype=np.float32)
    magnified = magnify_tensor(torch.from_numpy(frames).to(device), FPS_HZ, amplification, band)
    assert (magnified.dtype, magnified.device.type) == (torch.float32, device)
    assert np.max(np.abs(magnified.cpu().numpy() - expected)) <= 1e-4 * np.max(np.abs(expected - frames))


def test_a_causal_filter_from_rest_agrees_too() -> None:
    frames, amplification, band = noisy_scene(60, 16, 16), AMPLIFICATIONS["all"], Band(0.4, 4.0, "iir", 5, settled=False)
    expected = magnify_frames(frames, FPS_HZ, amplification, band, dtype=np.float32)
    magnified = magnify_tensor(torch.from_numpy(frames), FPS_HZ, amplification, band).numpy()
    assert np.max(np.abs(magnified - expected)) <= 1e-4 * np.max(np.abs(expected - frames))


def test_the_tensor_is_left_as_it_is() -> None:
    frames = torch.from_numpy(noisy_scene(60, 16, 16)).float()
    before = frames.clone()
    magnify_tensor(frames, FPS_HZ, AMPLIFICATIONS["all"], Band(0.4, 4.0))
    assert torch.equal(frames, before)
