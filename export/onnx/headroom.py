"""Owns what is measured on a graph before it is typed: how large every tensor gets, and where the work is; decides nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from export.onnx.arithmetic import Arithmetic, multiply_adds
from runtime.errors import ExportError
from runtime.picture import Picture

_ENDLESS = float(np.finfo(np.float32).max)  # what Inf counts as: masks of attention are made of it, and JSON has no word for it
LARGEST = float(np.finfo(np.float16).max)  # 65504


@dataclass(frozen=True)
class Measured:
    peaks: Mapping[str, float]  # largest |x| of each float tensor, by its name
    multiply_adds: Mapping[str, int]  # by node


def measure(model: ir.Model, frames: Iterable[Picture]) -> Measured:
    """Runs the graph in FP32 on each frame [H, W, 3]."""
    arithmetic = Arithmetic(ir.to_proto(model))
    peaks: dict[str, float] = {}
    work: dict[str, int] = {}
    for frame in frames:
        for step in arithmetic.steps(frame[None]):
            work[step.node.name] = work.get(step.node.name, 0) + multiply_adds(step)
            for name, array in zip(step.node.output, step.outputs, strict=True):
                if array.dtype == np.float32:
                    peak = float(np.abs(array).max()) if array.size else 0.0
                    if np.isnan(peak):
                        raise ExportError(f"{step.node.name} gives NaN in FP32 already: there is nothing that FP16 could keep")
                    peaks[name] = max(peaks.get(name, 0.0), min(peak, _ENDLESS))
    return Measured(peaks, work)
