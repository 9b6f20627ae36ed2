"""Publish: what DVC's files hold, into MLflow. Not a stage: repeated, it changes nothing."""

from __future__ import annotations

import json
import logging
import tempfile
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
from prefect.artifacts import create_link_artifact

from flows.layout import CLIPS, CURVE, HISTORY, METHOD, METRICS, MODEL, PLOTS, PREDICTIONS, REPORT, SCORES, SPLIT
from flows.prefect_flows import described, flow_of, run_alone
from flows.stage_code import code_of
from flows.store import artifact_root, mlflow_page_url, tracking_uri
from flows.system_metrics import read_samples
from tast.clip_store import ClipStore
from tast.closure import PACKAGES
from tast.code_version import CodeVersion, code_version
from tast.csv_tables import read_csv
from tast.datasets.splits import Split
from tast.errors import BadInput
from tast.evaluation.predictions import read_predictions
from tast.methods import entry_of
from tast.params import load_params
from tast.phantom.physiology import simulated_physiology
from tast.phantom.render import render
from tast.phantom.session import Session
from tast.saved_model import ModelCard, load_model
from tast.tracking.figures import by_recording
from tast.tracking.lock import code_files, output_digest, require_output, run_params
from tast.tracking.model_card import model_card
from tast.tracking.projection import Publication
from tast.tracking.projection import publish as project
from tast.tracking.requirements import requirements_of
from tast.tracking.serving import served_code
from tast.training.dataset import ClipDataset
from tast.video.coding import Coding
from tast.video.write_coded import write_coded

log = logging.getLogger("flows.publish")  # __name__ is __main__ where a stage runs
LOCK = Path("dvc.lock")
PUBLISHED = (
    "models",
    *(place.as_posix() for place in (METHOD, HISTORY, PREDICTIONS, REPORT, METRICS, SCORES, PLOTS)),
)  # what a run shows
MOST_NAMED = 5  # files in a line

REQUIREMENTS = Path("requirements.lock")
EXAMPLE = Session(
    seed=0, subject=1, number=1, scenario="steady", profile="wide", seconds=0.0, fps_hz=15.0, width_px=192,
    height_px=192, face_height_px=120,
)  # fmt: skip


@partial(flow_of, run_name=described)
def publish() -> None:
    published = project(publication(), tracking_uri=tracking_uri(), artifact_root=artifact_root())
    if page := mlflow_page_url():
        create_link_artifact(
            f"{page}/#/experiments/{published.experiment_id}/runs/{published.run_id}?workflowType=machine_learning",
            link_text=f"MLflow: version {published.version}", key="mlflow-run", description="The run, its model and its card",
        )  # fmt: skip
    log.info("%s: run %s, version %s", "published" if published.created else "was published", published.run_id, published.version)


def publication() -> Publication:
    """This workspace's results, from its files."""
    dvc_lock, target = read_lock(), load_params().publish
    for output in PUBLISHED:
        require_output(dvc_lock, output, Path())
    params = run_params(dvc_lock)
    code = code_version(Path(), used=project_code(dvc_lock), used_params=params)
    tell_code(code)
    model, card = load_model(MODEL)
    scores = json.loads(SCORES.read_text())
    return Publication(
        experiment=target.experiment, model_name=target.model_name, dvc_lock=dvc_lock,
        metrics=scores, card=model_card(card, scores, params), recordings=by_recording(read_predictions(PREDICTIONS)),
        history=read_csv(HISTORY, CURVE),
        system_metrics=read_samples(MODEL), artifacts=[PREDICTIONS, REPORT, METRICS, SCORES, PLOTS],
        model_folder=MODEL, model=model, input_example=two_clips(card),
        pip_requirements=pinned("torch", "numpy"), 
        serving_requirements=requirements_of(served_code(card.model_name), REQUIREMENTS.read_text()) + distribution_of(card),
        example_video=example_video(card),
        dataset=params["dataset.name"], dataset_digest=output_digest(dvc_lock, CLIPS.as_posix()), commit=code.commit,
        dirty=code.dirty,
    )  # fmt: skip


def project_code(dvc_lock: str) -> dict[str, str]:
    """Path -> md5 of the project's files that the run was made with: its stages' code, and that of its method, which is found by
    its name. Where the code is an installed package's none of it is among them: no commit of the project could hold it.
    """
    if not (Path() / PACKAGES[0]).is_dir():
        return code_files(dvc_lock, lambda path, md5: {})
    method: dict[str, str] = json.loads(METHOD.read_text())["code"]
    return code_files(dvc_lock, code_of) | {path: md5 for path, md5 in method.items() if path.partition("/")[0] in PACKAGES}


def distribution_of(card: ModelCard) -> list[str]:
    """The requirement that brings a method of another package; empty for the project's own."""
    dist = entry_of(card.model_name).dist
    return [] if dist is None else [f"{dist.name}=={dist.version}"]


def read_lock() -> str:
    try:
        return LOCK.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BadInput(LOCK, "no such file", "a finished `dvc repro`") from None
    except UnicodeDecodeError as error:
        raise BadInput(LOCK, f"not text ({error.reason})", "dvc.lock as `dvc repro` wrote it (`git checkout dvc.lock`)") from None


def tell_code(code: CodeVersion) -> None:
    if code.commit is None:
        log.warning("no git commit is known of this folder: the run is published with its code as unknown")
    elif code.dirty:
        more = len(code.differing) - MOST_NAMED
        named = ", ".join(code.differing[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
        log.warning("published as dirty, since commit %s has not what was used: %s", code.commit[:8], named)


def pinned(*packages: str) -> list[str]:
    return [f"{name}=={version(name).split('+')[0]}" for name in packages]


def example_video(card: ModelCard) -> bytes:
    """A rendered face, a second longer than a clip: some 2 MB, always the same bytes. Of fewer no percentage would be told."""
    session = replace(EXAMPLE, seconds=card.preprocessing["clips"]["length_s"] + 1)
    body = simulated_physiology(session)
    with tempfile.TemporaryDirectory() as scratch:
        frames = render(session, body.drive, body.beat)
        return write_coded(Path(scratch) / "example", frames, Coding("h264", ".avi", quality=0)).read_bytes()


def two_clips(card: ModelCard) -> np.ndarray:
    """(2, 3, T, H, W) of the test set as the network sees them; of one clip the export would freeze the batch size."""
    clip_ids = Split.from_json(SPLIT).test[:2]
    clips = ClipDataset(ClipStore(CLIPS), clip_ids, kind=card.input_kind, frame_size_px=card.frame_size_px)
    return clips[[0, len(clip_ids) - 1]].video.numpy()


if __name__ == "__main__":
    run_alone(publish)
