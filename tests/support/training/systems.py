"""A system under training: what its weights are, that it learns a patch by heart, that two halves of a batch are the whole."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from training.data.batches import Batch
from training.recipes.recipe import Method, System

_S = TypeVar("_S", bound=System)


def fabric() -> Fabric:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Fabric proposes GPUs and numbers of workers
        return Fabric(accelerator="cpu", devices=1, precision="32-true")


def set_up(kind: type[_S], method: Method, network: nn.Module, rate: float) -> _S:
    """The same weights every time, but for those of `network`."""
    torch.manual_seed(0)
    system = method.set_up(fabric(), network, rate)
    assert isinstance(system, kind)
    return system


def weights(system: System) -> dict[str, Tensor]:
    return {f"{key}.{name}": value.clone() for key, net in system.networks.items() for name, value in net.state_dict().items()}


def halves(batch: Batch) -> list[Batch]:
    middle = len(batch.clean) // 2
    return [Batch(batch.degraded[at], batch.clean[at], batch.made[at]) for at in (slice(0, middle), slice(middle, None))]


def check_two_halves_make_the_whole(whole: System, parts: System, batch: Batch) -> None:
    """Both start from the same weights; the loss and the weights after one step are the same."""
    torch.testing.assert_close(parts.step(halves(batch)), whole.step([batch]))
    torch.testing.assert_close(weights(parts), weights(whole), atol=1e-4, rtol=1e-3)


def check_a_patch_is_learned_by_heart(system: System, patch: Batch, answers: Callable[[], Sequence[tuple[Tensor, Tensor]]]) -> None:
    """Within 200 steps each answer is 6 dB closer to its truth than the degraded picture is to the clean one."""
    before, after = _decibels(patch.degraded, patch.clean), [0.0]
    for step in range(200):
        system.step([patch])
        if step % 20 == 19:
            after = [_decibels(made, truth) for made, truth in answers()]
            if min(after) > before + 6:
                return
    raise AssertionError(f"{before:.1f} dB became {after} dB")


def _decibels(picture: Tensor, truth: Tensor) -> float:
    return float(-10 * torch.log10((picture - truth).detach().square().mean()))
