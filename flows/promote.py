"""Promote: the challenger against the champion, on the test people that neither has seen; the better one is the champion.

However it goes, the answer is a state of the flow: Undecided, by that name, where too few people are left to judge on (once: the
same again is Completed). A failure raises, and the run of the pipeline fails with it.
"""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path

from prefect.events import emit_event
from prefect.states import Completed, State

from flows.layout import CLIPS, PREDICTIONS, SPLIT
from flows.predicted import train_mean_percent
from flows.prefect_flows import described, flow_of, run_alone
from flows.stages.evaluate import predict_test
from flows.store import tracking_uri
from tast.clip_store import ClipStore
from tast.datasets.splits import Split
from tast.evaluation.contest import Entrant, Rules, Verdict, judge
from tast.evaluation.predictions import digest_of_test, labelled, read_predictions
from tast.params import load_params
from tast.saved_model import load_model, preprocessing_differences
from tast.tracking.registry import Comparison, compare
from tast.tracking.registry import promote as give_title

log = logging.getLogger("flows.promote")  # __name__ is __main__ where a stage runs
CHANGED = "tast.champion.changed"  # the event of a new champion, for automations
UNDECIDED = "Undecided"  # the state's name: an automation hears prefect.flow-run.Undecided


@partial(flow_of, run_name=described)
def promote() -> State:
    params = load_params()
    comparison = compare_now(params.publish.model_name, Rules(**params.promote.model_dump()))
    give_title(comparison, tracking_uri=tracking_uri())
    if comparison.promotes:
        emit_event(
            CHANGED, {"prefect.resource.id": f"tast.model.{comparison.model_name}"},
            payload={"champion": comparison.challenger, "replaced": comparison.champion, "why": comparison.sentence},
        )  # fmt: skip
    if comparison.outcome == "undecided" and not comparison.recorded:
        log.warning("%s", comparison.sentence)
        return Completed(name=UNDECIDED, message=comparison.sentence)
    log.info("%s%s", comparison.sentence, " (nothing new since it was last compared)" if comparison.recorded else "")
    return Completed(message=comparison.sentence)


def compare_now(model_name: str, rules: Rules) -> Comparison:
    """Challenger against champion on this workspace's test split; changes nothing."""
    store, split = ClipStore(CLIPS), Split.from_json(SPLIT)

    def entrant(model_folder: Path) -> Entrant:
        return Entrant(labelled(predict_test(store, split, model_folder)), load_model(model_folder)[1].people_seen)

    def contest(challenger: Path, champion: Path | None) -> Verdict:
        if champion is not None:
            differences = preprocessing_differences(load_model(champion)[1].preprocessing, store.preprocessing)
            if differences:
                return Verdict("undecided", f"the champion cannot read this workspace's clips: {differences}")
        return judge(
            entrant(challenger), entrant(champion) if champion is not None else None,
            constant_percent=train_mean_percent(store, split), rules=rules,
        )  # fmt: skip

    return compare(
        model_name, contest, rules=rules, test_digest=digest_of_test(read_predictions(PREDICTIONS)), protocol=split.protocol,
        tracking_uri=tracking_uri(),
    )  # fmt: skip


if __name__ == "__main__":
    run_alone(promote)
