"""What a registry is restored from, and what of it was lost."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

from tast.errors import BadInput, TastError
from tast.files import whole_file
from tast.tracking.store import SQLITE, open_store


def copy_store(tracking_uri: str, target: Path) -> str:
    """Copy MLflow's SQLite file, whole, whatever is written meanwhile; says what was copied.

    Raises TastError where the store is a server or another database, which have means of their own, and BadInput where there is
    none.
    """
    if not tracking_uri.startswith(SQLITE):
        raise TastError("the registry is no SQLite file: back it up by the means of its database (docs/team.md)")
    database = Path(tracking_uri.removeprefix(SQLITE))
    if not database.is_file():
        raise BadInput(database, "no such file", "the project's MLflow store (`make repro` makes it)")
    with whole_file(target) as part, closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(part)) as copy:
        source.backup(copy)
    return f"{database} copied to {target}; what runs and versions hold lies beside it, in {database.parent / 'artifacts'}"


def versions_without_files(model_name: str, *, tracking_uri: str) -> list[str]:
    """Versions, the oldest first, whose model lay in a folder of this machine and does so no more."""
    with open_store(tracking_uri) as client:
        versions = [str(one.version) for one in client.search_model_versions(f"name = '{model_name}'")]
        places = {version: urlparse(client.get_model_version_download_uri(model_name, version)) for version in versions}
    here = {version: Path(url2pathname(place.path)) for version, place in places.items() if place.scheme in ("", "file")}
    return sorted((version for version, folder in here.items() if not folder.exists()), key=int)
