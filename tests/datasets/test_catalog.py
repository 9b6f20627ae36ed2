"""What is known of each data set before it is on disk agrees with what can be read, audited and named in params.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from tast.cli.data import LAYOUTS
from tast.datasets.audit_records import AUDITED
from tast.datasets.catalog import CATALOG
from tast.datasets.readers import READERS
from tast.datasets.waves import WAVES
from tast.params import Source

DOCS = Path(__file__).parents[2] / "docs" / "datasets.md"


def test_every_set_is_known_everywhere() -> None:
    named = set(get_args(Source.model_fields["name"].annotation)) - {"phantom"}
    assert named == set(READERS) | set(WAVES) == set(AUDITED)
    assert named - {"csv", "traces"} == set(CATALOG), "what is the user's has no terms"
    assert {name.strip() for part in LAYOUTS.split(",") for name in part.split(" or ")} == named
    text = DOCS.read_text()
    assert [name for name in named if f"`{name}`" not in text] == []
    assert all(entry.access and entry.notice and entry.title for entry in CATALOG.values())
