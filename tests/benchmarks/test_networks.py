"""The benchmarks of a training step and of inference: what is held against what, and how little a machine needs to run them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import inference, training_step
from benchmarks.children import ask
from benchmarks.training_step import BF16, COMPILED, CONTIGUOUS, LAST

PROJECT = Path(__file__).parents[2]
NOT_ON_A_GPUS_MACHINE = ("dlib", "mediapipe", "av", "dvc", "prefect", "mlflow", "distributed", "dask", "zarr", "onnxruntime")
WITHOUT_THEM = f"""
import json, sys
from pathlib import Path
sys.modules.update(dict.fromkeys({NOT_ON_A_GPUS_MACHINE!r}))  # importing one is now an ImportError
from benchmarks import inference, training_step
folder = Path(sys.argv[1]) / "clips"
training_step.write_clips(folder, "default")
request = {{"network": "default", "accelerator": "cpu", "repeats": 1, "processes": 1, "by_clock": False}}
step = training_step.measure(request | {{"folder": str(folder), "variants": ["channels last", "contiguous"]}})
runtimes = {{"runtimes": ["eager", "channels last", "pt2"]}}
inferred = inference.measure(request | runtimes)
off = inference.RUNTIMES["eager"]
inference.RUNTIMES["channels last"] = lambda *given: lambda video: off(*given)(video) + 0.01
try:
    inference.measure(request | runtimes)
except RuntimeError as error:
    print(json.dumps([step, inferred, str(error)]))
"""


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Any], str]:
    """What is measured where only torch and the packages of data are installed, and what is said of it."""
    command = [sys.executable, "-c", WITHOUT_THEM, str(tmp_path_factory.mktemp("gpu"))]
    done = subprocess.run(
        command, cwd=PROJECT, env=os.environ | {"PYTHONPATH": str(PROJECT)}, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]), done.stderr


def test_a_machine_that_only_trains_measures_a_step_on_noise(measured: tuple[list[Any], str]) -> None:
    (step, _, _), said = measured
    assert "clips of noise, not of the phantom: dlib, mediapipe, av is not installed" in said
    assert (step["clips"], step["clip"]) == (32, "120x16x16, batch 16")
    assert set(step["epoch_s"]) == {LAST, CONTIGUOUS}
    assert 0 < step["load_s"] < min(step["epoch_s"].values()) and step["anew_s"] > 0


def test_runtimes_are_held_against_eager_torch_before_they_are_timed(measured: tuple[list[Any], str]) -> None:
    _, inferred, off = measured[0]
    assert inferred["clip"] == "120x16x16"
    assert [(batch, list(ms)) for batch, ms in inferred["ms"].items()] == [
        (batch, ["eager", "channels last", "pt2"]) for batch in ("1", "16")
    ]
    assert all(ms > 0 for of_batch in inferred["ms"].values() for ms in of_batch.values())
    assert off == "default, 1 clips: channels last is 0.01 from eager torch"


def test_onnx_runtime_and_a_processors_own_instructions_in_a_process_of_its_own() -> None:
    request = {"network": "default", "accelerator": "cpu", "repeats": 1, "runtimes": [inference.EAGER, inference.ONNX]}
    found = ask(inference.MODULE, "native", request)
    assert all(set(ms) == {inference.EAGER, inference.ONNX} and min(ms.values()) > 0 for ms in found["ms"].values())


STEP: dict[str, Any] = {
    "clips": 32, "clip": "120x16x16, batch 16", "load_s": 0.01, "anew_s": 0.08,
    "epoch_s": {LAST: 0.33, CONTIGUOUS: 0.65, COMPILED: 0.17, BF16: 0.41},
}  # fmt: skip


def test_a_step_is_the_epoch_without_its_loading_and_the_loader_has_a_bar() -> None:
    step, loader, anew = training_step.loader_rows("default", STEP, "clips per CPU s")
    assert (step.value, loader.value, anew.value) == pytest.approx((100, 3200, 100))
    assert (loader.ratio, loader.must, anew.ratio, anew.must) == (pytest.approx(32), 20.0, pytest.approx(1), None)


def test_every_variant_is_held_against_what_it_changes() -> None:
    rows = {row.name: row for row in training_step.variant_rows("default", "native", STEP, "clips per CPU s")}
    assert {name.removeprefix("default, native: a step, "): row.ratio for name, row in rows.items()} == {
        LAST: pytest.approx(2), COMPILED: pytest.approx(2), BF16: pytest.approx(0.8),
    }  # fmt: skip
    assert "contiguous: 50" in str(rows[f"default, native: a step, {LAST}"].peer)


def test_the_papers_quickest_is_the_bar_on_a_gpu_alone() -> None:
    measured = {"clip": "120x16x16", "ms": {"1": {"eager": 0.08, "pt2": 0.04}}}
    plain, pt2 = inference.rows_of("default", "GPU", measured, must_ms=0.077)
    assert (plain.must, plain.better, plain.ratio, pt2.must, pt2.ratio) == (0.077, "lower", None, None, 0.5)
    assert all(row.must is None for row in inference.rows_of("default", "avx2", measured))


def test_what_a_machine_lacks_is_said_and_left_out(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(training_step.instruction_set, "wanted", lambda: "avx2")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    assert training_step.variants_here("cpu") == {"avx2": [LAST, CONTIGUOUS]}
    assert "without torch.compile: it needs a C++ compiler" in (said := capsys.readouterr().out) and "without bf16" in said
    monkeypatch.setattr(shutil, "which", lambda name: name)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    assert training_step.variants_here("cpu") == {"avx2": [LAST, CONTIGUOUS, COMPILED], "native": [LAST, BF16]}
    assert inference.runtimes_here("cpu")["native"] == [inference.EAGER, inference.LAST, inference.BF16]
    monkeypatch.setattr(training_step.instruction_set, "wanted", lambda: "native")
    assert training_step.variants_here("cpu") == {"native": [LAST, CONTIGUOUS, COMPILED, BF16]}
