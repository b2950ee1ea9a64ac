"""The arithmetic of running an engine: shapes, padding, when memory grows and when it shrinks. Touches no device."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from runtime.engines.record import Size
from runtime.errors import BackendError
from runtime.model.manifest import MINIMUM_SIDE
from runtime.picture import Picture

INPUT = "frame"
Tensor = NDArray[np.uint8] | NDArray[np.float32]
_SHRINK = 2  # memory goes back when more than this many times what is needed is held
_LEAST_BYTES = 256  # an engine without any layers that need memory still takes an address
_TYPES: Mapping[str, type[np.uint8] | type[np.float32]] = {
    INPUT: np.uint8,
    "restored": np.uint8,
    "interference": np.uint8,
    "health": np.float32,
}


def size_of(frames: Picture) -> Size:
    """Of [N, H, W, 3]; a BackendError for any other layout."""
    batch, height, width, channels = frames.shape if frames.ndim == 4 else (0, 0, 0, 0)
    if channels != 3 or frames.dtype != np.uint8 or batch < 1 or min(height, width) < MINIMUM_SIDE:
        came = f"{frames.dtype} {list(frames.shape)}"
        raise BackendError(f"expected uint8 frames [N, H, W, 3], sides from {MINIMUM_SIDE}, got {came}; stack pictures to a batch")
    return Size(batch, height, width)


def shapes_of(outputs: Collection[str], size: Size, scale: int) -> dict[str, tuple[int, ...]]:
    """The graph's input and outputs (docs/bundle.md) for pictures of this size."""
    pictures = (size.batch, size.height * scale, size.width * scale, 3)
    return {INPUT: (*size, 3)} | {name: (size.batch, 3) if name == "health" else pictures for name in outputs}


def bytes_of(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, int]:
    """The bytes of each."""
    return {name: math.prod(shape) * np.dtype(_TYPES[name]).itemsize for name, shape in shapes.items()}


def as_tensor(name: str, memory: NDArray[np.uint8], shape: tuple[int, ...]) -> Tensor:
    """The beginning of `memory`, as the tensor of that name."""
    kind = np.dtype(_TYPES[name])
    return memory[: math.prod(shape) * kind.itemsize].view(kind).reshape(shape)


def planned(held: int, needs: Iterable[int]) -> int:
    """How many bytes to hold for what is in use, of which one at a time needs them.

    What is held stays as long as it suffices, since changing it means to wait for the GPU and to capture every graph again; but one
    huge picture does not keep its memory for ever.
    """
    most = max([_LEAST_BYTES, *needs])
    return held if most <= held <= _SHRINK * most else most


def put_padded(frames: Picture, into: Picture) -> None:
    """Into the top left corner; mirrored below and to the right, as the graph itself pads to its stride, as often as it takes."""
    _, height, width, _ = frames.shape
    _, padded_height, padded_width, _ = into.shape
    into[:, :height, :width] = frames
    into[:, height:, :width] = into[:, _mirrored(height, padded_height), :width]
    into[:, :, width:] = into[:, :, _mirrored(width, padded_width)]


def _mirrored(side: int, padded: int) -> NDArray[np.intp]:
    """Where the rows from `side` on come from: 4 rows become 0 1 2 3 | 2 1 0 1 2 3 …"""
    period = 2 * (side - 1)
    place = np.arange(side, padded) % period
    return np.minimum(place, period - place)
