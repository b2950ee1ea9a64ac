"""Owns which devices a training runs on and in which precision; knows nothing of what is trained.

One process a device. `--devices 4` starts the other three by itself; on several machines torchrun starts them all:

    torchrun --nnodes 2 --nproc-per-node 4 --rdzv-backend c10d --rdzv-endpoint HOST:29500 -m clearway train RECIPE --data DIR -o RUN
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass

import torch
from lightning_fabric import Fabric

from runtime.errors import UsageError

PRECISIONS = ("bf16-mixed", "16-mixed", "32-true")


@dataclass(frozen=True)
class Device:
    precision: str = "bf16-mixed"
    count: int = 1  # processes on this machine; torchrun's own number counts where it started them


def set_up_devices(device: Device) -> Fabric:
    """Launched: from here on each process is one device of them."""
    cuda = torch.cuda.is_available()
    if device.precision == "16-mixed" and not cuda:
        raise UsageError("--precision 16-mixed needs an NVIDIA GPU and there is none; use bf16-mixed or 32-true")
    if cuda and device.count > torch.cuda.device_count():
        raise UsageError(f"--devices {device.count} came, this machine has {torch.cuda.device_count()} GPUs; ask for as many or fewer")
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it tells what it was asked for
    count, machines = _by_torchrun() or (device.count, 1)
    many = count * machines > 1
    fabric = Fabric(
        accelerator="cuda" if cuda else "cpu",
        devices=count,
        num_nodes=machines,
        strategy="ddp" if many else "auto",
        precision=device.precision,  # type: ignore[arg-type]
    )
    fabric.launch()
    return fabric


def is_first_process() -> bool:
    """Known before anything is launched: who may speak and write."""
    return os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0")) == "0"


def _by_torchrun() -> tuple[int, int] | None:
    """(processes on this machine, machines), where torchrun started this one."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return None
    here, everywhere = int(os.environ["LOCAL_WORLD_SIZE"]), int(os.environ["WORLD_SIZE"])
    return here, everywhere // here
