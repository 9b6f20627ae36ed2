"""Champion and challenger of a registered model: both scored now, on people that neither has seen; promoted and rolled back.

A comparison is an answer, whichever way it goes; whatever keeps an answer from being found, or from being written, raises.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from mlflow.entities.model_registry import ModelVersion
from mlflow.tracking import MlflowClient

from tast.errors import TastError
from tast.evaluation.contest import Rules, Verdict
from tast.tracking.store import (
    CHALLENGER,
    CHAMPION,
    COMPARISON_TAG,
    PROTOCOL_TAG,
    REPLACED_TAG,
    ROLLED_BACK_TAG,
    aliased,
    championship,
    open_store,
)
from tast.tracking.versions import download_saved_model

MODEL_URI = re.compile(r"models:/(?P<name>[\w.\- ]+)(?:@(?P<alias>[\w.\-]+)|/(?P<version>\d+))")


@dataclass(frozen=True)
class Comparison:
    """Challenger against champion, both scored now, on the same people: versions, the rules, and what came of it.

    champion None: there was none. outcome better: the challenger is to be promoted. evidence: what the rules found; None where
    nothing had to be scored. sentence: the outcome, with names and figures. recorded: whether promote has recorded it before, of
    the same models, people and rules.
    """

    model_name: str
    challenger: str
    champion: str | None
    rules: Rules
    protocol: str
    test_digest: str
    outcome: Literal["better", "not better", "undecided", "champion already"]
    evidence: Verdict | None
    sentence: str
    recorded: bool = False

    @property
    def promotes(self) -> bool:
        return self.outcome == "better"


def compare(
    model_name: str,
    contest: Callable[[Path, Path | None], Verdict],
    *,
    rules: Rules,
    test_digest: str,
    protocol: str,
    tracking_uri: str,
) -> Comparison:
    """Let challenger and champion meet on the current test split; changes nothing.

    contest: folders of the saved models of the challenger and of the champion (None where there is none) -> verdict. A comparison
    that promote recorded for the same champion, rules and test set is read back. Raises TastError where there is no challenger,
    where it was made for another protocol than this workspace's, and where the store or a model's files cannot be read.
    """
    with open_store(tracking_uri) as client:
        challenger = aliased(client, model_name, CHALLENGER)
        if challenger is None:
            raise TastError(f"{model_name} has no challenger: `python -m flows.publish` registers this workspace's model as one")
        if challenger.tags.get(PROTOCOL_TAG) != protocol:
            raise TastError(
                f"not comparable: {_protocols(challenger, protocol)}; `python -m flows.publish` registers this workspace's model"
            )
        champion = aliased(client, model_name, CHAMPION)
        found = Comparison(
            model_name=model_name, challenger=str(challenger.version), champion=str(champion.version) if champion else None,
            rules=rules, protocol=protocol, test_digest=test_digest, outcome="undecided", evidence=None, sentence="",
        )  # fmt: skip
        before = _recorded(challenger)
        if champion is not None and champion.version == challenger.version:
            evidence = before.evidence if before else None  # of how it became the champion
            return replace(
                found, outcome="champion already", evidence=evidence,
                sentence=f"Version {challenger.version} is the champion already.",
            )  # fmt: skip
        rolled_back = challenger.tags.get(ROLLED_BACK_TAG)
        if rolled_back is not None:
            why = f"version {challenger.version} was rolled back ({rolled_back})"
            stays = f"Version {champion.version} stays champion" if champion else "There is no champion"
            return replace(found, outcome="not better", sentence=f"{stays}: {why}.")
        if before is not None and _question(before) == _question(found) and not before.promotes:
            return replace(before, recorded=True)
        if champion is not None and champion.tags.get(PROTOCOL_TAG) != protocol:
            evidence = Verdict("undecided", f"the champion cannot be judged here: {_protocols(champion, protocol)}")
        else:
            with tempfile.TemporaryDirectory() as scratch:
                folders = [_download(client, one, Path(scratch, str(one.version))) for one in (challenger, champion) if one]
                evidence = contest(folders[0], folders[1] if champion else None)
    return replace(found, outcome=evidence.outcome, evidence=evidence, sentence=_sentence(found, evidence))


def promote(comparison: Comparison, *, tracking_uri: str) -> None:
    """Record the comparison on the challenger, and make it the champion where it won.

    Raises TastError where the champion has changed since the comparison: whoever promoted in between has won.
    """
    name, version = comparison.model_name, comparison.challenger
    with open_store(tracking_uri) as client, championship(client, name, tracking_uri) as title:
        if title.champion != comparison.champion:
            raise TastError(
                f"the champion of {name} changed from {comparison.champion} to {title.champion} meanwhile: compare again"
            )
        if comparison.outcome == "champion already" or comparison.recorded:
            return  # its tag tells how it became the champion, or why it did not
        content = json.dumps({key: value for key, value in asdict(comparison).items() if key != "recorded"}, sort_keys=True)
        client.set_model_version_tag(name, version, COMPARISON_TAG, content)
        if comparison.promotes:
            client.set_model_version_tag(name, version, REPLACED_TAG, title.champion or "")
            title.give_to(version)


def rollback(model_name: str, *, reason: str, tracking_uri: str) -> str:
    """Give the title back to the version that the champion replaced, and say so in one sentence.

    The version that is rolled back keeps the reason as a tag and will not be promoted again. Raises TastError where there is
    nothing to go back to.
    """
    with open_store(tracking_uri) as client, championship(client, model_name, tracking_uri) as title:
        if title.champion is None:
            raise TastError(f"{model_name} has no champion to roll back: `python -m flows.promote` judges the challenger")
        previous = client.get_model_version(model_name, title.champion).tags.get(REPLACED_TAG)
        if not previous:
            raise TastError(f"version {title.champion} of {model_name} replaced no other: there is nothing to go back to")
        client.set_model_version_tag(model_name, title.champion, ROLLED_BACK_TAG, reason)
        title.give_to(previous)
        return f"Version {previous} of {model_name} is the champion again; version {title.champion} was rolled back: {reason}."


def set_champion(model_name: str, version: str, *, tracking_uri: str) -> str:
    """Make a version the champion by hand, without a comparison: the way on where none can be decided."""
    with open_store(tracking_uri) as client, championship(client, model_name, tracking_uri) as title:
        known = [str(one.version) for one in client.search_model_versions(f"name = '{model_name}'")]
        if version not in known:
            raise TastError(f"{model_name} has no version {version}; it has {', '.join(sorted(known, key=int)) or 'none'}")
        if title.champion is not None and title.champion != version:
            client.set_model_version_tag(model_name, version, REPLACED_TAG, title.champion)
        title.give_to(version)
        return f"Version {version} of {model_name} is the champion, by hand."


def champion_files(model_name: str, target: Path, *, tracking_uri: str) -> Path:
    """Copy the champion's saved model (not the export) into the folder `target` and say where it lies."""
    with open_store(tracking_uri) as client:
        champion = aliased(client, model_name, CHAMPION)
        if champion is None:
            raise TastError(f"{model_name} has no champion: `python -m flows.promote` judges the challenger")
        return _download(client, champion, target)


def model_files(uri: str, target: Path, *, tracking_uri: str) -> Path:
    """Copy the saved model (not the export) that `models:/NAME@ALIAS` or `models:/NAME/VERSION` names into the folder `target`.

    Returns where it lies. Raises TastError where the registry has no such model.
    """
    with open_store(tracking_uri) as client:
        return _download(client, version_named(client, uri), target)


def version_named(client: MlflowClient, uri: str) -> ModelVersion:
    """The version that `models:/NAME@ALIAS` or `models:/NAME/VERSION` names. Raises TastError where the registry has none."""
    named = MODEL_URI.fullmatch(uri)
    if named is None:
        raise TastError(f"{uri} names no registered model; expected models:/NAME@ALIAS or models:/NAME/VERSION")
    if named["alias"]:
        version = aliased(client, named["name"], named["alias"])
    else:
        known = client.search_model_versions(f"name = '{named['name']}'")
        version = next((one for one in known if str(one.version) == named["version"]), None)
    if version is None:
        raise TastError(f"the registry has no {uri}; `make repro` registers a model, `make ui` shows those that there are")
    return version


def _protocols(version: ModelVersion, protocol: str) -> str:
    return f"version {version.version} was made for protocol {version.tags.get(PROTOCOL_TAG)}, this workspace has {protocol}"


def _recorded(version: ModelVersion) -> Comparison | None:
    """The comparison that promote recorded on a version; None where there is none, or an older release's in another form."""
    text = version.tags.get(COMPARISON_TAG)
    if text is None:
        return None
    content = json.loads(text)
    try:
        evidence = content["evidence"] and Verdict(
            **content["evidence"] | {name: tuple(content["evidence"][name]) for name in ("people", "worse_groups")}
        )
        return Comparison(**content | {"rules": Rules(**content["rules"]), "evidence": evidence})
    except (KeyError, TypeError):
        return None


def _question(comparison: Comparison) -> tuple[object, ...]:
    """What was asked, without what came of it."""
    return tuple(getattr(comparison, name) for name in ("challenger", "champion", "rules", "protocol", "test_digest"))


def _download(client: MlflowClient, version: ModelVersion, target: Path) -> Path:
    return download_saved_model(client, version, target)


def _sentence(comparison: Comparison, evidence: Verdict) -> str:
    new, champion = f"version {comparison.challenger}", comparison.champion
    if evidence.outcome == "undecided":
        question = (
            f"between {new} and the champion, version {champion}" if champion else f"whether {new} becomes the first champion"
        )
        return f"Undecided {question}: {evidence.reason}."
    who = {"champion": "", "constant": " of the constant predictor", "stays": " of SpO2 that stays where it was known"}
    against = f"{evidence.reference_rmse:.3f} %{who[evidence.reference]}"
    unseen = f"on {len(evidence.people)} people that {'neither' if champion else 'it'} has {'' if champion else 'not '}seen"
    of = "an RMSE" if comparison.rules.judged == "level" else "from the first 10 s on an RMSE"
    figures = f"{of} of {evidence.challenger_rmse:.3f} % against {against} {unseen}"
    if champion is None:
        verb = "becomes the first champion" if evidence.outcome == "better" else "does not become champion"
        return f"{new.capitalize()} {verb}: {figures}; {evidence.reason}."
    if evidence.outcome == "better":
        return f"{new.capitalize()} replaces version {champion}: {figures}; {evidence.reason}."
    return f"Version {champion} stays champion: {new} has {figures}; {evidence.reason}."
