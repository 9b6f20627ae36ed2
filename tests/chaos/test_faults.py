"""The short form of `make chaos`: a few faults of each kind, at moments and places of a fixed seed, in one workspace."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.outcome import Outcome, Tries
from tests.chaos.rooms.disks import limited
from tests.chaos.rooms.integrity import KINDS, damaged
from tests.chaos.rooms.kills import killed_stage
from tests.chaos.rooms.power import cut
from tests.chaos.rooms.stores import two_stages
from tests.chaos.workspace import OUTPUTS, STAGES, Host, digests, finished, host_in, made, named

pytestmark = pytest.mark.end_to_end


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Host, dict[str, float]]]:
    folder = made(tmp_path_factory.mktemp("chaos") / "project")
    with host_in(folder) as host:
        yield host, finished(host)


@pytest.fixture
def tries(tmp_path: Path) -> Tries:
    return Tries(tmp_path, time.monotonic() + 300, random.Random(1), share=0.1)


def as_promised(outcome: Outcome) -> None:
    assert outcome.as_promised, outcome


@pytest.mark.parametrize("stage", ["split", "train"])
def test_a_stage_that_is_killed(ready: tuple[Host, dict[str, float]], tries: Tries, stage: str) -> None:
    host, took_s = ready
    as_promised(killed_stage(host, stage, tries, took_s[stage], digests(host.folder, OUTPUTS[stage])))


@pytest.mark.parametrize("behind", [True, False])
def test_the_power_goes(ready: tuple[Host, dict[str, float]], tries: Tries, behind: bool) -> None:
    host, _ = ready
    for stage in ("split", "train"):
        as_promised(cut(host, stage, tries, digests(host.folder, OUTPUTS[stage]), behind=behind))


@pytest.mark.parametrize("name", ["clips", "manifest", "split", "weights", "model card"])
def test_a_turned_bit(ready: tuple[Host, dict[str, float]], tries: Tries, name: str) -> None:
    (kind,) = (one for one in KINDS if one.name == name)
    as_promised(damaged(ready[0], kind, tries))


def test_files_may_not_grow(ready: tuple[Host, dict[str, float]], tries: Tries) -> None:
    as_promised(limited(ready[0], tries, ("split", "train")))


def test_a_stage_beside_another_one(ready: tuple[Host, dict[str, float]]) -> None:
    as_promised(two_stages(ready[0]))


def test_a_kill_leaves_files_that_have_no_name_yet_and_they_are_none(tmp_path: Path) -> None:
    (tmp_path / "models/.tast_net.17.part").mkdir(parents=True)
    for name in ("model.safetensors", ".model.safetensors.17.part", ".tast_net.17.part/model.safetensors"):
        (tmp_path / "models" / name).write_bytes(b"half")
    assert list(named(tmp_path, ["models"], {})) == ["models/model.safetensors"]


def test_every_stage_is_tried_by_every_room() -> None:
    assert tuple(OUTPUTS) == STAGES
