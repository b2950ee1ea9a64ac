"""The physics operators: what a restored picture looks like in the weather that its degraded picture was taken in. Knows no network.

    blur             k ⊗ x                 the kernel that made the patch, borders mirrored as the degradation mirrors them
    haze             x·t + A·(1 − t)       the transmission and the airlight that made it
    rain             x + (y − clean)       the added layer, veil and clipping included; so it is known for pairs as well
    low-resolution   up(down(x))           bicubic by the scale that made it, and back to its own size, as the network sees it

Each is differentiable in x and takes float32 [N, 3, H, W] RGB; `Batch.made` says how each patch was made, in numpy and BGR.
Nothing is clipped or rounded: a gradient would end there. Noise and compression are no part of the physics.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from runtime.errors import DataError, UsageError
from training.data.batches import Batch
from training.degradations.degradation import Degraded, Light
from training.degradations.sensor.low_resolution import resampling
from training.networks import LEVELS

_LIGHT = 255 / LEVELS  # degradations call white 1, networks call the level 255 so


def degrade_again(physics: str, restored: Tensor, batch: Batch) -> Tensor:
    """ỹ = H(x) with the parameters that made each patch of the batch."""
    if physics not in PHYSICS:
        raise UsageError(f"no physics is called {physics!r}; there are: {', '.join(PHYSICS)}")
    return torch.cat([PHYSICS[physics](restored[i : i + 1], batch, i) for i in range(len(restored))])


def blurred(x: Tensor, batch: Batch, i: int) -> Tensor:
    for kernel in _all(batch, i, "kernel", "blur"):  # a lens out of focus in a hand that shakes: one after the other
        weights = torch.from_numpy(np.ascontiguousarray(kernel, np.float32)).to(x)[None, None]
        rows, columns = (_mirrored(side, reach, x) for side, reach in zip(x.shape[2:], kernel.shape, strict=True))
        around = x.index_select(2, rows).index_select(3, columns)
        x = F.conv2d(around.transpose(0, 1), weights).transpose(0, 1)  # colours as a batch: one kernel for all three
    return x


def _mirrored(side: int, reach: int, like: Tensor) -> Tensor:
    """Which row stands in each place that a kernel of that many taps reaches: OpenCV's border 101, over and over where need be."""
    place = torch.arange(-(reach // 2), side + (reach - 1) - reach // 2, device=like.device)
    return side - 1 - (place.remainder(max(2 * side - 2, 1)) - (side - 1)).abs()


def hazed(x: Tensor, batch: Batch, i: int) -> Tensor:
    transmission, airlight = _found(batch, i, "transmission", "haze"), _found(batch, i, "airlight", "haze")
    if transmission is None or airlight is None:
        return x
    t = torch.from_numpy(np.ascontiguousarray(transmission, np.float32)).to(x)
    return x * t + _colours(np.broadcast_to(airlight, (*t.shape, 3)), x) * (1 - t)


def rained(x: Tensor, batch: Batch, i: int) -> Tensor:
    return x + (batch.degraded[i] - batch.clean[i])


def coarsened(x: Tensor, batch: Batch, i: int) -> Tensor:
    scale = _found(batch, i, "scale", "low-resolution")
    if scale is None:
        return x
    rows, columns = (torch.from_numpy(resampling(side, round(float(scale))).copy()).to(x) for side in x.shape[2:])
    return rows @ x @ columns.T


# name → (one picture [1, 3, H, W], the batch, which of its patches) → the picture degraded again
PHYSICS: dict[str, Callable[[Tensor, Batch, int], Tensor]] = {
    "blur": blurred,
    "haze": hazed,
    "rain": rained,
    "low-resolution": coarsened,
}


def _colours(layer: Light, like: Tensor) -> Tensor:
    """[H, W, 3] BGR, white 1 → [3, H, W] RGB as networks see it."""
    return torch.from_numpy(np.ascontiguousarray(layer[..., ::-1], np.float32)).to(like).permute(2, 0, 1) * _LIGHT


def _found(batch: Batch, i: int, name: str, physics: str) -> Any:
    """What made patch i; None where nothing did, because a mixture left it as it was."""
    found = _all(batch, i, name, physics)
    if len(found) > 1:
        raise DataError(f"expected one {name} a patch, got {len(found)} from a mixture; one operator cannot do both: take a part out of it")
    return found[0] if found else None


def _all(batch: Batch, i: int, name: str, physics: str) -> list[Any]:
    """All of that name, in the order in which a mixture laid them on."""
    made = batch.made[i] if batch.made else Degraded(np.zeros(0, np.float32), np.zeros(0, np.float32))
    found = _entries({**made.parameters, **made.layers}, name)
    if not found and not torch.equal(batch.degraded[i], batch.clean[i]):
        raise DataError(
            f"the physics of {physics} needs the {name} of each patch, and here is one without: pairs do not tell how they were made; "
            "train on a folder of clean pictures, or without known physics (--ablation base-gan or pcyclegan)"
        )
    return found


def _entries(entries: Mapping[str, Any], name: str) -> list[Any]:
    """By its own name, or behind that of a mixture's part: "blur.kernel"."""
    return [value for key, value in entries.items() if key.rpartition(".")[2] == name]
