"""Promote: the challenger against the champion, both scored on the current test split; the better one is the champion."""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd

from flows.evaluate import predict_test
from flows.layout import CLIPS, PREDICTIONS, SPLIT
from flows.publish import tracking_uri
from flows.running import run, stage
from tast.clip_store import ClipStore
from tast.datasets.splits import Split
from tast.evaluation.contest import Rules, judge
from tast.evaluation.predictions import digest_of_test, labelled, read_predictions
from tast.params import load_params
from tast.tracking import Comparison, compare
from tast.tracking import promote as give_title

log = logging.getLogger("flows.promote")  # __name__ is __main__ where a stage runs


@stage
def promote() -> None:
    params = load_params()
    comparison = compare_now(params.publish.model_name, Rules(**params.promote.model_dump()))
    give_title(comparison, tracking_uri=tracking_uri())
    log.info("%s", comparison.sentence)


def compare_now(model_name: str, rules: Rules) -> Comparison:
    """Challenger against champion on this workspace's test split; changes nothing."""
    store, split = ClipStore(CLIPS), Split.from_json(SPLIT)

    def predictions_on_test(model_folder: Path) -> pd.DataFrame:
        return labelled(predict_test(store, split, model_folder))

    return compare(
        model_name, predictions_on_test, judge, rules=rules, test_digest=digest_of_test(read_predictions(PREDICTIONS)),
        protocol=split.protocol, tracking_uri=tracking_uri(),
    )  # fmt: skip


if __name__ == "__main__":
    run(promote)
