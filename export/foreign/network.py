"""Running a foreign model in the place of a network of our own. Does not know files on disk or bundles.

What a bundle must know of it is found by trying: the stride and the scale. In PyTorch the network asks ONNX Runtime for the foreign
model as it came, in FP32; while it is traced it is one node, which `export/foreign/graph.py` replaces.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from export.foreign.file import ForeignFile
from runtime.backends.onnxruntime import ERRORS, first_line, open_session
from runtime.errors import ExportError, UsageError
from runtime.model.manifest import MINIMUM_SIDE
from training.networks import LEVELS

Planes = NDArray[np.float32]  # [N, 3, H, W] in the foreign network's own range and order
Ask = Callable[[Planes], Planes]
ORDERS = ("rgb", "bgr")
PLACEHOLDER = "clearway::Foreign"
_STRIDES = (1, 2, 4, 8, 16, 32, 64, 128)
_LARGEST_STRIDE = 512
_SAME = 1e-3  # of the range: more than rounding makes of a sum in another order


@dataclass(frozen=True)
class PixelRange:
    """What the network was trained on: black is `low`, white is `high`."""

    low: float
    high: float
    order: str

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            expected = "expected what black and white were in training, the lower first, as in 0..1, -1..1 or 0..255"
            raise UsageError(f"--range: {expected}; got {self.low:g}..{self.high:g}")
        if self.order not in ORDERS:
            raise UsageError(f"--order: expected the order of the colours in training, {' or '.join(ORDERS)}; got {self.order!r}")


def read_pixel_range(limits: str, order: str) -> PixelRange:
    """`limits` is LOW..HIGH."""
    try:
        low, high = map(float, limits.split(".."))
    except ValueError:
        raise UsageError(f"--range: expected LOW..HIGH, as in 0..1, -1..1 or 0..255; got {limits!r}") from None
    return PixelRange(low, high, order)


class ForeignNetwork(nn.Module):
    """Takes and gives what networks here take and give (RGB, levels ÷ `LEVELS`), whatever the foreign one was trained on."""

    sees_whole_picture = True  # an ONNX file does not say, so no tile is cut from its pictures
    receptive_field = None

    def __init__(self, ask: Ask, trained: PixelRange, stride: int, scale: int) -> None:
        super().__init__()
        self.stride, self.scale = stride, scale
        self._ask, self._low, self._swaps = ask, trained.low, trained.order == "bgr"
        self._white = (trained.high - trained.low) * (LEVELS / 255)
        self.register_buffer("swap", torch.tensor([2, 1, 0]), persistent=False)

    def forward(self, picture: Tensor) -> Tensor:
        answer = self._answer(self._ordered(picture) * self._white + self._low)
        return self._ordered((answer - self._low) / self._white)

    def _ordered(self, planes: Tensor) -> Tensor:
        return torch.index_select(planes, 1, cast(Tensor, self.swap)) if self._swaps else planes

    def _answer(self, planes: Tensor) -> Tensor:
        if not torch.compiler.is_exporting():
            return torch.from_numpy(self._ask(planes.numpy()))
        number, colours, height, width = planes.shape
        shape = (number, colours, height * self.scale, width * self.scale)
        return torch.onnx.ops.symbolic(PLACEHOLDER, (planes,), dtype=planes.dtype, shape=shape, version=1)


def asked_of(file: ForeignFile) -> Ask:
    """The foreign model run by ONNX Runtime, as it came."""
    try:
        session = open_session(file.model.SerializeToString())
    except ERRORS as error:
        raise ExportError(f"{file.path}: ONNX Runtime cannot load it ({first_line(error)}); export it again") from error

    def ask(planes: Planes) -> Planes:
        answer = session.run([file.output], {file.input: np.ascontiguousarray(planes)})[0]
        if not isinstance(answer, np.ndarray) or answer.dtype != np.float32 or answer.ndim != 4 or answer.shape[1] != 3:
            came = f"{answer.dtype} of {'×'.join(map(str, answer.shape))}" if isinstance(answer, np.ndarray) else type(answer).__name__
            wanted = "expected a picture, float32 of N×3×H×W, as the answer"
            raise ExportError(f"{file.path}: {wanted}, {file.output} is {came}; export the network up to its picture")
        return answer

    return ask


def find_stride(file: ForeignFile, ask: Ask, trained: PixelRange, stride: int | None) -> tuple[int, int]:
    """(stride, scale). Without a stride, the smallest power of two for whose multiples the network runs and keeps size · scale."""
    if stride is not None and not 1 <= stride <= _LARGEST_STRIDE:
        raise UsageError(f"--stride: expected a whole number from 1 to {_LARGEST_STRIDE}, got {stride}")
    reason = ""
    for tried in _STRIDES if stride is None else (stride,):
        try:
            scale = _scale_at(ask, trained, tried)
        except _DoesNotFit as error:
            reason = str(error)
            continue
        _check_answers(file, ask, trained, tried)
        return tried, scale
    if stride is not None:
        raise ExportError(f"{file.path}: it does not run at multiples of --stride {stride} ({reason}); leave --stride out to have it found")
    wanted = f"expected sides that come back times a whole number, at multiples of some power of two up to {_STRIDES[-1]}"
    raise ExportError(f"{file.path}: {wanted}, {reason}; if its stride is no power of two, say it with --stride N")


class _DoesNotFit(Exception):
    pass


def _sides(stride: int) -> tuple[int, int, int]:
    """The smallest side that the graph will hand over, and two that no larger power of two divides."""
    odd = -(-MINIMUM_SIDE // stride) | 1
    return -(-MINIMUM_SIDE // stride) * stride, odd * stride, (odd + 2) * stride


def _noise(trained: PixelRange, number: int, height: int, width: int) -> Planes:
    rng = np.random.default_rng([number, height, width])
    return rng.uniform(trained.low, trained.high, (number, 3, height, width)).astype(np.float32)


def _scale_at(ask: Ask, trained: PixelRange, stride: int) -> int:
    smallest, odd, larger = _sides(stride)
    scale = 0
    for height, width in ((odd, larger), (larger, odd), (smallest, smallest)):
        try:
            came = ask(_noise(trained, 1, height, width)).shape
        except ERRORS as error:
            raise _DoesNotFit(f"{width}×{height} fails: {first_line(error)}") from error
        scale = scale or came[2] // height
        if scale < 1 or came != (1, 3, height * scale, width * scale):
            raise _DoesNotFit(f"{width}×{height} became {came[3]}×{came[2]}")
    return scale


def _check_answers(file: ForeignFile, ask: Ask, trained: PixelRange, stride: int) -> None:
    """Numbers, the same for a picture alone and beside another."""
    _, height, width = _sides(stride)
    both = _noise(trained, 2, height, width)
    try:
        together = ask(both)
    except ERRORS as error:
        wanted = "expected any number of pictures at once"
        raise ExportError(f"{file.path}: {wanted}, two fail ({first_line(error)}); export it with a dynamic batch axis") from error
    apart = np.concatenate([ask(picture[None]) for picture in both])
    if not np.isfinite(apart).all():
        wanted = "expected numbers for a picture of noise"
        raise ExportError(f"{file.path}: {wanted}, got NaN or Inf; check --range, or export the network in float32")
    if together.shape != apart.shape or np.abs(together - apart).max() > _SAME * (trained.high - trained.low):
        wanted = "expected the same answer for a picture alone and beside another"
        raise ExportError(f"{file.path}: {wanted}, got another; export it in evaluation mode and with a dynamic batch axis")
