"""Counting what a foreign model costs from its graph alone. Runs nothing."""

from __future__ import annotations

from dataclasses import dataclass

import onnx_ir as ir
from onnx import ModelProto
from onnxscript import optimizer

from export.onnx.measure import COUNTED, multiply_adds

_FRAME = (720, 1280)
_FLOATS = (ir.DataType.FLOAT, ir.DataType.FLOAT16, ir.DataType.BFLOAT16, ir.DataType.DOUBLE)


@dataclass(frozen=True)
class Cost:
    parameters: int
    gflops_720p: float  # a multiply-add counts as two
    uncounted: tuple[str, ...]  # operators that should have been counted and whose sizes only a run would show


def cost_of_foreign(foreign: ModelProto, source: str, stride: int) -> Cost:
    """Floats in the initialisers; convolutions and matrix products at 1280×720, by inferred shapes."""
    model = ir.from_proto(foreign)
    weights = [value.const_value for value in model.graph.initializers.values() if value.const_value is not None]
    parameters = sum(weight.size for weight in weights if weight.dtype in _FLOATS)
    for node in model.graph:
        for value in node.outputs:
            value.shape = None  # what the exporter noted stands in the way of the sizes at hand
    (picture,) = (value for value in model.graph.inputs if value.name == source)
    picture.shape = ir.Shape((1, 3, *(-(-side // stride) * stride for side in _FRAME)))
    optimizer.fold_constants(model, onnx_shape_inference=True)
    counted, uncounted = 0, list[str]()
    for node in model.graph.all_nodes():
        try:
            counted += 2 * _multiply_adds(node)
        except _UnknownSize:
            uncounted.append(node.name or node.op_type)
    return Cost(parameters, counted / 1e9, tuple(uncounted))


class _UnknownSize(Exception):
    pass


def _multiply_adds(node: ir.Node) -> int:
    if node.op_type not in COUNTED:
        return 0
    inputs = [_size(value) for value in node.inputs[:2]]  # what else there is adds, and multiplies nothing
    transposed = bool(node.attributes.get_int("transA", 0))
    return multiply_adds(node.op_type, inputs, _size(node.outputs[0]), transposed=transposed)


def _size(value: ir.Value | None) -> tuple[int, ...]:
    if value is None or value.shape is None or not value.shape.is_static():
        raise _UnknownSize
    return value.shape.numpy()
