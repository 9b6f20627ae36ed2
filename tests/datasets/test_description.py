"""dataset.json as the download stage writes it, and as nobody does."""

from __future__ import annotations

from pathlib import Path

import pytest

from tast.datasets.description import FILE, Description, describe, described
from tast.errors import BadInput


def test_comes_back_as_it_was(tmp_path: Path) -> None:
    sets = (Description("pure", "pure"), Description("vipl_hr", "vipl_hr", include_nir=True))
    describe(tmp_path, sets)
    assert described(tmp_path) == sets


@pytest.mark.parametrize(
    "text",
    ["3", "null", '["pure"]', '[{"layout": "pure"}]', '[{"layout": [], "name": "a"}]', '[{"layout": "a", "name": "a", "b": 1}]'],
)
def test_what_is_none_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(BadInput, match=rf"{FILE}: .*expected a list of data sets"):
        described(tmp_path)
