"""The benchmark of networks: what is counted, and what is left out where a peer is absent."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.models import (
    ATTENTION_ON_CPUS,
    OURS,
    PEERS,
    PHYSFORMER,
    VIVIT,
    VIVIT_OF_OUR_SIZE,
    Measured,
    found,
    gemm_flops_per_s,
    rows_of,
    step,
)


def test_bars_stand_on_the_rows_against_physformer() -> None:
    ours, theirs = Measured(3.24, 5.0, 40.0, 0.8), Measured(7.38, 0.5, 600.0, 0.5)
    rows = {row.name: row for row in rows_of({OURS: ours, PHYSFORMER: theirs})}
    speed = rows[f"clips per CPU s against {PHYSFORMER}"]
    assert (speed.ratio, speed.better, speed.must, speed.aim) == (pytest.approx(10.0), "higher", 7.0, None)
    memory = rows[f"memory of a clip against {PHYSFORMER}"]
    assert (memory.ratio, memory.better, memory.must, memory.aim) == (pytest.approx(1 / 15), "lower", 1 / 3, 1 / 6)
    assert rows[f"{OURS}: share of the machine's gemm peak"].must == 0.65


def test_a_folder_is_told_by_the_file_it_holds_and_an_absent_peer_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    installed, unrelated = tmp_path / "installed", tmp_path / "unrelated"
    (installed / PEERS[VIVIT].file).parent.mkdir(parents=True)
    (installed / PEERS[VIVIT].file).touch()
    assert found([unrelated, installed]) == {VIVIT: installed, VIVIT_OF_OUR_SIZE: installed}
    output = capsys.readouterr().out
    assert "without PhysFormer: a checkout of rPPG-Toolbox was not given" in output
    assert VIVIT not in output


def test_fused_attention_is_counted() -> None:
    queries = torch.randn(2, 3, 16, 8, requires_grad=True)  # batch, heads, tokens, width
    with FlopCounterMode(display=False, custom_mapping=ATTENTION_ON_CPUS) as counter:
        mixed = nn.functional.scaled_dot_product_attention(queries, queries, queries)
        forward = counter.get_total_flops()
        mixed.sum().backward()
    one_product = 2 * 2 * 3 * 16 * 16 * 8
    assert forward == 2 * one_product
    assert counter.get_total_flops() == (2 + 5) * one_product  # four on the way back, and the scores once more


def test_a_step_leaves_no_gradient_behind_and_takes_models_with_several_outputs() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(1))

        def forward(self, video: torch.Tensor) -> tuple[torch.Tensor, None]:
            return self.weight * video, None

    model = Two()
    step(model, torch.ones(2, 3, 1, 1, 1))
    assert model.weight.grad is None


def test_a_machine_does_more_than_a_billion_operations_a_second() -> None:
    assert 1e9 < gemm_flops_per_s() < 1e13
