"""Stage train: params reach the loop, labels are scaled by training people alone, the same run gives the same model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from flows.fitting import changes_left_out, fit_model, new_network, settings_of
from flows.layout import CURVE, HISTORY, MODEL
from flows.stages.evaluate import predict_test
from flows.stages.train import train_model, write_epoch, write_model
from tast.clip_store import PREPROCESSING, ClipRow, ClipStore, write_tables
from tast.csv_tables import read_csv
from tast.datasets.splits import Split, make_split
from tast.digests import seal
from tast.errors import BadInput
from tast.params import Params, changed, load_params
from tast.people import person_of
from tast.saved_model import CARD, WEIGHTS, save_model
from tast.training.change_reader import COLOURS, OF_FACE, ChangeReader, Start
from tast.training.checkpoint import weights_digest
from tast.training.colour_axes import fit_colour_axes
from tast.training.compute import compute_reproducibly
from tast.training.dataset import ClipDataset
from tast.training.labels import fit_label_scaling
from tast.training.settings import EpochRecord, FitSettings
from tests.training.synthetic import write_store

ROOT = Path(__file__).parents[2]
OTHERS = {  # than the defaults, of all that FitSettings takes from section train
    "epochs": 3, "patience": 2, "batch_size": 5, "learning_rate": 1e-4, "weight_decay": 0.2, "mse_weight": 0.5,
    "pearson_weight": 0.7, "seed": 9, "schedule": "one_cycle", "warm_up": 0.2, "gradient_clip": 2.0, "ema_epochs": 0.5,
    "sampler": "balanced", "compile": True, "channels_last_3d": False, "augmentation.brightness": 0.4,
}  # fmt: skip


@pytest.fixture(scope="module")
def params() -> Params:
    return changed(load_params(ROOT / "params.yaml"), {"train.epochs": 1, "train.threads": 1})


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ClipStore:
    return write_store(tmp_path_factory.mktemp("clips"), seed=0, subjects=6, clips=2)


@pytest.fixture(scope="module")
def split(params: Params, store: ClipStore) -> Split:
    return make_split(store.manifest, **params.split.model_dump())


@pytest.fixture(autouse=True)
def torch_as_it_was() -> Iterator[None]:
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    yield
    torch.set_num_threads(threads)
    torch.set_rng_state(state)
    torch.use_deterministic_algorithms(False)


def parts_of(params: Params, store: ClipStore, split: Split) -> tuple[ClipDataset, ClipDataset]:
    size = params.train.frame_size_px
    train, val = (ClipDataset(store, split.parts[name], kind=params.train.input, frame_size_px=size) for name in ("train", "val"))
    return train, val


def test_every_setting_of_the_loop_comes_from_params(params: Params) -> None:
    train = changed(params, {f"train.{name}": value for name, value in OTHERS.items()}).train
    settings = settings_of(train)
    assert {one.name for one in fields(FitSettings)} == {name.split(".")[0] for name in OTHERS}
    assert settings.augmentation is not None
    assert asdict(settings.augmentation) == train.augmentation.model_dump()
    for name in OTHERS.keys() - {"augmentation.brightness"}:
        assert getattr(settings, name) == OTHERS[name]


def test_computing_reproducibly_fixes_threads_algorithms_and_first_weights(params: Params) -> None:
    digests = []
    for seed in (1, 1, 2):
        torch.rand(seed + len(digests))
        compute_reproducibly(seed, 1)
        digests.append(weights_digest(new_network(params.train, frames=60, seconds=4)))
    assert digests[0] == digests[1] != digests[2]
    assert torch.get_num_threads() == 1
    assert torch.are_deterministic_algorithms_enabled()


def test_labels_are_scaled_by_the_training_people_alone(params: Params, store: ClipStore, split: Split, tmp_path: Path) -> None:
    train, val = parts_of(params, store, split)
    val.spo2_percent = val.spo2_percent - 20
    compute_reproducibly(0, 1)
    _, _, card = fit_model(params.train, store, train, val, tmp_path)
    assert card.scaling == fit_label_scaling(train.spo2_percent)
    with_val = fit_label_scaling(np.concatenate([train.spo2_percent, val.spo2_percent]))
    assert abs(card.scaling.mean_percent - with_val.mean_percent) > 1


def test_the_card_names_the_people_of_training_and_validation_and_nobody_else(
    params: Params, store: ClipStore, split: Split, tmp_path: Path
) -> None:
    compute_reproducibly(0, 1)
    _, _, card = fit_model(params.train, store, *parts_of(params, store, split), tmp_path)
    tested = person_of(store.manifest.loc[list(split.test)])
    assert card.people_seen == tuple(sorted(set(person_of(store.manifest)) - set(tested)))
    assert len(card.people_seen) == 6 - tested.nunique() and all("/" in person for person in card.people_seen)


def test_the_card_has_the_codecs_of_the_training_alone_with_their_fewest_bits(
    params: Params, store: ClipStore, split: Split, tmp_path: Path
) -> None:
    train, val = parts_of(params, store, split)
    n = len(train)
    bits = [9.5, np.nan, *np.linspace(0.9, 0.6, n - 2)]
    train.clips = train.clips.assign(codec=["h264", "", *["mjpeg"] * (n - 2)], bits_per_pixel=bits)
    val.clips = val.clips.assign(codec="vp9", bits_per_pixel=0.1)
    compute_reproducibly(0, 1)
    _, _, card = fit_model(params.train, store, train, val, tmp_path)
    assert card.codecs == {"h264": 9.5, "mjpeg": pytest.approx(0.6)}


@pytest.mark.parametrize("whiten", [True, False])
def test_colour_axes_are_those_of_the_training_people_alone(
    params: Params, store: ClipStore, split: Split, tmp_path: Path, whiten: bool
) -> None:
    train, val = parts_of(params, store, split)
    expected = torch.tensor(fit_colour_axes(train), dtype=torch.float32) if whiten else torch.eye(3)
    compute_reproducibly(0, 1)
    model, _, _ = fit_model(changed(params, {"train.whiten_colour": whiten}).train, store, train, val, tmp_path)
    assert torch.equal(model.colour_axes, expected)
    assert not np.allclose(fit_colour_axes(val), fit_colour_axes(train), rtol=1e-3)


def test_the_same_run_saves_the_same_bytes_and_refuses_other_clips(
    params: Params, store: ClipStore, split: Split, tmp_path: Path
) -> None:
    for name in ("first", "again"):
        compute_reproducibly(params.train.seed, params.train.threads)
        model, _, card = fit_model(params.train, store, *parts_of(params, store, split), tmp_path / name)
        save_model(tmp_path / name, model, card)
    assert (tmp_path / "first" / WEIGHTS).read_bytes() == (tmp_path / "again" / WEIGHTS).read_bytes()
    assert len(predict_test(store, split, tmp_path / "first")) == 4 * len(split.test)
    other = write_store(tmp_path / "other", seed=0, subjects=6, clips=2)
    (other.folder / PREPROCESSING).write_text('{"kind": "another"}')
    seal(other.folder)
    with pytest.raises(BadInput, match="kind was synthetic in training, is another"):
        predict_test(ClipStore(other.folder), split, tmp_path / "first")


def in_windows(folder: Path, camera: str) -> ClipStore:
    """Six people's recordings of 12 s, in which SpO2 falls, in windows of 4, one a second."""
    store = write_store(folder, seed=1, subjects=6, clips=1, frames=180, seconds=12)
    rows = []
    for clip in store.manifest.reset_index(drop=True).to_dict("records"):
        labels = np.linspace(97, 85, 12).tolist()
        for k in range(9):
            window = {"clip_id": f"{clip['record_id']}-{k}", "first_frame": 15 * k, "n_frames": 60, "start_s": float(k)}
            window |= {"spo2_percent": tuple(labels[k : k + 4]), "camera": camera.format(clip["subject_id"])}
            rows.append(ClipRow(**{name: (clip | window)[name] for name in ClipRow.__dataclass_fields__}))
    write_tables(folder, rows, [], [], {"kind": "synthetic"})
    return ClipStore(folder)


@pytest.mark.parametrize("camera", ["", "one", "of {}"])
def test_the_interval_of_a_line_rests_on_all_people_of_the_training_and_that_of_a_network_on_none(
    camera: str, tmp_path: Path
) -> None:
    store = in_windows(tmp_path, camera)
    clips = ClipDataset(store, store.clip_ids, kind="normalised", frame_size_px=8)
    line = ChangeReader((1.0,) * len(COLOURS), (1.0,) * OF_FACE, 0.5, 6, 6)
    (rows,) = changes_left_out(line, Start(), clips)
    assert set(person_of(rows)) == set(person_of(clips.clips)) and len(rows) == len(clips) * clips.seconds
    assert np.isfinite(rows["changing_percent"]).all() and rows["changing_percent"].std() > 0
    assert np.allclose(rows["true_percent"], clips.spo2_percent.ravel())
    assert changes_left_out(replace(line, network_share=1.0), Start(), clips) == [] == changes_left_out(None, Start(), clips)


def test_the_learning_curve_is_on_disk_after_each_epoch(
    params: Params, store: ClipStore, split: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What DVC's extension for VS Code draws while a training runs."""
    monkeypatch.chdir(tmp_path)
    lengths = []

    def watched(record: EpochRecord, kept: Path) -> None:
        write_epoch(record, kept)
        lengths.append(len(read_csv(HISTORY, CURVE)))

    monkeypatch.setattr("flows.stages.train.write_epoch", watched)
    compute_reproducibly(0, 1)
    _, history, _ = train_model(changed(params, {"train.epochs": 3}).train, store, *parts_of(params, store, split), Path("kept"))
    assert lengths == [1, 2, 3]
    assert read_csv(HISTORY, CURVE)["val_loss"].tolist() == pytest.approx([one.val_loss for one in history.epochs])


def test_the_curve_of_a_training_that_is_gone_on_with_begins_at_its_first_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DVC removed the file when the stage started again; a training that starts anew forgets the earlier one."""
    monkeypatch.chdir(tmp_path)
    epochs = [EpochRecord(epoch, 1.0 - epoch / 10, 1.0, 2.0, 0.1) for epoch in range(4)]
    for record in epochs[:3]:
        write_epoch(record, Path("kept/curve.csv"))
    HISTORY.unlink()
    for record in epochs[2:]:
        write_epoch(record, Path("kept/curve.csv"))
    assert read_csv(HISTORY, CURVE)["epoch"].tolist() == [0, 1, 2, 3]
    write_epoch(epochs[0], Path("kept/curve.csv"))
    assert read_csv(HISTORY, CURVE)["epoch"].tolist() == [0]


def test_what_a_killed_training_left_in_the_models_folder_is_no_part_of_it(
    params: Params, store: ClipStore, split: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    MODEL.mkdir(parents=True)
    (MODEL / f".{WEIGHTS}.99999999.part").write_bytes(b"half")
    compute_reproducibly(0, 1)
    model, _, card = fit_model(params.train, store, *parts_of(params, store, split), tmp_path / "checkpoints")
    write_model(model, card)
    assert {one.name for one in MODEL.parent.rglob("*")} == {MODEL.name, CARD, WEIGHTS}
