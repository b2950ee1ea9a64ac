"""Which devices a training runs on and in which precision. Does not know what is trained.

One process a device. `--devices 4` starts the other three by itself; on several machines torchrun starts them all:

    torchrun --nnodes 2 --nproc-per-node 4 --rdzv-backend c10d --rdzv-endpoint HOST:29500 -m clearway train RECIPE --data DIR -o RUN
"""

from __future__ import annotations

import atexit
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

import torch
import torch.distributed
from lightning_fabric import Fabric
from lightning_fabric.plugins.precision import MixedPrecision, Precision
from torch import Tensor
from torch.optim import Optimizer

from runtime.errors import ClearwayError, UsageError

PRECISIONS = ("bf16-mixed", "16-mixed", "32-true")

_T = TypeVar("_T")


@dataclass(frozen=True)
class Device:
    precision: str = "bf16-mixed"
    count: int = 1  # processes on this machine; torchrun's own number counts where it started them


def set_up_devices(device: Device) -> Fabric:
    """Launched: from here on each process is one device of them."""
    cuda = torch.cuda.is_available()
    if cuda and device.count > torch.cuda.device_count():
        raise UsageError(f"--devices: expected at most {torch.cuda.device_count()}, the GPUs here, got {device.count}; ask for fewer")
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it repeats its arguments
    count, machines = _by_torchrun() or (device.count, 1)
    fabric = Fabric(
        accelerator="cuda" if cuda else "cpu",
        devices=count,
        num_nodes=machines,
        strategy="ddp" if count * machines > 1 else "auto",
        plugins=[_precision(device.precision, "cuda" if cuda else "cpu")],
    )
    fabric.launch()
    if fabric.world_size > 1:
        # Gloo's threads, where they outlive the interpreter, abort the process ("terminate called without an active exception"): measured
        # here in three ends of ten, in none of sixteen since.
        atexit.unregister(_part)
        atexit.register(_part)
    return fabric


def _part() -> None:
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def is_first_process() -> bool:
    """Known before anything is launched: who may speak and write."""
    return os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0")) == "0"


def processes_here(asked_for: int) -> int:
    """Those that share this machine's cores and memory: what `--devices` says, where torchrun does not know better."""
    launched = _by_torchrun()
    return launched[0] if launched else asked_for


def wait_for(fabric: Fabric) -> None:
    """Until every device has done all that it was asked for."""
    if fabric.device.type == "cuda":
        torch.cuda.synchronize(fabric.device)
    fabric.barrier()


def scaler_of(fabric: Fabric) -> torch.amp.GradScaler | None:
    """FP16's; no other precision has one."""
    precision = fabric.strategy.precision
    return precision.scaler if isinstance(precision, MixedPrecision) else None


def gathered(fabric: Fabric, value: Tensor) -> list[Tensor]:
    """The tensor as each process has it; no gradients. (`fabric.all_gather` stands on a function that will go, and warns.)"""
    if fabric.world_size == 1:
        return [value]
    own = value.detach().to(fabric.device).contiguous()
    parts = [torch.empty_like(own) for _ in range(fabric.world_size)]
    torch.distributed.all_gather(parts, own)
    return parts


def first_does(fabric: Fabric, work: Callable[[], _T]) -> _T:
    """The first process does it while the others wait; all have its answer, or leave by its error."""
    answer: tuple[Any, ClearwayError | OSError | None] = (None, None)
    if fabric.is_global_zero:
        try:
            answer = work(), None
        except (ClearwayError, OSError) as error:  # a full disk
            answer = None, error
    result, wrong = fabric.broadcast(answer) if fabric.world_size > 1 else answer
    if wrong is not None:
        leave_together(fabric, wrong, wrong.exit_code if isinstance(wrong, ClearwayError) else 1)
    return result  # type: ignore[no-any-return]


def leave_together(fabric: Fabric, reason: BaseException, code: int) -> NoReturn:
    """All processes have come to the same end: the first one says it, the others go in silence."""
    if fabric.is_global_zero:
        raise reason
    # Fabric's launcher kills everything, the first process and what it still says included, once a child ends with an error.
    raise SystemExit(code if _by_torchrun() else 0)


def _by_torchrun() -> tuple[int, int] | None:
    """(processes on this machine, machines), where torchrun started this one."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return None
    here, everywhere = int(os.environ["LOCAL_WORLD_SIZE"]), int(os.environ["WORLD_SIZE"])
    return here, everywhere // here


def _precision(name: str, device: str) -> Precision:
    return Precision() if name == "32-true" else _MixedPrecision(name, device)  # type: ignore[arg-type]


class _MixedPrecision(MixedPrecision):
    """Fabric refuses to clip gradients that a fused optimiser would unscale by itself; PyTorch's scaler knows that they are unscaled
    already. Made here and not by its name, because by name Fabric turns FP16 on a CPU into bf16: it works there, scaler and all."""

    def unscale_gradients(self, optimizer: Optimizer) -> None:
        if self.scaler is not None:
            self.scaler.unscale_(optimizer)
