"""The losses between two reports: their means, and the first that is not finite. Knows no network.

Losses stay on their device until they are asked for: looking at each step would make the device wait for the host. A loss that broke is
therefore found at the next report, and its batch, which is a function of (seed, step, place), is drawn again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from lightning_fabric import Fabric
from torch import Tensor

from training.loop.devices import gathered, scaler_of


@dataclass(frozen=True)
class NonFiniteLoss:
    step: int
    process: int  # whose batch it was
    name: str
    value: float


class LossWindow:
    """All processes add, and ask, at the same steps; they get the same answers."""

    def __init__(self, fabric: Fabric) -> None:
        self._fabric = fabric
        # FP16's scaler tries scales until gradients overflow, and leaves those steps out: no cause for alarm.
        self._scaled = scaler_of(fabric) is not None
        self._waiting: list[tuple[int, Mapping[str, Tensor]]] = []
        self._seen: dict[str, list[float]] = {}
        self._broken: NonFiniteLoss | None = None

    def add(self, step: int, losses: Mapping[str, Tensor]) -> None:
        self._waiting.append((step, losses))

    def first_broken(self) -> NonFiniteLoss | None:
        self._fetch()
        return self._broken

    def take(self) -> dict[str, float]:
        """Means over the steps since the last time, and over processes; a loss that not every step has, over those that have it."""
        self._fetch()
        seen, self._seen = self._seen, {}
        return {name: math.fsum(values) / len(values) if values else math.nan for name, values in seen.items()}

    def _fetch(self) -> None:
        places = [(step, name) for step, losses in self._waiting for name in losses]
        if not places:
            return
        flat = torch.stack([loss.detach().float().reshape(()) for _, losses in self._waiting for loss in losses.values()])
        self._waiting = []
        table = [row.tolist() for row in gathered(self._fabric, flat)]
        for column, (step, name) in enumerate(places):
            values = self._seen.setdefault(name, [])
            for process, row in enumerate(table):
                if math.isfinite(row[column]):
                    values.append(row[column])
                elif self._broken is None and not (self._scaled and "gradient" in name):
                    self._broken = NonFiniteLoss(step, process, name, row[column])
