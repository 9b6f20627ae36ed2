"""Training: it learns, resumes bit for bit after a kill, stops when it should, and touches nobody's random state."""

from __future__ import annotations

import logging
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tast.clip_store import ClipStore
from tast.closure import code_digest
from tast.errors import TastError
from tast.methods.tast_net import TastNet
from tast.training import compute
from tast.training.checkpoint import CHECKPOINT, weights_digest
from tast.training.compute import PRECISIONS, compiles, fabric_for, precision_of, use_channels_last
from tast.training.dataset import ClipDataset
from tast.training.inference import predict
from tast.training.labels import LabelScaling
from tast.training.loop import facts_of_run, fit
from tast.training.optimisation import SCHEDULES, WarmUpThenCosine, ema_decay, parameter_groups
from tast.training.settings import EpochRecord, History
from tests.training.synthetic import write_store
from tests.training.tiny import SETTINGS, halves, scaling_of, tiny_net
from tests.training.trainings import (
    FIRST_VAL,
    ended_within_epoch,
    exit_codes,
    killed_after_epoch,
    killed_while_writing,
    start,
)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[ClipDataset, ClipDataset]:
    return halves(write_store(tmp_path_factory.mktemp("clips"), seed=0, subjects=4, clips=4), "s03")


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> tuple[nn.Module, ClipDataset, LabelScaling, History]:
    folder = tmp_path_factory.mktemp("learn")
    train, val = halves(write_store(folder, seed=0, subjects=12, clips=10, common_noise=0.004, pixel_noise=0.005), "s08")
    net, scaling = tiny_net(), scaling_of(train)
    settings = replace(SETTINGS, epochs=20, patience=20, learning_rate=3e-3)
    return net, val, scaling, fit(net, train, val, settings, scaling=scaling, checkpoint_folder=folder / "run")


def test_a_gpu_that_is_not_there_is_one_line() -> None:
    there = torch.cuda.device_count()
    with pytest.raises(TastError, match=rf"cuda, and torch sees {there} GPUs of {there + 1}; expected cpu"):
        fabric_for(accelerator="cuda", precision="fp32", processes=there + 1)


def test_it_learns_the_ratio_on_subjects_it_never_saw(learnt: tuple[nn.Module, ClipDataset, LabelScaling, History]) -> None:
    net, val, scaling, history = learnt
    table = predict(net, val, scaling)
    error = table["predicted_percent"] - table["true_percent"]
    constant = table["true_percent"].std(ddof=0)
    assert np.sqrt((error**2).mean()) < 0.5 * constant
    assert np.corrcoef(table["predicted_percent"], table["true_percent"])[0, 1] > 0.9
    assert history.best.val_rmse_percent == pytest.approx(
        np.sqrt((error**2).mean()), abs=1e-4
    )  # the best epoch's weights were kept


def test_predictions_carry_identity_and_seconds(learnt: tuple[nn.Module, ClipDataset, LabelScaling, History]) -> None:
    net, val, scaling, _ = learnt
    table = predict(net, val, scaling, batch_size=7)
    assert {"dataset", "subject_id", "record_id", "clip_id", "second", "true_percent", "predicted_percent"} <= set(table.columns)
    assert list(table["clip_id"].drop_duplicates()) == list(val.clip_ids)
    assert table["second"].tolist() == [0, 1, 2, 3] * len(val)
    np.testing.assert_allclose(table["true_percent"].to_numpy().reshape(-1, 4), val.spo2_percent)
    assert table["subject_id"].iloc[4] == "s08"
    again = predict(net, val, scaling, batch_size=40)
    np.testing.assert_allclose(table["predicted_percent"], again["predicted_percent"], atol=1e-3)


@pytest.mark.parametrize(
    ("how", "by", "left"),
    [
        (killed_after_epoch, signal.SIGKILL, [CHECKPOINT]),
        (ended_within_epoch, signal.SIGTERM, [CHECKPOINT]),
        (killed_while_writing, signal.SIGKILL, [".checkpoint.pt.*.part", CHECKPOINT]),
    ],
)
def test_interrupted_anywhere_it_goes_on_to_the_same_weights_bit_for_bit(
    straight: tuple[Path, nn.Module, History], tmp_path: Path, how: Callable[..., None], by: signal.Signals, left: list[str]
) -> None:
    clips, whole, history = straight
    assert exit_codes(start(how, clips, tmp_path)) == [-by]
    assert [fnmatch(path.name, name) for path, name in zip(sorted(tmp_path.iterdir()), left, strict=True)] == [True] * len(left)
    resumed, epochs_after = tiny_net(), []
    train, val = halves(ClipStore(clips), FIRST_VAL)
    again = fit(
        resumed, train, val, SETTINGS, scaling=scaling_of(train), checkpoint_folder=tmp_path, on_epoch=epochs_after.append
    )
    assert [record.epoch for record in epochs_after] == [2, 3]
    assert again == history
    assert weights_digest(resumed) == weights_digest(whole)


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, nn.Module, History]:
    """An uninterrupted training: its clips, and what it came to."""
    folder, net = tmp_path_factory.mktemp("straight"), tiny_net()
    train, val = halves(write_store(folder / "clips", seed=0, subjects=4, clips=4), FIRST_VAL)
    return folder / "clips", net, fit(net, train, val, SETTINGS, scaling=scaling_of(train), checkpoint_folder=folder / "run")


@pytest.mark.parametrize("changes", [{"schedule": "one_cycle", "warm_up": 0.3}, {"sampler": "balanced"}, {"ema_epochs": 0.0}])
def test_every_kind_of_training_resumes_to_the_same_weights(
    tiny: tuple[ClipDataset, ClipDataset], tmp_path: Path, changes: dict[str, Any]
) -> None:
    class Stop(Exception):
        pass

    def stop(record: EpochRecord) -> None:
        if record.epoch == 1:
            raise Stop

    settings, scaling = replace(SETTINGS, **changes), scaling_of(tiny[0])
    whole, resumed = tiny_net(), tiny_net()
    fit(whole, *tiny, settings, scaling=scaling, checkpoint_folder=tmp_path / "straight")
    with pytest.raises(Stop):
        fit(tiny_net(), *tiny, settings, scaling=scaling, checkpoint_folder=tmp_path / "stopped", on_epoch=stop)
    fit(resumed, *tiny, settings, scaling=scaling, checkpoint_folder=tmp_path / "stopped")
    assert weights_digest(resumed) == weights_digest(whole)


def test_a_finished_run_is_not_run_again(tiny: tuple[ClipDataset, ClipDataset], tmp_path: Path) -> None:
    first, again = tiny_net(), tiny_net()
    settings = replace(SETTINGS, epochs=1)
    fit(first, *tiny, settings, scaling=scaling_of(tiny[0]), checkpoint_folder=tmp_path)
    fit(
        again,
        *tiny,
        settings,
        scaling=scaling_of(tiny[0]),
        checkpoint_folder=tmp_path,
        on_epoch=lambda _: pytest.fail("trained again"),
    )
    assert weights_digest(again) == weights_digest(first)


def test_another_run_does_not_go_on_from_it(
    tiny: tuple[ClipDataset, ClipDataset], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    epochs: list[int] = []
    for seed in (0, 1):
        settings = replace(SETTINGS, epochs=1, seed=seed)
        with caplog.at_level(logging.WARNING):
            fit(
                tiny_net(), *tiny, settings, scaling=scaling_of(tiny[0]), checkpoint_folder=tmp_path,
                on_epoch=lambda record: epochs.append(record.epoch),
            )  # fmt: skip
    assert epochs == [0, 0]
    assert "checkpoint.pt belongs to a run with other settings: training starts anew" in caplog.text


@pytest.mark.parametrize("other", ["code", "threads", "instruction set", "libraries"])
def test_no_training_goes_on_across_what_decides_its_bytes(
    tiny: tuple[ClipDataset, ClipDataset], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
    other: str,
) -> None:  # fmt: skip
    epochs: list[int] = []

    def train() -> None:
        fit(
            tiny_net(), *tiny, replace(SETTINGS, epochs=1), scaling=scaling_of(tiny[0]), checkpoint_folder=tmp_path,
            on_epoch=lambda record: epochs.append(record.epoch),
        )  # fmt: skip

    train()
    changes: dict[str, Callable[[], None]] = {
        "code": lambda: monkeypatch.setattr("tast.provenance.code_digest", lambda *modules: "edited"),
        "threads": lambda: torch.set_num_threads(2),
        "instruction set": lambda: monkeypatch.setenv("ATEN_CPU_CAPABILITY", "default"),
        "libraries": lambda: monkeypatch.setattr("tast.provenance.version", lambda name: "0"),
    }
    changes[other]()
    try:
        train()
    finally:
        torch.set_num_threads(1)
    assert epochs == [0, 0]
    assert f"checkpoint.pt belongs to a run with other {other}: training starts anew" in caplog.text


def test_a_training_rests_on_the_code_that_trains_and_on_the_models(tiny: tuple[ClipDataset, ClipDataset]) -> None:
    fabric = fabric_for(accelerator="cpu", precision="fp32")
    codes = {
        (program, type(net)): facts_of_run(net, *tiny, SETTINGS, scaling_of(tiny[0]), fabric, program)["code"]
        for program in ("tast.training.loop", "flows.stages.train")
        for net in (tiny_net(), Constant())
    }
    assert codes["tast.training.loop", TastNet] == code_digest("tast.training.loop", "tast.methods.tast_net")
    assert codes["tast.training.loop", Constant] == code_digest("tast.training.loop")
    assert codes["flows.stages.train", Constant] == code_digest("flows.stages.train")


def test_checkpoint_loads_without_pickle_and_leaves_no_rest(tiny: tuple[ClipDataset, ClipDataset], tmp_path: Path) -> None:
    fit(tiny_net(), *tiny, replace(SETTINGS, epochs=1), scaling=scaling_of(tiny[0]), checkpoint_folder=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [CHECKPOINT]
    content = torch.load(tmp_path / CHECKPOINT, weights_only=True)
    assert {"model", "averaged", "optimiser", "schedule", "best", "epochs", "facts"} == content.keys()


class Constant(nn.Module):
    """Says the same for every clip, whatever it learns."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))

    def forward(self, video: torch.Tensor) -> torch.Tensor:
        return (0 * self.weight).expand(len(video), 4)


class Diverging(nn.Module):
    """Gives not-a-number for the clip whose video begins with this value."""

    def __init__(self, poison: float) -> None:
        super().__init__()
        self.poison, self.weight = poison, nn.Parameter(torch.ones(()))

    def forward(self, video: torch.Tensor) -> torch.Tensor:
        hit = video.abs().amax(dim=(1, 2, 3, 4)) == self.poison
        return self.weight * torch.where(hit, float("nan"), 0.0)[:, None].expand(-1, 4)


def test_not_a_number_stops_it_with_the_clips_of_the_batch(tiny: tuple[ClipDataset, ClipDataset], tmp_path: Path) -> None:
    train, val = tiny
    poison = float(train[[5]].video.abs().max())
    settings = replace(SETTINGS, augmentation=None, batch_size=1)
    with pytest.raises(TastError, match=train.clip_ids[5]) as caught:
        fit(Diverging(poison), train, val, settings, scaling=scaling_of(train), checkpoint_folder=tmp_path)
    assert train.clip_ids[4] not in str(caught.value)


class Exploding(Constant):
    """Finite in training, not a number in evaluation."""

    def forward(self, video: torch.Tensor) -> torch.Tensor:
        return super().forward(video) + (0.0 if self.training else float("nan"))


def test_a_validation_loss_that_is_not_finite_stops_it(tiny: tuple[ClipDataset, ClipDataset], tmp_path: Path) -> None:
    with pytest.raises(TastError, match="validation loss is not finite after epoch 0"):
        fit(Exploding(), *tiny, SETTINGS, scaling=scaling_of(tiny[0]), checkpoint_folder=tmp_path)


def test_bfloat16_autocast_follows_float32(
    tiny: tuple[ClipDataset, ClipDataset], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compute, "cpu_has_bf16", lambda: True)  # emulated it is as precise, and slow
    losses = []
    for precision in PRECISIONS:
        fabric = fabric_for(accelerator="cpu", precision=precision)
        folder = tmp_path / precision
        history = fit(tiny_net(), *tiny, SETTINGS, scaling=scaling_of(tiny[0]), checkpoint_folder=folder, fabric=fabric)
        losses.append(history.best.val_loss)
    assert losses[1] == pytest.approx(losses[0], rel=0.02)  # three significant digits of bfloat16, over twelve steps
    assert losses[1] != losses[0]


def test_the_callers_random_state_is_left_alone(tiny: tuple[ClipDataset, ClipDataset], tmp_path: Path) -> None:
    torch.manual_seed(123)
    before = torch.get_rng_state()
    fit(tiny_net(), *tiny, replace(SETTINGS, epochs=1), scaling=scaling_of(tiny[0]), checkpoint_folder=tmp_path)
    assert torch.equal(torch.get_rng_state(), before)


def test_seed_decides_the_weights_and_the_callers_random_state_does_not(
    tiny: tuple[ClipDataset, ClipDataset], tmp_path: Path
) -> None:
    digests = []
    for number, (state, seed) in enumerate([(1, 0), (2, 0), (1, 5)]):
        torch.manual_seed(state)
        net = tiny_net()
        settings = replace(SETTINGS, epochs=1, seed=seed)
        fit(net, *tiny, settings, scaling=scaling_of(tiny[0]), checkpoint_folder=tmp_path / str(number))
        digests.append(weights_digest(net))
    assert digests[0] == digests[1] != digests[2]


def test_it_stops_when_validation_no_longer_falls(tiny: tuple[ClipDataset, ClipDataset], tmp_path: Path) -> None:
    settings = replace(SETTINGS, epochs=50, patience=2, learning_rate=1e-12)
    history = fit(Constant(), *tiny, settings, scaling=scaling_of(tiny[0]), checkpoint_folder=tmp_path)
    assert [record.epoch for record in history.epochs] == [0, 1, 2]
    assert history.best.epoch == 0


def test_best_is_the_lowest_validation_loss() -> None:
    records = tuple(EpochRecord(epoch, 0.0, loss, 0.0, 0.0) for epoch, loss in enumerate([3.0, 1.0, 2.0]))
    assert History(records).best.epoch == 1
    assert History(records).is_stale(1)
    assert not History(records).is_stale(2)


def test_learning_rate_rises_linearly_and_falls_to_0_on_a_cosine() -> None:
    rate = WarmUpThenCosine(steps=110, warm_up=10 / 110)
    assert [rate(step) for step in (0, 4, 9, 10, 60, 110)] == pytest.approx([0.1, 0.5, 1.0, 1.0, 0.5, 0.0])


def test_one_cycle_ends_far_below_its_peak() -> None:
    optimiser = torch.optim.AdamW([nn.Parameter(torch.zeros(1))], lr=0.01)
    schedule = SCHEDULES["one_cycle"](optimiser, steps=100, warm_up=0.3)
    rates = []
    for _ in range(100):
        optimiser.step()
        rates.append(schedule.get_last_lr()[0])
        schedule.step()
    assert max(rates) == pytest.approx(0.01)
    assert rates.index(max(rates)) == 29
    assert rates[0] == pytest.approx(0.01 / 25)
    assert rates[-1] < 1e-5


def test_memory_of_the_average() -> None:
    assert [ema_decay(steps) for steps in (0, 1, 4, 100)] == pytest.approx([0.0, 0.0, 0.75, 0.99])


def test_only_matrices_and_kernels_decay() -> None:
    decayed, others = parameter_groups(tiny_net(), 0.1)
    assert all(parameter.ndim >= 2 for parameter in decayed["params"])
    assert (decayed["weight_decay"], others["weight_decay"]) == (0.1, 0.0)
    count = len(decayed["params"]) + len(others["params"])
    assert count == len(list(tiny_net().parameters()))
    assert {tuple(p.shape) for p in others["params"] if p.ndim > 1} == {
        (1, 1, 4, 24),
        (1, 6, 1, 24),
    }  # the two position embeddings


def test_convolutions_of_every_kind_decay() -> None:
    kinds = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
    layers = nn.ModuleList([*(kind(2, 3, 3) for kind in kinds), nn.BatchNorm2d(3), nn.Linear(2, 3)])
    layers.append(nn.Linear(2, 3))
    layers[-1].weight = layers[-2].weight  # shared: decays once
    decayed, others = parameter_groups(layers, 0.1)
    assert [id(p) for p in decayed["params"]] == [id(layers[i].weight) for i in (*range(len(kinds)), -2)]
    assert {p.ndim for p in others["params"]} == {1}
    assert len(decayed["params"]) + len(others["params"]) == len(list(layers.parameters()))


def test_channels_last_changes_no_value(tiny: tuple[ClipDataset, ClipDataset]) -> None:
    plain, last = tiny_net().eval(), tiny_net().eval()
    use_channels_last(last)
    video = tiny[0][[0, 1]].video
    torch.testing.assert_close(plain(video), last(video), atol=1e-5, rtol=1e-5)


def test_bfloat16_is_refused_on_a_cpu_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": False})
    with pytest.raises(TastError, match=r"this CPU computes bf16 by emulation.*expected train\.precision: fp32$"):
        fabric_for(accelerator="cpu", precision="bf16")


def test_bfloat16_that_the_instruction_set_leaves_alone_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True})
    monkeypatch.setattr(compute.instruction_set, "in_force", lambda: "avx2")
    assert precision_of("auto", "cpu") == "fp32"
    with pytest.raises(TastError, match=r"compute\.instruction_set: avx2 computes bf16 by emulation.*or .*: native$"):
        fabric_for(accelerator="cpu", precision="bf16")
    monkeypatch.setattr(compute.instruction_set, "in_force", lambda: "native 0123")
    assert precision_of("auto", "cpu") == "bf16"
    assert str(fabric_for(accelerator="cpu", precision="bf16").strategy.precision.precision) == "bf16-mixed"


@pytest.mark.parametrize(
    ("gpu", "triton", "precision", "compiled"),
    [(None, True, "fp32", False), ((7, 5), True, "fp32", False), ((8, 0), False, "bf16", False), ((9, 0), True, "bf16", True)],
    ids=["no GPU", "Turing", "Ampere without triton", "Hopper"],
)
def test_what_is_chosen_on_a_gpu(
    gpu: tuple[int, int] | None, triton: bool, precision: str, compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu is not None)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: gpu)
    monkeypatch.setattr(compute, "find_spec", lambda name: name if triton else None)
    assert (precision_of("auto", "cuda"), compiles("auto", "cuda")) == (precision, compiled)
    assert not compiles("auto", "cpu") and compiles(True, "cpu") and not compiles(False, "cuda")
    assert [precision_of(one, "cuda") for one in PRECISIONS] == list(PRECISIONS)


class Linear(nn.Module):
    """From each clip's deviations in the three channels; compiled in a few seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(3, 4)
        nn.init.constant_(self.head.weight, 0.1)
        nn.init.zeros_(self.head.bias)

    def forward(self, video: torch.Tensor) -> torch.Tensor:
        said: torch.Tensor = self.head(video.square().mean(dim=(2, 3, 4)))
        return said


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_compiled_it_follows_the_same_losses(tiny: tuple[ClipDataset, ClipDataset], tmp_path: Path) -> None:
    losses = []
    for compile_it in (False, True):
        net, settings = Linear(), replace(SETTINGS, compile=compile_it)
        history = fit(net, *tiny, settings, scaling=scaling_of(tiny[0]), checkpoint_folder=tmp_path / str(compile_it))
        losses.append([(record.train_loss, record.val_loss) for record in history.epochs])
        assert list(net.state_dict()) == ["head.weight", "head.bias"]
        assert net.head.weight.std() > 1e-3  # it did learn
    np.testing.assert_allclose(losses[1], losses[0], atol=1e-4)


@pytest.mark.parametrize("mapping", [False, True])
def test_of_clips_with_a_spot_reading_the_loss_sees_the_level_alone(tmp_path: Path, mapping: bool) -> None:
    """Half of the training clips are marked: as many rows that the loss is given do not move, in training and in validation."""
    store = write_store(tmp_path / "clips", seed=0, subjects=4, clips=2)
    store.manifest["spot_sd_percent"] = np.where(store.manifest["record_id"].str.endswith("-00"), 2.0, np.nan)
    train, val = halves(store, "s03")
    assert (int(train.spot.sum()), int(val.spot.sum())) == (3, 1) and len(train) == 6
    moving = []

    class Named(TastNet):
        def forward(self, video: torch.Tensor) -> Any:
            spo2 = super().forward(video)
            return {"spo2": spo2} if mapping and self.training else spo2

    def loss(outputs: Any, target: torch.Tensor) -> torch.Tensor:
        spo2 = outputs["spo2"] if isinstance(outputs, dict) else outputs
        moving.append(int((spo2.detach().std(dim=1) > 1e-7).sum()))
        return spo2.square().mean()

    net = Named(tiny_net().config)
    fit(net, train, val, replace(SETTINGS, epochs=1), scaling=scaling_of(train), checkpoint_folder=tmp_path / "run", loss=loss)
    assert moving == [3, 1], "one batch of training, and all of validation"
    plain = ClipDataset(store, train.clip_ids, kind=train.kind, frame_size_px=8)
    plain.spot[:] = False
    assert plain.digest != train.digest, "a checkpoint of the one is none of the other"
