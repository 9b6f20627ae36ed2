"""Champion and challenger: re-scored on people whom neither has seen, promoted, refused with a reason, undecided, rolled back."""

from __future__ import annotations

import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mlflow.tracking import MlflowClient

from tast.errors import TastError
from tast.evaluation.contest import Entrant, Rules, judge
from tast.evaluation.predictions import labelled
from tast.tracking.projection import publish
from tast.tracking.registry import champion_files, compare, model_files, promote, rollback, set_champion
from tast.tracking.store import Title, championship
from tests.tracking.conftest import DIGEST, OTHER_DIGEST, OTHER_PROTOCOL, OTHER_TEST

RULES = Rules(fewest_subjects=2, margin_percent=0.0, confidence=0.9, group_tolerance_percent=1.0, draws=50, seed=0)


def rows(rmse: float) -> pd.DataFrame:
    """Four people of five seconds, each read too high by the same."""
    true = 90.0 + np.tile(np.arange(5.0), 4)
    clips = [f"c{subject}" for subject in range(4) for _ in range(5)]
    table = {
        "dataset": "pure", "record_id": clips, "clip_id": clips, "second": np.tile(np.arange(5), 4), "subject_id": clips,
        "scenario": "steady", "true_percent": true,
    }  # fmt: skip
    return pd.DataFrame(table | {"predicted_percent": true + rmse})


@pytest.fixture
def contest(full_store, make):
    """Publish a seed, then decide by an RMSE per seed: compare and promote; `scored` says who was scored. Version = seed + 1.

    seen: seed -> the people that its model was trained on; nobody of the four that are tested, unless a test says so.
    """

    class Contest:
        scored: list[int]
        client = MlflowClient(full_store.tracking_uri, full_store.tracking_uri)

        def publish(self, seed):
            publish(make(seed), **full_store.where)

        def compare(self, rmse_by_seed, *, seen=None, test_digest=DIGEST, protocol="subject_independent", **rules):
            self.scored = []
            rules = replace(RULES, **rules)

            def entrant(folder: Path):
                seed = json.loads((folder / "model.json").read_text())["seed"]
                self.scored.append(seed)
                return Entrant(labelled(rows(rmse_by_seed[seed])), (seen or {}).get(seed, ()))

            def meet(challenger: Path, champion: Path | None):
                other = entrant(champion) if champion else None
                return judge(entrant(challenger), other, constant_percent=80.0, rules=rules)

            return compare(
                "tast-net", meet, rules=rules, test_digest=test_digest, protocol=protocol, tracking_uri=full_store.tracking_uri
            )

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
    assert first.sentence == (
        "Version 1 becomes the first champion: an RMSE of 2.000 % against 12.083 % of the constant predictor on 4 people that it "
        "has not seen; better in 100% of resampled people."
    )
    contest.publish(1)
    worse = contest.decide({0: 2.0, 1: 2.1})
    assert (worse.promotes, contest.champion()) == (False, "1")
    assert worse.sentence.startswith("Version 1 stays champion: version 2 has an RMSE of 2.100 % against 2.000 %")
    contest.publish(2)
    better = contest.decide({0: 2.0, 2: 1.5})
    assert (better.promotes, contest.champion()) == (True, "3")
    assert (better.evidence.challenger_rmse, better.evidence.reference_rmse) == pytest.approx((1.5, 2.0))
    assert better.sentence == (
        "Version 3 replaces version 1: an RMSE of 1.500 % against 2.000 % on 4 people that neither has seen; "
        "better in 100% of resampled people."
    )
    evidence = json.loads(contest.client.get_model_version("tast-net", "3").tags["tast.comparison"])
    assert (evidence["champion"], evidence["rules"]["confidence"], evidence["test_digest"]) == ("1", 0.9, DIGEST)
    assert evidence["evidence"]["reference_rmse"] == pytest.approx(2.0)
    assert evidence["evidence"]["people"] == ["pure/c0", "pure/c1", "pure/c2", "pure/c3"]


def test_the_first_is_no_champion_where_the_constant_does_as_well(contest):
    contest.publish(0)
    refused = contest.decide({0: 13.0})
    assert (refused.outcome, refused.promotes) == ("not better", False)
    assert refused.sentence.startswith(
        "Version 1 does not become champion: an RMSE of 13.000 % against 12.083 % of the constant predictor on 4 people that it "
        "has not seen; not surely better than the mean of its training labels said for all: difference +0.917"
    )
    assert "champion" not in contest.client.get_registered_model("tast-net").aliases
    contest.publish(1)
    assert contest.decide({1: 11.0}).promotes and contest.champion() == "2"


@pytest.mark.parametrize("seen", [{0: ["pure/c0", "pure/c1"]}, {1: ["pure/c3", "pure/c0"]}, {0: ["pure/c1"], 1: ["pure/c2"]}])
def test_they_meet_on_people_that_neither_has_seen(contest, seen):
    contest.publish(0)
    contest.decide({0: 2.0})
    contest.publish(1)
    comparison = contest.decide({0: 2.0, 1: 1.0}, seen=seen)
    assert comparison.promotes
    assert set(comparison.evidence.people) == {f"pure/c{number}" for number in range(4)} - {
        one for who in seen.values() for one in who
    }


def test_with_too_few_nothing_is_decided_and_the_same_again_is_known(contest):
    contest.publish(0)
    contest.decide({0: 2.0})
    contest.publish(1)
    seen = {0: ["pure/c0"], 1: ["pure/c1", "pure/c2"]}
    undecided = contest.decide({0: 2.0, 1: 1.0}, seen=seen)
    assert (undecided.outcome, undecided.promotes, undecided.recorded) == ("undecided", False, False)
    assert undecided.sentence == (
        "Undecided between version 2 and the champion, version 1: 1 of the 4 test people is new to all (pure/c3), "
        "promote.fewest_subjects asks for 2: 1 more; the challenger has seen pure/c1, pure/c2; the champion has seen pure/c0."
    )
    assert contest.champion() == "1"
    again = contest.decide({}, seen=seen)
    assert (again.outcome, again.sentence, again.recorded, contest.scored) == ("undecided", undecided.sentence, True, [])
    assert contest.decide({0: 2.0, 1: 1.0}, test_digest=OTHER_DIGEST).promotes  # another night has other people to test


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
    assert contest.compare({}) == replace(lost, recorded=True)
    assert contest.scored == []
    stricter = contest.compare({0: 2.0, 1: 2.5}, margin_percent=0.1)
    assert (stricter.rules.margin_percent, stricter.promotes) == (0.1, False)
    assert sorted(contest.scored) == [0, 1]


def test_a_champion_that_is_challenged_by_itself_stays_and_keeps_its_evidence(contest):
    contest.publish(0)
    contest.decide({0: 2.0})
    evidence = contest.client.get_model_version("tast-net", "1").tags["tast.comparison"]
    again = contest.decide({0: 2.0})
    assert (again.outcome, again.promotes, contest.scored) == ("champion already", False, [])
    assert again.sentence == "Version 1 is the champion already."
    assert again.evidence.challenger_rmse == pytest.approx(2.0)
    assert contest.client.get_model_version("tast-net", "1").tags["tast.comparison"] == evidence


def test_another_test_set_is_no_obstacle_and_a_version_can_be_chosen_by_hand(contest, full_store):
    contest.publish(0)
    contest.decide({0: 2.0})
    contest.publish(OTHER_TEST)
    assert contest.decide({0: 2.0, OTHER_TEST: 1.0}, test_digest=OTHER_DIGEST).promotes
    assert contest.champion() == "4"
    assert (
        set_champion("tast-net", "2", tracking_uri=full_store.tracking_uri) == "Version 2 of tast-net is the champion, by hand."
    )
    assert contest.champion() == "2"
    with pytest.raises(TastError, match="tast-net has no version 7; it has 1, 2, 3, 4, 5"):
        set_champion("tast-net", "7", tracking_uri=full_store.tracking_uri)


def test_a_champion_of_another_protocol_is_undecided_and_a_challenger_of_one_is_a_mistake(contest):
    contest.publish(0)
    contest.decide({0: 2.0})
    contest.publish(OTHER_PROTOCOL)
    undecided = contest.compare({}, protocol="clip_random")
    assert (undecided.outcome, contest.scored) == ("undecided", [])
    assert undecided.sentence.endswith(
        "the champion cannot be judged here: version 1 was made for protocol subject_independent, this workspace has clip_random."
    )
    with pytest.raises(TastError, match="version 5 was made for protocol clip_random, this workspace has subject_independent"):
        contest.compare({})


def test_files_that_are_gone_are_a_failure(contest, full_store, tmp_path):
    contest.publish(0)
    contest.client.set_model_version_tag("tast-net", "1", "tast.protocol", "subject_independent")
    with sqlite3.connect(full_store.database) as database:
        gone = str(tmp_path / "gone")
        database.execute("UPDATE model_versions SET source = ?, storage_location = ? WHERE version = 1", (gone, gone))
    with pytest.raises(TastError, match="the files of version 1 of tast-net cannot be read"):
        contest.compare({0: 2.0})


def test_two_who_promote_at_once_take_turns_and_one_is_told(contest, full_store):
    """Both have compared with the same champion: the second finds it changed, whichever that is."""
    contest.publish(0)
    contest.decide({0: 2.0})
    found = {}
    for seed in (1, 2):
        contest.publish(seed)
        found[seed] = contest.compare({0: 2.0, 1: 1.5, 2: 1.4})

    def give(seed):
        try:
            promote(found[seed], tracking_uri=full_store.tracking_uri)
        except TastError as error:
            return str(error)
        return "promoted"

    with ThreadPoolExecutor(2) as both:
        said = dict(zip((1, 2), both.map(give, (1, 2)), strict=True))
    (winner,) = [seed for seed, answer in said.items() if answer == "promoted"]
    assert said[3 - winner] == f"the champion of tast-net changed from 1 to {winner + 1} meanwhile: compare again"
    assert contest.champion() == str(winner + 1)
    assert contest.client.get_model_version("tast-net", str(winner + 1)).tags["tast.replaced_version"] == "1"


@pytest.mark.parametrize("change", ["promote", "rollback", "by hand"])
def test_whoever_changes_the_title_waits_for_the_lock(contest, full_store, change):
    contest.publish(0)
    contest.decide({0: 2.0})
    contest.publish(1)
    if change == "rollback":
        contest.decide({0: 2.0, 1: 1.0})
    won = contest.compare({0: 2.0, 1: 1.0})
    uri = full_store.tracking_uri
    calls = {
        "promote": lambda: promote(won, tracking_uri=uri),
        "rollback": lambda: rollback("tast-net", reason="a test", tracking_uri=uri),
        "by hand": lambda: set_champion("tast-net", "2", tracking_uri=uri),
    }
    before = contest.champion()
    with ThreadPoolExecutor(1) as other:
        with championship(contest.client, "tast-net", uri):
            waiting = other.submit(calls[change])
            with pytest.raises(FutureTimeout):
                waiting.result(2.0)
            assert contest.champion() == before
        waiting.result(30)
    assert contest.champion() == ("1" if change == "rollback" else "2")


def test_on_a_server_a_title_that_changed_in_between_is_noticed(contest, full_store):
    """Without a lock, as on MLflow's server: somebody else gives the title away after it was looked at."""
    contest.publish(0)
    contest.decide({0: 2.0})
    title = Title(contest.client, "tast-net", "1")
    contest.client.set_registered_model_alias("tast-net", "champion", "3")
    with pytest.raises(TastError, match="the champion of tast-net changed from 1 to 3 meanwhile"):
        title.give_to("2")
    assert contest.champion() == "3"


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
            "tast-net", lambda *folders: pytest.fail("nobody to judge"), rules=RULES, test_digest=DIGEST, protocol="x",
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
    assert json.loads((folder / "model.json").read_text()) == {"model_name": "tast_net", "seed": 2}


@pytest.mark.parametrize("uri", ["models:/tast-net@champion", "models:/tast-net/3"])
def test_a_registered_models_files_come_by_alias_and_by_version(contest, full_store, tmp_path, uri):
    set_champion("tast-net", "3", tracking_uri=full_store.tracking_uri)
    folder = model_files(uri, tmp_path / "got", tracking_uri=full_store.tracking_uri)
    assert json.loads((folder / "model.json").read_text()) == {"model_name": "tast_net", "seed": 2}


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
