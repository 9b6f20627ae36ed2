"""Which people reach which fit, in the stages train and evaluate as they are run, on clips that are marked by their labels.

Labels of the training people lie about 95, of the validation people about 85, of the test people about 75: whatever was fitted on
the wrong ones says so. And where labels of the test people are moved by 20, their scores alone may move.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import flows.promote
import flows.publish
import flows.stages.evaluate
import flows.stages.train
from flows.layout import CLIPS, HISTORY, METHOD, METRICS, MODEL, PREDICTIONS, SCORES, SPLIT, STAGES
from tast.clip_store import MANIFEST, PREPROCESSING, ClipStore
from tast.datasets.splits import Split
from tast.digests import OWN, seal
from tast.errors import BadInput
from tast.evaluation.baselines import ratio_predictions
from tast.instruction_set import in_force
from tast.params import load_params
from tast.saved_model import CARD, WEIGHTS, load_model
from tast.training.colour_axes import fit_colour_axes
from tast.training.dataset import ClipDataset
from tast.training.inference import predict
from tests.end_to_end.conftest import set_params
from tests.training.synthetic import write_store

PROJECT = Path(__file__).parents[2]
PEOPLE = {"train": range(5), "val": range(5, 7), "test": range(7, 10)}
MARK_PERCENT = {"train": 95.0, "val": 85.0, "test": 75.0}
MOVED_PERCENT = 20.0


@dataclass(frozen=True)
class Run:
    """What the stages left in a folder."""

    folder: Path
    store: ClipStore
    split: Split
    card: dict[str, Any]
    history: pd.DataFrame
    predictions: pd.DataFrame
    metrics: dict[str, Any]

    def clips(self, part: str) -> ClipDataset:
        train = load_params(self.folder / "params.yaml").train
        return ClipDataset(self.store, self.split.parts[part], kind=train.input, frame_size_px=train.frame_size_px)


def prepare(folder: Path, *, test_moved_by: float) -> None:
    """Clips of ten people, marked by their part's labels, their split, and params.yaml with a short training."""
    store = write_store(folder / CLIPS, seed=1, subjects=10, clips=2, pixel_noise=1e-4)
    part_of = {f"s{person:02d}": part for part, people in PEOPLE.items() for person in people}
    parts = store.manifest["subject_id"].map(part_of)
    moved = parts.map(MARK_PERCENT) - 90 + (parts == "test") * test_moved_by
    labels = [(np.clip(one, 85, 95) + by).tolist() for one, by in zip(store.manifest["spo2_percent"], moved, strict=True)]
    store.manifest.reset_index(drop=True).assign(spo2_percent=labels).to_parquet(folder / CLIPS / MANIFEST, index=False)
    preprocess = load_params(PROJECT / "params.yaml").preprocess.model_dump()
    preprocess["clips"] |= {"length_s": 4, "fps_hz": 15.0, "size_px": 16}  # as such clips would have been made
    (folder / CLIPS / PREPROCESSING).write_text(json.dumps(preprocess))
    seal(folder / CLIPS)
    ids = store.manifest["clip_id"]
    Split("subject_independent", *(tuple(sorted(ids[parts == part])) for part in PEOPLE)).to_json(folder / SPLIT)
    (folder / "params.yaml").write_text((PROJECT / "params.yaml").read_text())
    (folder / METHOD).write_text(json.dumps({"method": "tast_net", "code": {}}))
    changes = {"train.epochs": 4, "train.batch_size": 5, "train.threads": 1, "evaluate.bootstrap": 50}
    of_this_process = {"compute.instruction_set": in_force().split()[0]}  # whatever pytest imported before
    set_params(folder / "params.yaml", changes | of_this_process)


def run_stages(folder: Path, *, test_moved_by: float = 0.0) -> Run:
    prepare(folder, test_moved_by=test_moved_by)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(flows.stages.train, "CHECKPOINTS", folder / "checkpoints")
        flows.stages.train.train_and_save()
        flows.stages.evaluate.main()
        return Run(
            folder, ClipStore(folder / CLIPS), Split.from_json(SPLIT), json.loads((MODEL / CARD).read_text()),
            pd.read_csv(HISTORY), pd.read_parquet(PREDICTIONS), json.loads(SCORES.read_text()),
        )  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def torch_as_it_was() -> Iterator[None]:
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    yield
    torch.set_num_threads(threads)
    torch.set_rng_state(state)
    torch.use_deterministic_algorithms(False)


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run_stages(tmp_path_factory.mktemp("marked"))


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run_stages(tmp_path_factory.mktemp("moved"), test_moved_by=MOVED_PERCENT)


def labels(run: Run, part: str) -> np.ndarray:
    return np.concatenate(run.store.manifest.loc[list(run.split.parts[part]), "spo2_percent"].to_list())


def test_labels_are_scaled_by_training_people(marked: Run) -> None:
    assert marked.card["scaling"]["mean_percent"] == pytest.approx(labels(marked, "train").mean(), abs=1e-4)


def test_colour_axes_come_from_training_people(marked: Run) -> None:
    model, _ = load_model(marked.folder / MODEL)
    torch.testing.assert_close(model.colour_axes, torch.tensor(fit_colour_axes(marked.clips("train")), dtype=torch.float32))


def test_validation_people_stop_the_training(marked: Run) -> None:
    """The model that was kept has on them, and on nobody else, the RMSE that the history tells of its best epoch."""
    model, card = load_model(marked.folder / MODEL)
    best = marked.history.loc[marked.history["val_loss"].idxmin(), "val_rmse_percent"]
    rmse = {}
    for part in PEOPLE:
        table = predict(model, marked.clips(part), card.scaling)
        rmse[part] = float(np.sqrt(((table["predicted_percent"] - table["true_percent"]) ** 2).mean()))
    assert rmse["val"] == pytest.approx(best, rel=1e-3)
    assert min(abs(rmse[part] - best) for part in ("train", "test")) > 1


def test_the_interval_comes_from_validation_people(marked: Run) -> None:
    """As wide as their errors, which are those of people 10 % below all that was learned."""
    assert marked.card["interval"]["n_subjects"] == len(PEOPLE["val"])
    assert marked.card["interval"]["n_seconds"] == len(labels(marked, "val"))
    assert 6 < marked.card["interval"]["half_width_percent"] < 14


def test_the_card_names_whom_the_model_has_seen(marked: Run) -> None:
    """Training and validation people, and nobody of the test."""
    seen = {f"synthetic/s{person:02d}" for part in ("train", "val") for person in PEOPLE[part]}
    assert marked.card["people_seen"] == sorted(seen)


def test_the_constant_is_the_training_peoples_mean(marked: Run) -> None:
    expected = labels(marked, "train").mean()
    assert marked.metrics["train_mean_percent"] == pytest.approx(expected, abs=1e-4)
    assert marked.metrics["constant"]["bias"] == pytest.approx(expected - labels(marked, "test").mean(), abs=1e-3)


def test_baselines_are_calibrated_on_training_people(marked: Run) -> None:
    """A line is held within the percents that it was fitted on, which are all above those of the test people."""
    lowest = labels(marked, "train").min()
    for name, table in ratio_predictions(marked.store, marked.split.train, marked.split.test).items():
        assert table["predicted_percent"].min() >= lowest, name
        assert marked.metrics[name]["bias"] > lowest - labels(marked, "test").max(), name


def test_test_people_and_nobody_else_are_scored(marked: Run) -> None:
    assert set(marked.predictions["subject_id"]) == {f"s{person:02d}" for person in PEOPLE["test"]}
    assert marked.metrics["test"]["n_subjects"] == len(PEOPLE["test"])


def test_labels_of_test_people_move_their_scores_and_nothing_else(marked: Run, moved: Run) -> None:
    for run in (marked, moved):
        for digest in ("data_digest", OWN):  # of the clips, labels included, and of the card with that in it
            run.card.pop(digest)
    assert (moved.folder / MODEL / WEIGHTS).read_bytes() == (marked.folder / MODEL / WEIGHTS).read_bytes()
    assert moved.card == marked.card
    pd.testing.assert_frame_equal(moved.history, marked.history)
    pd.testing.assert_frame_equal(moved.predictions.drop(columns="true_percent"), marked.predictions.drop(columns="true_percent"))
    np.testing.assert_allclose(moved.predictions["true_percent"] - marked.predictions["true_percent"], MOVED_PERCENT, atol=1e-4)
    assert moved.metrics["train_mean_percent"] == marked.metrics["train_mean_percent"]
    for name in ("test", "constant", "ratio_of_ratios", "chrominance", "chrominance_angle"):
        assert moved.metrics[name]["bias"] == pytest.approx(marked.metrics[name]["bias"] - MOVED_PERCENT, abs=1e-3), name


@pytest.fixture
def committed(marked: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A repository of such a folder, which is where we stand, with the dvc.lock of what lies there; its commit."""
    folder = shutil.copytree(marked.folder, tmp_path / "project")
    made = {stage: [] for stage in STAGES} | {"preprocess": [CLIPS.as_posix()], "evaluate": list(flows.publish.PUBLISHED)}
    stages: dict[str, Any] = {}
    for stage, outputs in made.items():
        outs = [{"path": path, "md5": md5_of(folder / path)} for path in outputs]
        stages[stage] = {"cmd": f"python -m flows.stages.{stage}", "outs": outs}
    stages["split"]["params"] = {"params.yaml": {"split.fold": 0, "dataset.name": "phantom"}}
    (folder / "dvc.lock").write_text(json.dumps({"schema": "2.0", "stages": stages}))
    shutil.copy(PROJECT / "requirements.lock", folder)
    (folder / ".gitignore").write_text("/data/\n/models/\n/reports/\n/checkpoints/\n")
    monkeypatch.chdir(folder)
    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "tree")
    return git("rev-parse", "HEAD")


def git(*arguments: str) -> str:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@localhost", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def md5_of(place: Path) -> str:
    """As DVC names a file, or a folder by the list of its files."""
    if place.is_file():
        return hashlib.md5(place.read_bytes()).hexdigest()
    files = sorted((file.relative_to(place).as_posix(), file) for file in place.rglob("*") if file.is_file())
    listed = [{"md5": md5_of(file), "relpath": path} for path, file in files]
    return hashlib.md5(json.dumps(listed).encode()).hexdigest() + ".dir"


def test_a_publication_knows_whether_the_tree_is_as_committed(committed: str, marked: Run) -> None:
    clean = flows.publish.publication()
    assert (clean.commit, clean.dirty) == (committed, False)
    assert clean.metrics["test_digest"] == marked.metrics["test_digest"]
    Path("params.yaml").write_text(Path("params.yaml").read_text() + "# another\n")
    changed = flows.publish.publication()
    assert (changed.commit, changed.dirty) == (committed, True)


def test_a_publication_knows_that_its_parameters_are_not_those_of_the_commit(committed: str) -> None:
    """As after `-S split.fold=1`, taken back since: the tree is clean, and the run was another."""
    lock = Path("dvc.lock").read_text()
    Path("dvc.lock").write_text(lock.replace('"split.fold": 0', '"split.fold": 1'))
    assert flows.publish.publication().dirty is True


def test_a_publication_knows_that_its_method_is_not_that_of_the_commit(committed: str) -> None:
    """Found by its name, it is no dependency of a stage: dvc.lock has data/method.json alone, which names its files."""
    METHOD.write_text(json.dumps({"method": "tast_net", "code": {"tast/methods/tast_net.py": "an md5"}}))
    Path("tast").mkdir()  # where the code lies in the project
    lock = json.loads(Path("dvc.lock").read_text())
    for out in lock["stages"]["evaluate"]["outs"]:
        out["md5"] = md5_of(Path(out["path"])) if out["path"] == METHOD.as_posix() else out["md5"]
    Path("dvc.lock").write_text(json.dumps(lock))
    assert flows.publish.publication().dirty is True


def test_outputs_of_another_run_are_not_published(committed: str) -> None:
    METRICS.write_text(METRICS.read_text() + " ")
    with pytest.raises(BadInput, match=r"metrics\.json: not what dvc\.lock says"):
        flows.publish.publication()


def test_what_is_missing_for_a_decision_is_a_state_of_its_own_once(committed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three test people where four are asked for: Undecided, which an automation can hear; the same again is no news."""
    set_params(Path("params.yaml"), {"promote.judged": "level", "promote.fewest_subjects": 4, "promote.draws": 50})
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{Path('mlflow.db').resolve()}")
    monkeypatch.setenv("MLFLOW_DEFAULT_ARTIFACT_ROOT", Path("artifacts").resolve().as_uri())
    assert flows.publish.publish.fn() is None
    first, again = flows.promote.promote.fn(), flows.promote.promote.fn()
    assert (first.name, again.name) == (flows.promote.UNDECIDED, "Completed")
    assert "3 of the 3 test people are new to all" in first.message and "1 more" in first.message
