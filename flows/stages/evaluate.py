"""Stage evaluate: the model on the test clips, beside what it must beat; tables, pictures and one page."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from flows.layout import (
    AUDIT,
    CLIPS,
    CURVE,
    DOWNLOAD,
    HISTORY,
    METRICS,
    MODEL,
    PLOT_DATA,
    PLOTS,
    PREDICTIONS,
    REPORT,
    SCORES,
    SPLIT,
)  # fmt: skip
from flows.predicted import half_widths_percent, predictions_by, train_mean_percent
from flows.running import run_stage
from tast import instruction_set
from tast.clip_store import ClipStore
from tast.csv_tables import read_csv
from tast.datasets.splits import Split
from tast.digests import Sealed
from tast.evaluation.baselines import ratio_predictions
from tast.evaluation.evaluate import evaluate as score_methods
from tast.evaluation.evaluate import write_json
from tast.evaluation.headline import headline, plot_data
from tast.evaluation.plots import evaluation_plots
from tast.evaluation.predictions import labelled
from tast.evaluation.report import DataFacts, render_report
from tast.files import whole_file, whole_folder
from tast.params import Phantom, stage_params
from tast.parquet import write_table
from tast.people import recording_of
from tast.phantom.subject import subject
from tast.records import FITZPATRICK
from tast.saved_model import CARD, load_model, read_card
from tast.training.compute import compute_reproducibly
from tast.training.dataset import ClipDataset

log = logging.getLogger("flows.stages.evaluate")  # __name__ is __main__ where a stage runs
THREADS = 2  # fixed, as in training: the order of sums decides the last bit


def main() -> None:
    sections = stage_params("evaluate", "compute", "download")
    instruction_set.require(sections.compute.instruction_set)
    params = sections.evaluate
    compute_reproducibly(params.seed, THREADS)
    store, split = ClipStore(CLIPS), Split.from_json(SPLIT)
    predictions, card = predict_test(store, split), read_card(MODEL)
    train_mean = train_mean_percent(store, split)
    rows = with_facts(predictions, recorded("camera"), skin_types(sections.download.phantom))
    metrics = score_methods(
        rows, protocol=split.protocol, train_mean_percent=train_mean, n_clips=len(split.test),
        nominal_coverage=card.interval.coverage if card.interval else None,
        baselines=ratio_predictions(store, split.train, split.test), draws=params.bootstrap, seed=params.seed,
        anchored_interval=card.anchored_interval,
    )  # fmt: skip
    plots = evaluation_plots(
        predictions, read_csv(HISTORY, CURVE), refusal=metrics["test"]["refusal"], train_mean_percent=train_mean, seed=params.seed
    )
    with whole_file(PREDICTIONS) as part:
        write_table(part, predictions)
    write_json(SCORES, metrics)
    write_json(METRICS, headline(metrics), sort_keys=False)
    with whole_folder(PLOTS) as folder:
        for name, png in plots.items():
            (folder / f"{name}.png").write_bytes(png)
    with whole_folder(PLOT_DATA) as folder:
        for name, points in points_of(predictions, store, split).items():
            write_json(folder / f"{name}.json", points)
    page = render_report(
        metrics=metrics,
        predictions=rows,
        plots=plots,
        data=facts_of(store, split),
        params=made_with(store, json.loads((MODEL / CARD).read_text())),
    )
    with whole_file(REPORT) as part:
        part.write_text(page, encoding="utf-8")


def points_of(predictions: pd.DataFrame, store: ClipStore, split: Split) -> dict[str, list[dict[str, Any]]]:
    """Of each diagram that DVC draws, of the test recordings."""
    model, card = load_model(MODEL)
    validation = ClipDataset(store, split.val, kind=card.input_kind, frame_size_px=card.frame_size_px)
    return plot_data(
        labelled(predictions), half_widths_percent(model, card, validation), lowest_percent=card.scaling.lowest_percent,
        highest_percent=card.scaling.highest_percent,
    )  # fmt: skip


def predict_test(store: ClipStore, split: Split, model_folder: Path = MODEL) -> pd.DataFrame:
    """The predictions table of the test recordings, one row per second."""
    model, card = load_model(model_folder, expected_preprocessing=store.preprocessing)
    clips = ClipDataset(store, split.test, kind=card.input_kind, frame_size_px=card.frame_size_px)
    return predictions_by(model, card, clips)


def recorded(what: str, audit: Path = AUDIT) -> dict[str, str]:
    """`camera`, say, of each recording (dataset/subject_id/record_id), of those whose data set names it; from the audits."""
    if not audit.is_dir():
        return {}
    sealed = Sealed(audit, DOWNLOAD)
    pages = [sealed.checked(name) for name in sealed.files if Path(name).name == "audit.json"]
    facts = [json.loads(path.read_text(encoding="utf-8")) for path in pages]
    recordings = [(one["dataset"], recording) for one in facts for recording in one["recordings"]]
    return {f"{name}/{one['subject_id']}/{one['record_id']}": one[what] for name, one in recordings if one[what]}


def skin_types(phantom: Phantom, audit: Path = AUDIT) -> dict[str, str]:
    """Fitzpatrick's type, I to VI, of the person in each recording: as the data set's own table has it, or as it was rendered."""
    types = recorded("skin_type", audit)
    if phantom.worlds is None:
        numbers = {name: re.fullmatch(r"phantom/p?(\d+)/.*", name) for name in recorded("subject_id", audit)}
        types |= {
            name: FITZPATRICK[subject(phantom.seed, int(number[1])).fitzpatrick - 1] for name, number in numbers.items() if number
        }
    return types


def with_facts(predictions: pd.DataFrame, cameras: Mapping[str, str], skin_types: Mapping[str, str]) -> pd.DataFrame:
    """The table, plus `camera` and `skin_type` of each second, missing where not known."""
    recording = recording_of(predictions)
    return predictions.assign(camera=recording.map(dict(cameras)), skin_type=recording.map(dict(skin_types)))


def facts_of(store: ClipStore, split: Split) -> DataFacts:
    names = store.manifest["dataset"].unique()
    return DataFacts("+".join(names), store.manifest, split.parts, store.rejects, store.digest)


def made_with(store: ClipStore, card: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters as the files carry them: those of params.yaml may have changed since a stage ran."""
    model = {name: card[name] for name in ("model_name", "input_kind", "frame_size_px", "scaling")}
    return {"preprocess": store.preprocessing, "model": model}


if __name__ == "__main__":
    run_stage(main)
