"""What is installed is what is listed, with its licences; docs/security.md speaks of the versions that are pinned."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.licences import PAGE, SBOM, UNSTATED, licences, locked, page


def test_every_pin_is_in_the_bill_of_materials():
    bom = json.loads(SBOM.read_text())
    assert bom["bomFormat"] == "CycloneDX" and SBOM.stat().st_size < 10**6
    assert {part["name"].lower().replace("_", "-").replace(".", "-"): part["version"] for part in bom["components"]} == locked()
    assert "/simple/" not in SBOM.read_text()


def test_the_page_of_licences_is_of_these_pins():
    assert PAGE.read_text() == page()
    assert sum(licence == UNSTATED for _, licence in licences().values()) <= 1


def test_the_page_on_vulnerabilities_speaks_of_the_pinned_versions():
    told = dict(re.findall(r"^\| ([a-z-]+) (\d[\d.]*\d)", Path("docs/security.md").read_text(), re.MULTILINE))
    assert len(told) >= 8 and told == {name: locked()[name] for name in told}
