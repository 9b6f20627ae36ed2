"""Champion and challenger of a registered model: both scored now, on one test set; promoted and rolled back for a reason."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

from mlflow.entities.model_registry import ModelVersion
from mlflow.tracking import MlflowClient

from tast.errors import TastError
from tast.evaluation.contest import Rules, Verdict
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

Predictions = TypeVar("Predictions")

MODEL_URI = re.compile(r"models:/(?P<name>[\w.\- ]+)(?:@(?P<alias>[\w.\-]+)|/(?P<version>\d+))")


@dataclass(frozen=True)
class Comparison:
    """Challenger against champion, both scored now, on the same test set: versions, the rules, and what came of it.

    champion None: there was none. evidence: what the rules found. sentence: the outcome, with names and figures.
    """

    model_name: str
    challenger: str
    champion: str | None
    rules: Rules
    protocol: str
    test_digest: str
    promotes: bool
    evidence: Verdict
    sentence: str


def compare(
    model_name: str,
    predict: Callable[[Path], Predictions],
    judge: Callable[[Predictions, Predictions | None, Rules], Verdict],
    *,
    rules: Rules,
    test_digest: str,
    protocol: str,
    tracking_uri: str,
) -> Comparison:
    """Predict the current test split with challenger and champion and judge them; changes nothing.

    predict: folder of a saved model -> its predictions there. judge: those of the challenger and of the champion (None where
    there is no other) -> verdict. Raises TastError where the two were not made for the same test set and protocol: a champion
    whose test set was another may have been trained on people who are tested now. A comparison that promote recorded is read
    back.
    """
    with open_store(tracking_uri) as client:
        challenger = aliased(client, model_name, CHALLENGER)
        if challenger is None:
            raise TastError(f"{model_name} has no challenger: publish first")
        champion = aliased(client, model_name, CHAMPION)
        _require_same_test(challenger, test_digest, protocol)
        if champion is not None:
            _require_same_test(champion, test_digest, protocol)
        recorded = _recorded(challenger, champion, rules)
        if recorded is not None:
            return recorded
        ours = _predictions(client, challenger, predict)
        another = champion is not None and champion.version != challenger.version
        theirs = _predictions(client, champion, predict) if another else None
    evidence = judge(ours, theirs, rules)
    promotes, sentence = _outcome(challenger, champion, evidence)
    return Comparison(
        model_name=model_name, challenger=str(challenger.version), champion=str(champion.version) if champion else None,
        rules=rules, protocol=protocol, test_digest=test_digest, promotes=promotes, evidence=evidence, sentence=sentence,
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


def model_files(uri: str, target: Path, *, tracking_uri: str) -> Path:
    """Copy the saved model (not the export) that `models:/NAME@ALIAS` or `models:/NAME/VERSION` names into the folder `target`.

    Returns where it lies. Raises TastError where the registry has no such model.
    """
    named = MODEL_URI.fullmatch(uri)
    if named is None:
        raise TastError(f"{uri} names no registered model; expected models:/NAME@ALIAS or models:/NAME/VERSION")
    with open_store(tracking_uri) as client:
        if named["alias"]:
            version = aliased(client, named["name"], named["alias"])
        else:
            known = client.search_model_versions(f"name = '{named['name']}'")
            version = next((one for one in known if str(one.version) == named["version"]), None)
        if version is None:
            raise TastError(f"the registry has no {uri}")
        return _download(client, version, target)


def _require_same_test(version: ModelVersion, test_digest: str, protocol: str) -> None:
    for what, tag, expected in (("protocol", PROTOCOL_TAG, protocol), ("test set", TEST_TAG, test_digest)):
        found = version.tags.get(tag)
        if found != expected:
            raise TastError(
                f"not comparable: version {version.version} of {version.name} was made for {what} {str(found)[:24]}, "
                f"this workspace has {expected[:24]}"
            )


def _recorded(challenger: ModelVersion, champion: ModelVersion | None, rules: Rules) -> Comparison | None:
    """The comparison that promote recorded, if it still holds: same champion, test set and rules, and it did not promote."""
    text = challenger.tags.get(COMPARISON_TAG)
    if text is None:
        return None
    try:
        recorded = _from_tag(text)
    except (KeyError, TypeError):
        return None
    same = recorded.champion == (str(champion.version) if champion else None) and recorded.rules == rules
    tested = recorded.test_digest == challenger.tags[TEST_TAG] and recorded.protocol == challenger.tags[PROTOCOL_TAG]
    return recorded if same and tested and not recorded.promotes else None


def _from_tag(text: str) -> Comparison:
    """Raises KeyError or TypeError where an older release recorded it in another form."""
    told = json.loads(text)
    evidence = told["evidence"] | {"worse_groups": tuple(told["evidence"]["worse_groups"])}
    return Comparison(**{**told, "rules": Rules(**told["rules"]), "evidence": Verdict(**evidence)})


def _predictions(client: MlflowClient, version: ModelVersion, predict: Callable[[Path], Predictions]) -> Predictions:
    with tempfile.TemporaryDirectory() as scratch:
        return predict(_download(client, version, Path(scratch)))


def _download(client: MlflowClient, version: ModelVersion, target: Path) -> Path:
    target.mkdir(parents=True, exist_ok=True)
    return Path(client.download_artifacts(version.run_id, MODEL_FILES, str(target)))


def _outcome(challenger: ModelVersion, champion: ModelVersion | None, evidence: Verdict) -> tuple[bool, str]:
    new, own = f"version {challenger.version}", f"{evidence.challenger_rmse:.3f} %"
    rolled_back = challenger.tags.get(ROLLED_BACK_TAG)
    if champion is None:
        return True, f"{new.capitalize()} is the first champion, with an RMSE of {own}."
    if evidence.champion_rmse is None:
        return False, f"{new.capitalize()} is the champion already, with an RMSE of {own}."
    old, figures = f"version {champion.version}", f"an RMSE of {own} against {evidence.champion_rmse:.3f} %"
    if rolled_back is not None:
        return False, f"{old.capitalize()} stays champion: {new} was rolled back ({rolled_back})."
    if evidence.wins:
        return True, f"{new.capitalize()} replaces {old}: {figures} on the same test set, {evidence.reason}."
    return False, f"{old.capitalize()} stays champion: {new} has {figures} on the same test set; {evidence.reason}."
