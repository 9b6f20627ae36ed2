"""Where and how a training computes: one CPU or GPU, or several processes that behave as one would.

Several processes share every batch. What a clip's fellows in the batch bear on is therefore summed over the processes: the
statistics of BatchNorm and the loss, whose correlation runs over the whole batch. Gradients are summed on the way back too; each
process's is then the number of processes times its part of the true one, and the mean that DistributedDataParallel takes over
the processes is the gradient that one process would have found.
"""

from __future__ import annotations

import copy
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from tast import instruction_set
from tast.errors import TastError

if TYPE_CHECKING:
    from lightning.fabric import Fabric

PRECISIONS = {"fp32": "32-true", "bf16": "bf16-mixed"}
AUTO = "auto"  # of train.precision and train.compile: as the machine has it (the table in docs/training.md)
BF16_OF_CPUS = ("avx512_bf16", "amx_bf16", "bf16")


def fabric_for(*, accelerator: str, precision: str, processes: int = 1, nodes: int = 1) -> Fabric:
    """`accelerator`: cpu or cuda. `precision`: a key of PRECISIONS. `processes` per node: more than one (or more than one
    node) train as one; they are started by torchrun, and call `fabric.launch()` first. Raises TastError where there are
    fewer GPUs, or the CPU has no bf16."""
    if accelerator == "cpu" and precision == "bf16" and not cpu_has_bf16():
        able = torch.cpu.get_capabilities()
        switched_off = any(able.get(name) for name in BF16_OF_CPUS)
        who = f"compute.instruction_set: {instruction_set.AVX2}" if switched_off else "this CPU"
        or_else = f", or compute.instruction_set: {instruction_set.NATIVE}" if switched_off else ""
        raise TastError(
            f"{who} computes bf16 by emulation, 6 to 20 times slower than fp32; expected train.precision: fp32{or_else}"
        )
    if accelerator == "cuda" and (there := torch.cuda.device_count()) < processes:
        raise TastError(f"train.accelerator: cuda, and torch sees {there} GPUs of {processes}; expected cpu, or a torch for CUDA")
    from lightning.fabric import Fabric  # half of the time to import a stage, and who only predicts needs none

    several = processes * nodes > 1
    return Fabric(
        accelerator=accelerator, devices=processes, num_nodes=nodes, strategy="ddp" if several else "auto",
        precision=PRECISIONS[precision],
    )  # fmt: skip


def compute_reproducibly(seed: int, threads: int) -> None:
    """The same weights to the last bit on the same machine: the order of sums depends on the number of threads."""
    torch.set_num_threads(threads)
    torch.set_deterministic_debug_mode("error")  # as use_deterministic_algorithms(True), less its import of torch's compiler
    torch.manual_seed(seed)


def precision_of(wanted: str, accelerator: str) -> str:
    """A key of PRECISIONS: the one wanted; of AUTO bf16 where matrix units are made for it (a GPU's, AMX), else fp32."""
    if wanted != AUTO:
        return wanted
    there = gpu_has_bf16() if accelerator == "cuda" else cpu_has_bf16("amx_bf16")
    return "bf16" if there else "fp32"


def compiles(wanted: bool | str, accelerator: str) -> bool:
    """Whether to train by torch.compile: as wanted; of AUTO on a GPU for which there is Triton. On CPUs it gains nothing."""
    if wanted != AUTO:
        return bool(wanted)
    return accelerator == "cuda" and gpu_has_bf16() and find_spec("triton") is not None


def gpu_has_bf16() -> bool:
    """A GPU of compute capability 8 or more (NVIDIA's Ampere); older ones emulate bf16, and Triton leaves them out one by one."""
    return torch.cuda.is_available() and torch.cuda.get_device_capability()[0] >= 8


def cpu_has_bf16(*units: str) -> bool:
    """In hardware, by one of `units` (default: any of BF16_OF_CPUS), and of use to this process: avx2 leaves them all alone."""
    able = torch.cpu.get_capabilities()
    return instruction_set.in_force() != instruction_set.AVX2 and any(able.get(name) for name in units or BF16_OF_CPUS)


def described(fabric: Fabric) -> dict[str, str | int]:
    """What of it bears on the last bits of the weights."""
    gpu = fabric.device.type == "cuda"
    return {
        "device": f"{torch.cuda.get_device_name(fabric.device)}, CUDA {torch.version.cuda}" if gpu else fabric.device.type,
        "precision": str(fabric.strategy.precision.precision),
        "processes": fabric.world_size,
    }


def use_channels_last(model: nn.Module) -> None:
    """Lay out 3D convolutions with channels innermost, which is faster on CPUs and on a GPU's tensor cores; no value changes."""
    for module in model.modules():
        if isinstance(module, nn.Conv3d):
            module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last_3d)


def for_processes(model: nn.Module, fabric: Fabric) -> nn.Module:
    """The model itself where one process trains it, else a copy whose BatchNorms see the batches of all processes."""
    if fabric.world_size == 1:
        return model
    if fabric.device.type == "cuda":
        return nn.SyncBatchNorm.convert_sync_batchnorm(copy.deepcopy(model))
    return _with_synced_batch_norm(copy.deepcopy(model))


def _with_synced_batch_norm(model: nn.Module) -> nn.Module:
    """torch's SyncBatchNorm knows GPUs only."""
    for name, child in model.named_children():
        if isinstance(child, _BatchNorm):
            synced = SyncedBatchNorm(child.num_features, eps=child.eps, momentum=child.momentum)
            synced.load_state_dict(child.state_dict())
            setattr(model, name, synced)
        else:
            _with_synced_batch_norm(child)
    return model


class _SumOverProcesses(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, own: Tensor) -> Tensor:
        total = own.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return _SumOverProcesses.forward(ctx, gradient)


def sum_over_processes(own: Tensor) -> Tensor:
    """The sum over all processes, in each of them; the gradient of a process's own part is the sum of what all ask for."""
    total: Tensor = _SumOverProcesses.apply(own)
    return total


class SyncedBatchNorm(_BatchNorm):
    """BatchNorm of (B, C, ...) whose B clips, in training, are those of all processes; same state as torch's."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        count = x.numel() // x.shape[1]
        others = (0, *range(2, x.ndim))
        sums = torch.cat((x.float().sum(dim=others), x.new_tensor([count], dtype=torch.float32)))
        total, n = sum_over_processes(sums).split([x.shape[1], 1])
        mean = _along_channels(total / n, x.ndim)
        centred = x.float() - mean
        variance = sum_over_processes(centred.square().sum(dim=others)) / n
        self._remember(mean.detach().flatten(), variance.detach() * (n / (n - 1)).detach())
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return (centred * _along_channels(scale, x.ndim) + _along_channels(self.bias, x.ndim)).to(x.dtype)

    def _check_input_dim(self, input: Tensor) -> None:
        """torch's hook: (B, C) and more."""
        if input.ndim < 2:
            raise ValueError(f"expected (B, C, ...), not {tuple(input.shape)}")

    @torch.no_grad()
    def _remember(self, mean: Tensor, unbiased_variance: Tensor) -> None:
        """The running statistics that evaluation uses, as BatchNorm keeps them."""
        assert self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None
        assert self.momentum is not None
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(unbiased_variance, self.momentum)


def _along_channels(values: Tensor, dimensions: int) -> Tensor:
    return values.reshape(1, -1, *[1] * (dimensions - 2))


def from_all_processes(own: Tensor, place: slice, n_rows: int, fabric: Fabric) -> Tensor:
    """Own rows (b, S), which belong at `place` among n_rows, and those of the others -> all (n_rows, S), in every process."""
    if fabric.world_size == 1:
        return own
    whole = own.new_zeros(n_rows, *own.shape[1:])
    whole[place] = own
    return sum_over_processes(whole)
