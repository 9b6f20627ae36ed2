"""Champion and challenger: re-scored on one test set, promoted by a margin, refused with a reason, rolled back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mlflow.tracking import MlflowClient

from tast.errors import TastError
from tast.evaluation.contest import Rules, judge
from tast.evaluation.predictions import labelled
from tast.tracking import champion_files, compare, model_files, promote, publish, rollback, set_champion
from tests.tracking.conftest import DIGEST, OTHER_DIGEST, OTHER_PROTOCOL, OTHER_TEST

RULES = Rules(margin_percent=0.0, confidence=0.9, group_tolerance_percent=1.0, draws=50, seed=0)


def rows(rmse: float) -> pd.DataFrame:
    """Four people of five seconds, each read too high by the same."""
    true = 90.0 + np.tile(np.arange(5.0), 4)
    who = [f"c{subject}" for subject in range(4) for _ in range(5)]
    keys = {"dataset": "phantom", "subject_id": who, "record_id": who, "second": np.tile(np.arange(5), 4)}
    table = keys | {"scenario": "steady", "true_percent": true}
    return pd.DataFrame(table | {"predicted_percent": true + rmse})


@pytest.fixture
def contest(full_store, make):
    """Publish a seed, then decide by an RMSE per seed: compare and promote; `scored` says who was scored. Version = seed + 1."""

    class Contest:
        scored: list[int]
        client = MlflowClient(full_store.tracking_uri, full_store.tracking_uri)

        def publish(self, seed):
            publish(make(seed), **full_store.where)

        def compare(self, rmse_by_seed, *, margin_percent=0.0, test_digest=DIGEST, protocol="subject_independent"):
            self.scored = []

            def predict(folder: Path):
                seed = json.loads((folder / "model.json").read_text())["seed"]
                self.scored.append(seed)
                return labelled(rows(rmse_by_seed[seed]))

            return compare(
                "tast-net", predict, judge, rules=replace(RULES, margin_percent=margin_percent), test_digest=test_digest,
                protocol=protocol, tracking_uri=full_store.tracking_uri,
            )  # fmt: skip

        def decide(self, rmse_by_seed, **options):
            comparison = self.compare(rmse_by_seed, **options)
            promote(comparison, tracking_uri=full_store.tracking_uri)
            return comparison

        def champion(self):
            return str(self.client.get_model_version_by_alias("tast-net", "champion").version)

    return Contest()


def test_the_first_becomes_champion_and_later_ones_must_be_better(contest):
    contest.publish(0)
    first = contest.decide({0: 2.0})
    assert (first.promotes, first.champion, contest.champion()) == (True, None, "1")
    assert first.sentence == "Version 1 is the first champion, with an RMSE of 2.000 %."
    contest.publish(1)
    worse = contest.decide({0: 2.0, 1: 2.1})
    assert (worse.promotes, contest.champion()) == (False, "1")
    assert worse.sentence.startswith("Version 1 stays champion: version 2 has an RMSE of 2.100 % against 2.000 %")
    contest.publish(2)
    better = contest.decide({0: 2.0, 2: 1.5})
    assert (better.promotes, contest.champion()) == (True, "3")
    assert (better.evidence.challenger_rmse, better.evidence.champion_rmse) == pytest.approx((1.5, 2.0))
    assert better.sentence == (
        "Version 3 replaces version 1: an RMSE of 1.500 % against 2.000 % on the same test set, "
        "better in 100% of resampled subjects."
    )
    evidence = json.loads(contest.client.get_model_version("tast-net", "3").tags["tast.comparison"])
    assert (evidence["champion"], evidence["rules"]["confidence"], evidence["test_digest"]) == ("1", 0.9, DIGEST)
    assert evidence["evidence"]["champion_rmse"] == pytest.approx(2.0)


def test_both_are_scored_now_and_stored_numbers_do_not_count(contest):
    contest.publish(0)
    contest.decide({0: 1.0})
    contest.publish(1)
    comparison = contest.decide({0: 3.0, 1: 2.0})  # the champion is worse on today's test set than it was when promoted
    assert sorted(contest.scored) == [0, 1]
    assert comparison.promotes


@pytest.mark.parametrize(
    ("gain", "margin", "promotes"), [(0.5, 0.5, True), (0.25, 0.5, False), (0.0, 0.0, False), (0.125, 0.0, True)]
)
def test_the_margin(contest, gain, margin, promotes):
    contest.publish(0)
    contest.decide({0: 2.0})
    contest.publish(1)
    assert contest.decide({0: 2.0, 1: 2.0 - gain}, margin_percent=margin).promotes is promotes


def test_a_recorded_loss_is_not_scored_again_until_something_changes(contest):
    contest.publish(0)
    contest.decide({0: 2.0})
    contest.publish(1)
    lost = contest.decide({0: 2.0, 1: 2.5})
    assert contest.compare({}) == lost
    assert contest.scored == []
    stricter = contest.compare({0: 2.0, 1: 2.5}, margin_percent=0.1)
    assert (stricter.rules.margin_percent, stricter.promotes) == (0.1, False)
    assert sorted(contest.scored) == [0, 1]


def test_a_champion_that_is_challenged_by_itself_stays_and_keeps_its_evidence(contest):
    contest.publish(0)
    contest.decide({0: 2.0})
    evidence = contest.client.get_model_version("tast-net", "1").tags["tast.comparison"]
    again = contest.decide({0: 2.0})
    assert (again.promotes, contest.scored) == (False, [0])
    assert again.sentence == "Version 1 is the champion already, with an RMSE of 2.000 %."
    assert contest.client.get_model_version("tast-net", "1").tags["tast.comparison"] == evidence


def test_another_test_set_is_refused_and_can_be_accepted_by_hand(contest, full_store):
    contest.publish(0)
    contest.decide({0: 2.0})
    contest.publish(OTHER_TEST)
    with pytest.raises(TastError, match="not comparable: version 1 of tast-net was made for test set dddd"):
        contest.compare({}, test_digest=OTHER_DIGEST)
    with pytest.raises(TastError, match="version 4 of tast-net was made for test set eeee"):
        contest.compare({}, test_digest=DIGEST)
    assert contest.scored == []
    assert (
        set_champion("tast-net", "4", tracking_uri=full_store.tracking_uri) == "Version 4 of tast-net is the champion, by hand."
    )
    assert contest.champion() == "4"
    with pytest.raises(TastError, match="tast-net has no version 7; it has 1, 2, 3, 4, 5"):
        set_champion("tast-net", "7", tracking_uri=full_store.tracking_uri)


def test_another_protocol_is_refused(contest):
    contest.publish(0)
    contest.decide({0: 2.0})
    contest.publish(OTHER_PROTOCOL)
    with pytest.raises(TastError, match=r"version 1 of tast-net was made for protocol subject_independent, .* has clip_random"):
        contest.compare({}, protocol="clip_random")


def test_a_score_that_is_no_number_is_refused(contest):
    contest.publish(0)
    with pytest.raises(TastError, match="20 predictions are not finite"):
        contest.compare({0: float("nan")})


def test_whoever_promoted_in_between_has_won(contest, full_store):
    contest.publish(0)
    contest.decide({0: 2.0})
    contest.publish(1)
    slow = contest.compare({0: 2.0, 1: 1.5})
    contest.publish(2)
    contest.decide({0: 2.0, 2: 1.0})
    with pytest.raises(TastError, match="changed from 1 to 3 meanwhile"):
        promote(slow, tracking_uri=full_store.tracking_uri)
    assert contest.champion() == "3"


def test_rollback_gives_the_title_back_and_it_stays_there(contest, full_store):
    contest.publish(0)
    contest.decide({0: 2.0})
    with pytest.raises(TastError, match="version 1 of tast-net replaced no other"):
        rollback("tast-net", reason="no", tracking_uri=full_store.tracking_uri)
    contest.publish(1)
    contest.decide({0: 2.0, 1: 1.0})
    said = rollback("tast-net", reason="reads too high in the dark", tracking_uri=full_store.tracking_uri)
    assert said == "Version 1 of tast-net is the champion again; version 2 was rolled back: reads too high in the dark."
    assert contest.champion() == "1"
    again = contest.decide({0: 2.0, 1: 1.0})
    assert (again.promotes, contest.champion()) == (False, "1")
    assert "version 2 was rolled back (reads too high in the dark)" in again.sentence


def test_an_empty_registry_says_what_to_do(store, tmp_path):
    for call in (
        lambda: compare(
            "tast-net", lambda folder: rows(1.0), judge, rules=RULES, test_digest=DIGEST, protocol="x",
            tracking_uri=store.tracking_uri,
        ),
        lambda: rollback("tast-net", reason="x", tracking_uri=store.tracking_uri),
        lambda: champion_files("tast-net", tmp_path / "got", tracking_uri=store.tracking_uri),
    ):  # fmt: skip
        with pytest.raises(TastError, match=r"tast-net has no (champion|challenger)"):
            call()


def test_the_champions_files_come_back(contest, full_store, tmp_path):
    contest.publish(2)
    contest.decide({2: 1.0})
    folder = champion_files("tast-net", tmp_path / "got", tracking_uri=full_store.tracking_uri)
    assert json.loads((folder / "model.json").read_text()) == {"seed": 2}


@pytest.mark.parametrize("uri", ["models:/tast-net@champion", "models:/tast-net/3"])
def test_a_registered_models_files_come_by_alias_and_by_version(contest, full_store, tmp_path, uri):
    set_champion("tast-net", "3", tracking_uri=full_store.tracking_uri)
    folder = model_files(uri, tmp_path / "got", tracking_uri=full_store.tracking_uri)
    assert json.loads((folder / "model.json").read_text()) == {"seed": 2}


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("models:/tast-net@nobody", "the registry has no models:/tast-net@nobody"),
        ("models:/tast-net/9", "the registry has no models:/tast-net/9"),
        ("models:/other/1", "the registry has no models:/other/1"),
        ("models:/tast-net", "expected models:/NAME@ALIAS or models:/NAME/VERSION"),
    ],
)
def test_a_model_that_is_not_registered_is_one_clear_line(full_store, tmp_path, uri, said):
    with pytest.raises(TastError, match=said):
        model_files(uri, tmp_path / "got", tracking_uri=full_store.tracking_uri)
