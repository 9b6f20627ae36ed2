"""What is installed is what is listed, with its licences; docs/security.md speaks of the versions that are pinned."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from tast.doctor.machine import PYTHONS
from tests.licences import PAGE, SBOM, UNSTATED, licences, locked, page
from tests.test_pythons import OF_OLDER_PYTHONS

ROW = re.compile(r"^\| ([a-z0-9-]+) (\| \d[\w.]* \| .* \|)$", re.MULTILINE)  # of a package: its name, its version and licence


def not_here() -> set[str]:
    return set() if sys.version_info[:2] == PYTHONS[0] else OF_OLDER_PYTHONS


def test_every_pin_is_in_the_bill_of_materials():
    bom = json.loads(SBOM.read_text())
    assert bom["bomFormat"] == "CycloneDX" and SBOM.stat().st_size < 10**6
    assert {part["name"].lower().replace("_", "-").replace(".", "-"): part["version"] for part in bom["components"]} == locked()
    assert "/simple/" not in SBOM.read_text()


def test_the_page_of_licences_is_of_these_pins():
    """It is made on the first Python; a later one has the same packages but those that it needs no more."""
    made, here = PAGE.read_text(), page()
    if sys.version_info[:2] == PYTHONS[0]:
        assert made == here
    assert dict(ROW.findall(made)).keys() == locked().keys()
    assert set(ROW.findall(here)) == {(name, rest) for name, rest in ROW.findall(made) if name not in not_here()}
    assert sum(licence == UNSTATED for _, licence in licences().values()) <= 1


def test_the_page_on_vulnerabilities_speaks_of_the_pinned_versions():
    told = dict(re.findall(r"^\| ([a-z-]+) (\d[\d.]*\d)", Path("docs/security.md").read_text(), re.MULTILINE))
    assert len(told) >= 8 and told == {name: locked()[name] for name in told}
