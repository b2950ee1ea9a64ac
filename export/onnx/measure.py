"""What a run of a graph shows: how large every tensor gets, where the work is, and how much memory is held. Decides nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from onnx import ModelProto

from export.onnx.arithmetic import Arithmetic, Step
from runtime.errors import ExportError
from runtime.picture import Picture

_ENDLESS = float(np.finfo(np.float32).max)  # what Inf counts as: masks of attention are made of it, and JSON has no word for it
LARGEST = float(np.finfo(np.float16).max)  # 65504
_SIDE = 128  # of the smaller picture, as the network sees it; small enough for a published size, and borders count for little by then

Shape = Sequence[int]
# The multiply-adds of each operator: inputs' shapes, output's shape, the node's transA. All others count as none.
_MULTIPLY_ADDS: dict[str, Callable[[Sequence[Shape], Shape, bool], int]] = {
    "Conv": lambda inputs, output, _: math.prod(output) * math.prod(inputs[1][1:]),
    "ConvTranspose": lambda inputs, output, _: math.prod(inputs[0]) * math.prod(inputs[1][1:]),
    "MatMul": lambda inputs, output, _: math.prod(output) * inputs[0][-1],
    "Gemm": lambda inputs, output, transposed: math.prod(output) * inputs[0][0 if transposed else 1],
    # q kᵀ, then the weights' product with v
    "Attention": lambda inputs, output, _: (math.prod(inputs[0]) + math.prod(output)) * inputs[1][2],
}
COUNTED = frozenset(_MULTIPLY_ADDS)


def multiply_adds(operator: str, inputs: Sequence[Shape], output: Shape, *, transposed: bool = False) -> int:
    """Of convolutions and matrix products; 0 for everything else. `transposed` is Gemm's transA."""
    count = _MULTIPLY_ADDS.get(operator)
    return 0 if count is None else int(count(inputs, output, transposed))


def multiply_adds_of(step: Step) -> int:
    shapes = [array.shape if array is not None else () for array in step.inputs]
    transposed = any(attribute.name == "transA" and attribute.i for attribute in step.node.attribute)
    return multiply_adds(step.node.op_type, shapes, step.outputs[0].shape, transposed=transposed)


@dataclass(frozen=True)
class GraphMeasurements:
    peaks: Mapping[str, float]  # largest |x| of each float tensor, by its name
    multiply_adds: Mapping[str, int]  # by node


def measure(model: ir.Model, frames: Iterable[Picture]) -> GraphMeasurements:
    """Runs the graph in FP32 on each frame [H, W, 3]."""
    arithmetic = Arithmetic(ir.to_proto(model))
    peaks: dict[str, float] = {}
    work: dict[str, int] = {}
    for frame in frames:
        for step in arithmetic.steps(frame[None]):
            work[step.node.name] = work.get(step.node.name, 0) + multiply_adds_of(step)
            for name, array in zip(step.node.output, step.outputs, strict=True):
                if array.dtype == np.float32:
                    peak = float(np.abs(array).max()) if array.size else 0.0
                    if np.isnan(peak):
                        raise ExportError(f"{step.node.name} gives NaN in FP32 already: there is nothing that FP16 could keep")
                    peaks[name] = max(peaks.get(name, 0.0), min(peak, _ENDLESS))
    return GraphMeasurements(peaks, work)


def bytes_a_pixel(model: ModelProto, stride: int, scale: int) -> int:
    """The most that is held at once, node by node in the file's own types. Of two sizes, so that constants drop out."""
    side = math.ceil(_SIDE / scale / stride) * stride
    arithmetic = Arithmetic(model)
    small, large = (max(step.held for step in arithmetic.steps(np.zeros((1, of, of, 3), np.uint8))) for of in (side, 2 * side))
    return math.ceil((large - small) / (3 * side**2))
