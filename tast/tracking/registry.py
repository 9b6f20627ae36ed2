"""Champion and challenger of a registered model: both scored now, on one test set; promoted and rolled back for a reason."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mlflow.entities.model_registry import ModelVersion
from mlflow.tracking import MlflowClient

from tast.errors import TastError
from tast.tracking.store import (
    CHALLENGER,
    CHAMPION,
    COMPARISON_TAG,
    MODEL_FILES,
    PROTOCOL_TAG,
    REPLACED_TAG,
    ROLLED_BACK_TAG,
    TEST_TAG,
    aliased,
    open_store,
)


@dataclass(frozen=True)
class Comparison:
    """Challenger against champion, both scored now, on the same test set. RMSE in percent SpO2; champion None: there was none."""

    model_name: str
    challenger: str
    champion: str | None
    challenger_rmse: float
    champion_rmse: float | None
    margin_percent: float
    protocol: str
    test_digest: str
    promotes: bool
    verdict: str


def compare(
    model_name: str,
    score: Callable[[Path], Mapping[str, Any]],
    *,
    test_digest: str,
    protocol: str,
    margin_percent: float,
    tracking_uri: str,
) -> Comparison:
    """Score challenger and champion on the current test split and say which is better; changes nothing.

    score: folder of a saved model -> its metrics there, with `rmse`. The challenger must have the lower RMSE, and by at least
    margin_percent. Raises TastError where the two were not made for the same test set and protocol: a champion whose
    test set was another may have been trained on people who are tested now. A comparison that promote recorded is read back.
    """
    with open_store(tracking_uri) as client:
        challenger = aliased(client, model_name, CHALLENGER)
        if challenger is None:
            raise TastError(f"{model_name} has no challenger: publish first")
        champion = aliased(client, model_name, CHAMPION)
        _require_same_test(challenger, test_digest, protocol)
        if champion is not None:
            _require_same_test(champion, test_digest, protocol)
        recorded = _recorded(challenger, champion, margin_percent)
        if recorded is not None:
            return recorded
        challenger_rmse = _rmse(client, challenger, score)
        another = champion is not None and champion.version != challenger.version
        champion_rmse = _rmse(client, champion, score) if another else None
    promotes, verdict = _judge(challenger, champion, challenger_rmse, champion_rmse, margin_percent)
    return Comparison(
        model_name=model_name, challenger=str(challenger.version), champion=str(champion.version) if champion else None,
        challenger_rmse=challenger_rmse, champion_rmse=champion_rmse, margin_percent=margin_percent, protocol=protocol,
        test_digest=test_digest, promotes=promotes, verdict=verdict,
    )  # fmt: skip


def promote(comparison: Comparison, *, tracking_uri: str) -> None:
    """Record the comparison on the challenger, and make it the champion where it won.

    Raises TastError where the champion has changed since the comparison: whoever promoted in between has won.
    """
    name, version = comparison.model_name, comparison.challenger
    with open_store(tracking_uri) as client:
        champion = aliased(client, name, CHAMPION)
        current = str(champion.version) if champion else None
        if current != comparison.champion:
            raise TastError(f"the champion of {name} changed from {comparison.champion} to {current} meanwhile: compare again")
        if version == current:
            return  # its tag tells how it became the champion
        client.set_model_version_tag(name, version, COMPARISON_TAG, json.dumps(asdict(comparison), sort_keys=True))
        if comparison.promotes:
            client.set_model_version_tag(name, version, REPLACED_TAG, current or "")
            client.set_registered_model_alias(name, CHAMPION, version)


def rollback(model_name: str, *, reason: str, tracking_uri: str) -> str:
    """Give the title back to the version that the champion replaced, and say so in one sentence.

    The version that is rolled back keeps the reason as a tag and will not be promoted again. Raises TastError where there is
    nothing to go back to.
    """
    with open_store(tracking_uri) as client:
        champion = aliased(client, model_name, CHAMPION)
        if champion is None:
            raise TastError(f"{model_name} has no champion to roll back")
        previous = champion.tags.get(REPLACED_TAG)
        if not previous:
            raise TastError(f"version {champion.version} of {model_name} replaced no other: there is nothing to go back to")
        client.set_model_version_tag(model_name, str(champion.version), ROLLED_BACK_TAG, reason)
        client.set_registered_model_alias(model_name, CHAMPION, previous)
        return f"Version {previous} of {model_name} is the champion again; version {champion.version} was rolled back: {reason}."


def set_champion(model_name: str, version: str, *, tracking_uri: str) -> str:
    """Make a version the champion by hand, without a comparison: the way on after the test set itself has changed."""
    with open_store(tracking_uri) as client:
        champion = aliased(client, model_name, CHAMPION)
        known = [str(one.version) for one in client.search_model_versions(f"name = '{model_name}'")]
        if version not in known:
            raise TastError(f"{model_name} has no version {version}; it has {', '.join(sorted(known, key=int)) or 'none'}")
        if champion is not None and str(champion.version) != version:
            client.set_model_version_tag(model_name, version, REPLACED_TAG, str(champion.version))
        client.set_registered_model_alias(model_name, CHAMPION, version)
        return f"Version {version} of {model_name} is the champion, by hand."


def champion_files(model_name: str, target: Path, *, tracking_uri: str) -> Path:
    """Copy the champion's saved model (not the export) into the folder `target` and say where it lies."""
    with open_store(tracking_uri) as client:
        champion = aliased(client, model_name, CHAMPION)
        if champion is None:
            raise TastError(f"{model_name} has no champion: promote one first")
        return _download(client, champion, target)


def _require_same_test(version: ModelVersion, test_digest: str, protocol: str) -> None:
    for what, tag, expected in (("protocol", PROTOCOL_TAG, protocol), ("test set", TEST_TAG, test_digest)):
        found = version.tags.get(tag)
        if found != expected:
            raise TastError(
                f"not comparable: version {version.version} of {version.name} was made for {what} {str(found)[:24]}, "
                f"this workspace has {expected[:24]}"
            )


def _recorded(challenger: ModelVersion, champion: ModelVersion | None, margin_percent: float) -> Comparison | None:
    """The comparison that promote recorded, if it still holds: same champion, test set and margin, and it did not promote."""
    text = challenger.tags.get(COMPARISON_TAG)
    if text is None:
        return None
    recorded = Comparison(**json.loads(text))
    same = recorded.champion == (str(champion.version) if champion else None) and recorded.margin_percent == margin_percent
    tested = recorded.test_digest == challenger.tags[TEST_TAG] and recorded.protocol == challenger.tags[PROTOCOL_TAG]
    return recorded if same and tested and not recorded.promotes else None


def _rmse(client: MlflowClient, version: ModelVersion, score: Callable[[Path], Mapping[str, Any]]) -> float:
    with tempfile.TemporaryDirectory() as scratch:
        rmse = float(score(_download(client, version, Path(scratch)))["rmse"])
    if not math.isfinite(rmse):
        raise TastError(f"version {version.version} of {version.name} has no RMSE on the current test set")
    return rmse


def _download(client: MlflowClient, version: ModelVersion, target: Path) -> Path:
    target.mkdir(parents=True, exist_ok=True)
    return Path(client.download_artifacts(version.run_id, MODEL_FILES, str(target)))


def _judge(
    challenger: ModelVersion,
    champion: ModelVersion | None,
    challenger_rmse: float,
    champion_rmse: float | None,
    margin_percent: float,
) -> tuple[bool, str]:
    new = f"version {challenger.version}"
    rolled_back = challenger.tags.get(ROLLED_BACK_TAG)
    if champion is None:
        return True, f"{new.capitalize()} is the first champion, with an RMSE of {challenger_rmse:.3f} %."
    if champion_rmse is None:
        return False, f"{new.capitalize()} is the champion already, with an RMSE of {challenger_rmse:.3f} %."
    old, figures = f"version {champion.version}", f"an RMSE of {challenger_rmse:.3f} % against {champion_rmse:.3f} %"
    if rolled_back is not None:
        return False, f"{old.capitalize()} stays champion: {new} was rolled back ({rolled_back})."
    gain = champion_rmse - challenger_rmse
    if gain > 0 and gain >= margin_percent:
        return True, f"{new.capitalize()} replaces {old}: {figures} on the same test set (margin {margin_percent:g})."
    return False, f"{old.capitalize()} stays champion: {new} has {figures} on the same test set (margin {margin_percent:g})."
