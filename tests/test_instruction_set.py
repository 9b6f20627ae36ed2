"""The same bytes whatever the machine offers: in processes of their own, since libraries look at it when they are imported."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tast import instruction_set
from tast.errors import TastError
from tests.end_to_end.conftest import PROJECT

WIDER = {  # what another machine's user may have set, by the libraries' own switches
    "ATEN_CPU_CAPABILITY": "avx512",
    "ONEDNN_MAX_CPU_ISA": "AVX512_CORE",
    "ONEDNN_DEFAULT_FPMATH_MODE": "BF16",
    "MKL_ENABLE_INSTRUCTIONS": "AVX512",
    "MKL_CBWR": "AVX512",
    "OPENBLAS_CORETYPE": "SkylakeX",
    "NPY_ENABLE_CPU_FEATURES": "AVX2",
    "NUMBA_CPU_NAME": "skylake-avx512",
    "OPENBLAS_NUM_THREADS": "4",
    "OMP_NUM_THREADS": "4",
}
NARROWER = {  # a machine with less than ours
    "ATEN_CPU_CAPABILITY": "default",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "MKL_CBWR": "SSE4_2",
    "OPENBLAS_CORETYPE": "Nehalem",
    "OPENCV_IPP": "disabled",
    "NUMBA_CPU_NAME": "nehalem",
    "NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3",
}
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}

CHOSEN = """
from tast import instruction_set
instruction_set.choose("avx2")
"""
DIGEST = """
import hashlib, sys
def show(name, *arrays):
    print(name, hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest())
"""
PROGRAM = """
from dataclasses import replace
from pathlib import Path
from flows.stages.train import compute_reproducibly
import numpy as np
from tast.datasets.phantom_set import plan_phantom
from tast.datasets.readers import read_dataset
from tast.params import load_params
from tast.preprocessing.magnify import magnify
from tast.preprocessing.pipeline import settings_of
from tast.preprocessing.steps import preprocess_video
from tast.records import FaceVideo
from tast.training.checkpoint import weights_digest
from tast.training.loop import fit
from tests.training.synthetic import write_store
from tests.training.tiny import SETTINGS, halves, scaling_of, tiny_net

params, folder = load_params(), Path(sys.argv[1])
random = np.random.default_rng(0)
face = FaceVideo("noise", random.integers(0, 256, (90, 32, 32, 3), dtype=np.uint8), np.arange(90) / 30, np.ones(90))
for name in ("butterworth", "ideal", "iir"):
    show(f"magnified by {name}", magnify(face, **params.preprocess.magnify.model_dump() | {"filter": name}).frames)

few = {"subjects": 1, "seconds": 3, "fps_hz": 20, "scenarios": ["steady"]}
planned = plan_phantom(**params.download.phantom.model_dump() | few)
planned.write_sessions(planned.sessions, folder)
planned.write_lists(folder)
for file in sorted(folder.rglob("*")):
    if file.is_file():
        show(f"rendered {file.name}", np.frombuffer(file.read_bytes(), np.uint8))
(record,), _ = read_dataset("csv", folder, spo2_range_percent=(50, 100))
(face,) = preprocess_video(record.record_id, record.video, settings_of(params.preprocess.model_dump())).faces
show("preprocessed", face.frames, face.times_s, np.array(face.quality))

compute_reproducibly(0, 2)
train, val = halves(write_store(folder / "store", seed=0, subjects=3, clips=4), "s02")
net = tiny_net()
fit(net, train, val, replace(SETTINGS, epochs=2), scaling=scaling_of(train), checkpoint_folder=folder)
print("trained", weights_digest(net))
"""


def computed(folder: Path, environment: Mapping[str, str], *, cores: str = "") -> list[str]:
    """What PROGRAM prints, AVX2 chosen; `cores`: the only ones it may use, where given."""
    outside = {name: value for name, value in os.environ.items() if name not in instruction_set.SWITCHES}
    outside.pop(instruction_set.CHOSEN, None)
    folder.mkdir()
    done = subprocess.run(
        [*(["taskset", "-c", cores] if cores else []), sys.executable, "-c", CHOSEN + DIGEST + PROGRAM, str(folder)],
        cwd=PROJECT, env=outside | {"PYTHONPATH": str(PROJECT)} | dict(environment), capture_output=True, text=True, timeout=200,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_what_the_machine_offers_changes_no_byte(tmp_path: Path) -> None:
    here = computed(tmp_path / "here", {})
    assert {line.split()[0] for line in here} == {"magnified", "rendered", "preprocessed", "trained"}
    assert any(line.startswith("rendered video.") for line in here), "a person in a world, and the world's coding"
    assert computed(tmp_path / "wider", WIDER) == here
    assert computed(tmp_path / "narrower", NARROWER | ONE_THREAD, cores="0") == here


def test_every_library_obeys() -> None:
    program = """
import cv2, numba, torch
from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__
from threadpoolctl import threadpool_info
print([name for name in __cpu_dispatch__ if __cpu_features__[name] and name.startswith("AVX512")])
print(torch.backends.cpu.get_cpu_capability(), numba.config.CPU_NAME, cv2.getCPUFeaturesLine().count("*AVX512-SKX?"))
print({pool["architecture"] for pool in threadpool_info() if pool["internal_api"] == "openblas"})
print(instruction_set.in_force())
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", CHOSEN + program], env=os.environ | WIDER | {"PYTHONPATH": str(PROJECT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.stdout.splitlines(), done.stderr) == (["[]", "AVX2 haswell 1", "{'Haswell'}", "avx2"], "")


def test_the_flows_choose_what_params_say_over_the_environment(tmp_path: Path) -> None:
    show = [sys.executable, "-c", "import flows, os; from tast import instruction_set as i; print(i.in_force(), os.environ)"]
    params = tmp_path / "params.yaml"
    shown = {}
    for name in ("avx2", "native"):
        params.write_text(f"compute: {{instruction_set: {name}}}\n")
        environment = os.environ | WIDER | {"PYTHONPATH": str(PROJECT)}
        environment.pop(instruction_set.CHOSEN, None)
        shown[name] = subprocess.run(show, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout
    assert shown["avx2"].startswith("avx2 ") and "'MKL_CBWR': 'COMPATIBLE'" in shown["avx2"]
    assert shown["native"].startswith("native ") and "'MKL_CBWR': 'AVX512'" in shown["native"]


def test_native_undoes_an_earlier_choice_and_tells_machines_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", dict(os.environ))
    monkeypatch.setattr(instruction_set, "SWITCHED", ())
    instruction_set.choose("avx2")
    assert instruction_set.in_force() == "avx2"
    instruction_set.choose("native")
    assert not set(os.environ) & set(instruction_set.SWITCHES)
    plain = instruction_set.in_force()
    os.environ["ATEN_CPU_CAPABILITY"] = "default"
    assert plain.startswith("native ") and instruction_set.in_force() != plain


def test_a_choice_after_the_libraries_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {"PATH": os.environ["PATH"]})
    monkeypatch.setattr(instruction_set, "_too_late", False)
    instruction_set.choose("avx2")  # numpy is there: pytest's own
    assert instruction_set.in_force().startswith("native ")
    with pytest.raises(TastError, match="imported before"):
        instruction_set.require("avx2")


def test_a_processor_without_avx2_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "cpuinfo"
    old.write_text("processor\t: 0\nflags\t\t: fpu sse2 avx\n")
    assert not instruction_set.processor_has_avx2(old)
    monkeypatch.setattr(instruction_set, "processor_has_avx2", lambda: False)
    with pytest.raises(
        TastError, match=r"^compute.instruction_set = 'avx2': this processor \(.*\) lacks AVX2 or FMA; expected 'nat"
    ):
        instruction_set.require("avx2")
    assert instruction_set.wanted(tmp_path / "params.yaml") == "native"
