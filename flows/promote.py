"""Promote: the challenger against the champion, both scored on the current test split; the better one is the champion."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from flows.evaluate import predict_test
from flows.layout import CLIPS, PREDICTIONS, SPLIT
from flows.publish import tracking_uri
from flows.running import run, stage
from tast.clip_store import ClipStore
from tast.datasets.splits import Split
from tast.evaluation.evaluate import digest_of_test, labelled, read_predictions
from tast.evaluation.metrics import score
from tast.params import load_params
from tast.tracking import compare
from tast.tracking import promote as give_title

log = logging.getLogger("flows.promote")  # __name__ is __main__ where a stage runs


@stage
def promote() -> None:
    params = load_params()
    store, split = ClipStore(CLIPS), Split.from_json(SPLIT)

    def score_on_test(model_folder: Path) -> dict[str, Any]:
        rows = labelled(predict_test(store, split, model_folder))
        return {"rmse": score(rows["true_percent"], rows["predicted_percent"]).rmse}

    comparison = compare(
        params.publish.model_name, score_on_test, test_digest=digest_of_test(read_predictions(PREDICTIONS)),
        protocol=split.protocol, margin_percent=params.promote.margin_percent, tracking_uri=tracking_uri(),
    )  # fmt: skip
    give_title(comparison, tracking_uri=tracking_uri())
    log.info("%s", comparison.verdict)


if __name__ == "__main__":
    run(promote)
