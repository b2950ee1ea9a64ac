"""The state of a training: all of it comes back where it was, and what is no state of this training is refused in one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import pytest
import torch
from lightning_fabric import Fabric
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from runtime.errors import CheckpointError
from training.checkpoint import read_tensors, write_tensors
from training.data.batches import Batch
from training.loop.devices import Device, scaler_of, set_up_devices
from training.loop.state import STATE, TrainingState
from training.recipes.recipe import Losses, descend

SETTINGS: dict[str, object] = {"recipe": "toy", "steps": 10}


class Toy:
    """Two networks with two kinds of optimiser, and a memory."""

    def __init__(self, fabric: Fabric) -> None:
        torch.manual_seed(1)
        networks = {"generator": nn.Conv2d(3, 3, 3, padding=1), "judge": nn.Conv2d(3, 1, 3)}
        self.networks: Mapping[str, nn.Module] = {
            name: network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            for name, network in networks.items()
        }
        self.optimisers: Mapping[str, Optimizer] = {
            "generator": torch.optim.AdamW(self.networks["generator"].parameters(), lr=0.1, fused=True),
            "judge": torch.optim.SGD(self.networks["judge"].parameters(), lr=0.1, momentum=0.9),
        }
        self.memory: Mapping[str, Tensor] = {"pool": torch.zeros(4)}
        self._fabric = fabric
        self._wrapped = {name: fabric.setup(network, self.optimisers[name])[0] for name, network in self.networks.items()}

    def step(self, batches: Sequence[Batch]) -> dict[str, Tensor]:
        self.memory["pool"].copy_(torch.rand(4))
        for name, wrapped in self._wrapped.items():
            descend(self._fabric, wrapped, self.optimisers[name], batches, partial(_losses, wrapped))
        return {}


def _losses(network: nn.Module, batch: Batch) -> Losses:
    return network(batch.clean).square().mean(), {}


def _state(precision: str = "32-true") -> TrainingState:
    fabric = set_up_devices(Device(precision))
    system = Toy(fabric)
    return TrainingState(fabric, system, {name: value.clone() for name, value in system.networks["generator"].state_dict().items()})


def _stepped(state: TrainingState, count: int) -> TrainingState:
    for _ in range(count):
        picture = torch.rand(1, 3, 8, 8)  # out of the global generator, whose state must come back too
        state.system.step([Batch(picture, picture)])
        for name, value in state.average.items():
            value.lerp_(state.system.networks["generator"].state_dict()[name], 0.5)
        state.step += 1
    return state


@pytest.mark.parametrize("precision", ["32-true", "16-mixed"])
def test_everything_that_the_next_step_depends_on_comes_back(precision: str, tmp_path: Path) -> None:
    first = _stepped(_state(precision), 3)
    first.best = {"step": 2, "psnr": 31.5}
    first.save(tmp_path, SETTINGS)
    _stepped(first, 2)
    second = _state(precision)
    torch.manual_seed(77)
    second.restore(tmp_path, SETTINGS)
    assert (second.step, second.best) == (3, {"step": 2, "psnr": 31.5})
    _stepped(second, 2)
    for name, network in first.system.networks.items():
        for key, value in network.state_dict().items():
            assert torch.equal(value, second.system.networks[name].state_dict()[key]), f"{name}.{key}"
    assert torch.equal(first.system.memory["pool"], second.system.memory["pool"])
    assert all(torch.equal(value, second.average[key]) for key, value in first.average.items())
    scalers = [scaler.state_dict() for state in (first, second) if (scaler := scaler_of(state.fabric))]
    assert len(scalers) == (2 if precision == "16-mixed" else 0)
    assert scalers[:1] == scalers[1:]


def test_moments_lie_in_memory_as_their_parameters_do(tmp_path: Path) -> None:
    """Fused optimisers walk raw memory: a moment that lies otherwise belongs to other weights."""
    _stepped(_state(), 1).save(tmp_path, SETTINGS)
    second = _state()
    second.restore(tmp_path, SETTINGS)
    optimiser = second.system.optimisers["generator"]
    for parameter in optimiser.param_groups[0]["params"]:
        assert optimiser.state[parameter]["exp_avg"].stride() == parameter.stride()


def test_no_state_is_a_fresh_start(tmp_path: Path) -> None:
    state = _state()
    state.restore(tmp_path, SETTINGS)
    assert (state.step, state.best) == (0, {})


def test_what_is_no_state_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / STATE
    write_tensors(path, {"weight": torch.zeros(1)}, {"network": "fdrnet"})  # a model that was given the state's name
    with pytest.raises(CheckpointError, match="expected the state of a training"):
        _state().restore(tmp_path, SETTINGS)
    save_file({"weight": torch.zeros(1)}, path)
    with pytest.raises(CheckpointError, match="without a Clearway header"):
        _state().restore(tmp_path, SETTINGS)
    torch.save({"weight": torch.zeros(1)}, path)
    with pytest.raises(CheckpointError, match="a pickle, which can run code"):
        _state().restore(tmp_path, SETTINGS)


@pytest.mark.parametrize("lost", ["network.judge.weight", "average.bias", "memory.pool", "random"])
def test_a_state_that_lost_something_is_refused_in_one_line(lost: str, tmp_path: Path) -> None:
    _stepped(_state(), 1).save(tmp_path, SETTINGS)
    tensors, facts = read_tensors(tmp_path / STATE)
    write_tensors(tmp_path / STATE, {name: value for name, value in tensors.items() if name != lost}, facts)
    with pytest.raises(CheckpointError, match="does not fit this training") as caught:
        _state().restore(tmp_path, SETTINGS)
    assert "\n" not in str(caught.value)
    assert "--out" in str(caught.value)
