"""The section preprocess.magnify says what `magnify` can do, no more and no less."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import get_args

import pytest

from tast.errors import BadInput
from tast.params import Magnify, load_params
from tast.preprocessing.band_pass import FILTERS
from tast.preprocessing.magnify import magnify
from tast.preprocessing.pyramid import COLOUR_SPACES


def test_every_key_is_an_argument() -> None:
    assert set(Magnify.model_fields) == set(inspect.signature(magnify).parameters) - {"face", "fps_hz"}
    assert set(get_args(Magnify.model_fields["filter"].annotation)) == set(FILTERS)
    assert set(get_args(Magnify.model_fields["colour_space"].annotation)) == set(COLOUR_SPACES)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (
            "    filter: butterworth",
            "    filter: box",
            r"preprocess.magnify.filter = 'box'; expected .*'butterworth', 'ideal' or 'iir'",
        ),
        ("    skip_finest: 0", "    skip_finest: 5", r"skip_finest \(5\) must not exceed levels \(4\)"),
        ("    chroma_attenuation: 1.0", "    chroma_attenuation: 0.1", r"chroma_attenuation is of colour_space yiq"),
        ("    cutoff_wavelength_px: null", "    cutoff_wavelength_px: 0", r"cutoff_wavelength_px = 0; expected .*greater than 0"),
    ],
)
def test_what_cannot_be_meant_is_one_line(tmp_path: Path, old: str, new: str, line: str) -> None:
    content = Path("params.yaml").read_text()
    assert old in content
    (tmp_path / "params.yaml").write_text(content.replace(old, new))
    with pytest.raises(BadInput, match=line):
        load_params(tmp_path / "params.yaml")
