"""Owns how much memory a graph's tensors take for each pixel; engines take a multiple (runtime/machine/memory.py)."""

from __future__ import annotations

import math

import numpy as np
from onnx import ModelProto

from export.onnx.arithmetic import Arithmetic

_SIDE = 128  # of the smaller picture, as the network sees it; small enough for a published size, and borders count for little by then


def bytes_a_pixel(model: ModelProto, stride: int, scale: int) -> int:
    """The most that is held at once, node by node in the file's own types. Of two sizes, so that constants drop out."""
    side = math.ceil(_SIDE / scale / stride) * stride
    arithmetic = Arithmetic(model)
    small, large = (max(step.held for step in arithmetic.steps(np.zeros((1, of, of, 3), np.uint8))) for of in (side, 2 * side))
    return math.ceil((large - small) / (3 * side**2))
