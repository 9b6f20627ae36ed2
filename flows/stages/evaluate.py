"""Stage evaluate: the model on the test clips, beside what it must beat; tables, pictures and one page."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from flows.layout import AUDIT, CLIPS, HISTORY, METRICS, MODEL, PLOTS, PREDICTIONS, REPORT, SPLIT
from flows.predicted import predictions_by, train_mean_percent
from flows.running import run
from tast import instruction_set
from tast.clip_store import ClipStore
from tast.datasets.splits import Split
from tast.evaluation.baselines import ratio_predictions
from tast.evaluation.evaluate import evaluate as score_methods
from tast.evaluation.evaluate import write_metrics
from tast.evaluation.plots import evaluation_plots
from tast.evaluation.report import DataFacts, render_report
from tast.files import whole_file, whole_folder
from tast.params import stage_params
from tast.people import recording_of
from tast.phantom.subject import subject
from tast.saved_model import CARD, load_model
from tast.training.compute import compute_reproducibly
from tast.training.dataset import ClipDataset

log = logging.getLogger("flows.stages.evaluate")  # __name__ is __main__ where a stage runs
FITZPATRICK = ("I", "II", "III", "IV", "V", "VI")
THREADS = 2  # fixed, as in training: the order of sums decides the last bit


def main() -> None:
    sections = stage_params("evaluate", "compute", "download")
    instruction_set.require(sections.compute.instruction_set)
    params = sections.evaluate
    compute_reproducibly(params.seed, THREADS)
    store, split = ClipStore(CLIPS), Split.from_json(SPLIT)
    predictions, card = predict_test(store, split), json.loads((MODEL / CARD).read_text())
    train_mean = train_mean_percent(store, split)
    rows = with_facts(predictions, cameras(), sections.download.phantom.seed)
    metrics = score_methods(
        rows, protocol=split.protocol, train_mean_percent=train_mean, n_clips=len(split.test),
        nominal_coverage=card["interval"] and card["interval"]["coverage"],
        baselines=ratio_predictions(store, split.train, split.test), draws=params.bootstrap, seed=params.seed,
    )  # fmt: skip
    plots = evaluation_plots(
        predictions, pd.read_csv(HISTORY), refusal=metrics["test"]["refusal"], train_mean_percent=train_mean, seed=params.seed
    )
    with whole_file(PREDICTIONS) as part:
        predictions.to_parquet(part, index=False)
    write_metrics(METRICS, metrics)
    with whole_folder(PLOTS) as folder:
        for name, png in plots.items():
            (folder / f"{name}.png").write_bytes(png)
    page = render_report(
        metrics=metrics, predictions=rows, plots=plots, data=facts_of(store, split), params=made_with(store, card)
    )
    with whole_file(REPORT) as part:
        part.write_text(page, encoding="utf-8")


def predict_test(store: ClipStore, split: Split, model_folder: Path = MODEL) -> pd.DataFrame:
    """The predictions table of the test recordings, one row per second."""
    model, card = load_model(model_folder, expected_preprocessing=store.preprocessing)
    clips = ClipDataset(store, split.test, kind=card.input_kind, frame_size_px=card.frame_size_px)
    return predictions_by(model, card, clips)


def cameras(audit: Path = AUDIT) -> dict[str, str]:
    """Camera of each recording (dataset/subject_id/record_id), of those whose data set names it; from the audits, if there."""
    facts = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(audit.rglob("audit.json"))]
    recordings = [(one["dataset"], recording) for one in facts for recording in one["recordings"]]
    return {f"{name}/{one['subject_id']}/{one['record_id']}": one["camera"] for name, one in recordings if one["camera"]}


def with_facts(predictions: pd.DataFrame, cameras: Mapping[str, str], phantom_seed: int) -> pd.DataFrame:
    """The table, plus `camera` and `skin_type` of each second, missing where not known.

    Of the data sets that are read here the phantom alone knows whose skin is which: Fitzpatrick's types, I to VI.
    """
    numbers = predictions["subject_id"].astype(str).str.extract(r"^p?(\d+)$", expand=False)
    known = numbers[(predictions["dataset"] == "phantom") & numbers.notna()]
    types = {number: FITZPATRICK[subject(phantom_seed, int(number)).fitzpatrick - 1] for number in known.unique()}
    return predictions.assign(
        camera=recording_of(predictions).map(dict(cameras)), skin_type=known.map(types).reindex(predictions.index)
    )


def facts_of(store: ClipStore, split: Split) -> DataFacts:
    names = store.manifest["dataset"].unique()
    return DataFacts("+".join(names), store.manifest, split.parts, store.rejects, store.digest)


def made_with(store: ClipStore, card: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters as the files carry them: those of params.yaml may have changed since a stage ran."""
    model = {name: card[name] for name in ("model_name", "input_kind", "frame_size_px", "scaling")}
    return {"preprocess": store.preprocessing, "model": model}


if __name__ == "__main__":
    run(main)
