"""Everything that the next step depends on, as one file: what is saved, and put back so that resuming equals never stopping.

    state.safetensors            networks, optimisers, averages, memories, random state: rank 0's, which is all of it on one device
    memory-RANK-STEP.safetensors what differs on each further process: its memory (a pool of pictures) and its random state

A batch and a learning rate are functions of the step, so neither is part of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor
from torch.optim import Optimizer

from runtime.errors import CheckpointError
from training.checkpoint import read_tensors, write_tensors
from training.loop.devices import first_does, scaler_of
from training.recipes.recipe import System

STATE = "state.safetensors"


@dataclass
class TrainingState:
    """The living training. `step` is how many steps were done."""

    fabric: Fabric
    system: System
    average: dict[str, Tensor]
    step: int = 0
    best: dict[str, float] = field(default_factory=dict)  # "psnr" and "step" of the best validation so far

    def save(self, folder: Path, settings: dict[str, object]) -> None:
        rank, others = self.fabric.global_rank, self.fabric.world_size > 1
        own = dict(self._own_tensors())
        if rank:
            write_tensors(_memory(folder, rank, self.step), own, {"step": self.step})
        if others:
            self.fabric.barrier()
        first_does(self.fabric, lambda: self._write(folder, settings, own))

    def _write(self, folder: Path, settings: dict[str, object], own: dict[str, Tensor]) -> None:
        facts = {"step": self.step, "settings": settings, "best": self.best, "scaler": self._scaler_facts()}
        # Last: a crash before this line only means that these steps are trained again.
        write_tensors(folder / STATE, dict(self._shared_tensors()) | own, facts)
        _forget_memories(folder, except_step=self.step)

    def restore(self, folder: Path, settings: dict[str, object]) -> None:
        """From the folder's state; nothing happens where it has none."""
        path = folder / STATE
        if not path.exists():
            return
        tensors, facts = read_tensors(path)
        if "settings" not in facts:
            raise CheckpointError(f"{path}: expected the state of a training, got something else; name another folder with --out")
        was = facts["settings"]
        if other := [name for name, value in settings.items() if was.get(name) != value]:
            both = f"expected {other[0]} {was.get(other[0])}, got {settings[other[0]]}"
            raise CheckpointError(f"{path}: to resume, {both}; ask for the same, or name another folder with --out")
        try:
            self._put_back(tensors, facts, folder)
        except (KeyError, IndexError, RuntimeError, TypeError, ValueError) as error:
            detail = " ".join(str(error).split())
            raise CheckpointError(f"{path}: the state does not fit this training ({detail}); name another folder with --out") from error

    def _put_back(self, tensors: dict[str, Tensor], facts: dict[str, Any], folder: Path) -> None:
        self.step, self.best = int(facts["step"]), dict(facts["best"])
        for key, network in self.system.networks.items():
            network.load_state_dict(_under(tensors, f"network.{key}."))
        for key, optimiser in self.system.optimisers.items():
            _restore_optimiser(optimiser, _under(tensors, f"optimiser.{key}."))
        average = _under(tensors, "average.")
        for name, value in self.average.items():
            value.copy_(average[name])
        rank = self.fabric.global_rank
        own = read_tensors(_memory(folder, rank, self.step))[0] if rank else tensors
        memory = _under(own, "memory.")
        for name, value in self.system.memory.items():
            value.copy_(memory[name])
        torch.set_rng_state(own["random"])
        if "random.cuda" in own and self.fabric.device.type == "cuda":
            torch.cuda.set_rng_state(own["random.cuda"], self.fabric.device)
        if scaler := scaler_of(self.fabric):
            scaler.load_state_dict(facts["scaler"])

    def _shared_tensors(self) -> Iterator[tuple[str, Tensor]]:
        yield from ((f"average.{name}", value) for name, value in self.average.items())
        for key, network in self.system.networks.items():
            yield from ((f"network.{key}.{name}", value) for name, value in network.state_dict().items())
        for key, optimiser in self.system.optimisers.items():
            for index, values in optimiser.state_dict()["state"].items():
                yield from ((f"optimiser.{key}.{index}.{name}", value) for name, value in values.items())

    def _own_tensors(self) -> Iterator[tuple[str, Tensor]]:
        yield from ((f"memory.{name}", value) for name, value in self.system.memory.items())
        yield "random", torch.get_rng_state()
        if self.fabric.device.type == "cuda":
            yield "random.cuda", torch.cuda.get_rng_state(self.fabric.device)

    def _scaler_facts(self) -> dict[str, Any]:
        scaler = scaler_of(self.fabric)
        return {} if scaler is None else scaler.state_dict()


def _memory(folder: Path, rank: int, step: int) -> Path:
    return folder / f"memory-{rank}-{step}.safetensors"


def _forget_memories(folder: Path, except_step: int) -> None:
    for path in folder.glob("memory-*.safetensors"):
        if not path.stem.endswith(f"-{except_step}"):
            path.unlink()


def _restore_optimiser(optimiser: Optimizer, tensors: dict[str, Tensor]) -> None:
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        index, field_name = name.split(".")
        parameter = parameters[int(index)]
        # Fused optimisers walk raw memory, so a moment must lie as its parameter does: channels-last, not as files keep it.
        like = torch.empty_like(parameter).copy_(value) if value.shape == parameter.shape else value
        state.setdefault(int(index), {})[field_name] = like
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
