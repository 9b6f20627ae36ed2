"""A copy of the registry is whole and can be put back; versions whose files were lost are named."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from tast.errors import BadInput, TastError
from tast.tracking.projection import publish
from tast.tracking.recovery import copy_store, versions_without_files
from tests.tracking.conftest import make_publication, store_in


def test_an_older_copy_put_back_is_made_whole_by_publishing_again(empty_database: Path, tmp_path: Path) -> None:
    """Two versions, a copy, a third; the copy knows two, and publishing the third again makes it what it was."""
    store = store_in(tmp_path, empty_database)
    publications = [make_publication(tmp_path / f"made{seed}", seed) for seed in range(2)]
    publish(publications[0], **store.where)
    said = copy_store(store.tracking_uri, tmp_path / "kept" / "registry.db")
    assert said.startswith(f"{store.database} copied to {tmp_path / 'kept' / 'registry.db'}")
    publish(publications[1], **store.where)
    shutil.copyfile(tmp_path / "kept" / "registry.db", store.database)
    client = MlflowClient(store.tracking_uri)
    assert [str(one.version) for one in client.search_model_versions("name = 'tast-net'")] == ["1"]
    assert str(publish(publications[1], **store.where).version) == "2"
    assert str(publish(publications[0], **store.where).version) == "1"
    assert versions_without_files("tast-net", tracking_uri=store.tracking_uri) == []
    shutil.rmtree(client.get_model_version_download_uri("tast-net", "1").removeprefix("file://"))
    assert versions_without_files("tast-net", tracking_uri=store.tracking_uri) == ["1"]


def test_what_cannot_be_copied_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(TastError, match="the registry is no SQLite file"):
        copy_store("http://127.0.0.1:5000", tmp_path / "x")
    with pytest.raises(BadInput, match="no such file"):
        copy_store(f"sqlite:///{tmp_path}/none.db", tmp_path / "x")
    assert not (tmp_path / "x").exists()
