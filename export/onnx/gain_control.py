"""How gain control and its inverse are computed in FP16, and which of three ways a block gets. Does not know the pass that types.

    energy  E = sqrt(W x² + b)         forward  x / E          inverse  x · E

In FP16 x² is infinite from |x| = 256 on, and b loses its digits below 6.1e-5. What a block gets is chosen by its b and by the largest
|x| that calibration saw, times `MARGIN`:

    plain      as it is, where both the energy and b are within FP16's normal numbers
    rescaled   E = s · sqrt(W (x/s)² + b/s²), s a power of two, so that the scaling itself rounds nothing: exact but for the smallest
               squares, which are lost below b/s² anyway. It stays in FP16, so it costs two multiplications by a constant
    fp32       where no s does for both: from the square to the result in FP32, with a cast at each end
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
import onnx_ir as ir

from export.onnx.measure import LARGEST
from export.onnx.names import name_of, value_name
from runtime.model.manifest import GainControlForm

PLAIN, RESCALED, FP32 = "plain", "rescaled", "fp32"
MARGIN = 4.0  # what comes may be that much larger than what calibration saw
_SMALLEST_NORMAL = float(np.finfo(np.float16).smallest_normal)


@dataclass(frozen=True)
class GainControlBlock:
    """The four nodes of a gain control; the last one divides or multiplies its input by the energy."""

    square: ir.Node
    pool: ir.Node
    root: ir.Node
    apply: ir.Node

    @property
    def path(self) -> str:
        """Its module's, numbered where a module is called more than once."""
        return name_of(self.root).replace("/Sqrt", "")

    @property
    def nodes(self) -> tuple[ir.Node, ...]:
        return (self.square, self.pool, self.root, self.apply)

    @property
    def entered(self) -> ir.Value:
        return cast(ir.Value, self.square.inputs[0])

    def weight(self) -> np.ndarray:
        return _constant(self.pool, 1)

    def offset(self) -> np.ndarray:
        return _constant(self.pool, 2)


def gain_controls(model: ir.Model) -> Iterator[GainControlBlock]:
    """By their shape: x ── x·x ── 1×1 convolution with W ≥ 0 and b > 0 ── root ── x ÷ it or x · it."""
    for root in (node for node in model.graph if node.op_type == "Sqrt"):
        pool = _producer(root, "Conv")
        square = _producer(pool, "Mul") if pool is not None and len(pool.inputs) == 3 else None
        if pool is None or square is None or square.inputs[0] is not square.inputs[1] or not all(map(_is_constant, pool.inputs[1:])):
            continue
        users = [use.node for node in (square, pool, root) for use in node.outputs[0].uses()]
        if users[:-1] != [pool, root] or users[-1].op_type not in ("Div", "Mul") or square.inputs[0] not in users[-1].inputs:
            continue  # another shape, or somebody else who reads what would be rescaled
        block = GainControlBlock(square, pool, root, users[-1])
        if block.weight().shape[2:] == (1, 1) and block.weight().min() >= 0 and block.offset().min() > 0:
            yield block


def gain_control_form(block: GainControlBlock, peaks: Mapping[str, float]) -> GainControlForm:
    """`peaks` has the largest |x| of every value by its name."""
    peak = peaks[value_name(block.entered)]
    offset, pooled = block.offset(), float(block.weight().sum(axis=1).max())
    largest = max(pooled, 1.0) * (MARGIN * peak) ** 2 + float(offset.max())  # of the squares and of their sums
    seen = peaks[value_name(block.pool.outputs[0])] / LARGEST
    least, most = math.sqrt(largest / LARGEST), math.sqrt(float(offset.min()) / _SMALLEST_NORMAL)  # what s may be
    come = f"|x| up to {peak:.3g}, {MARGIN:g} times that allowed for, and b from {offset.min():.2g}"
    if least <= 1 <= most:
        return GainControlForm(block.path, PLAIN, 1.0, seen, f"{come}: FP16 holds both")
    scale = 2.0 ** (math.ceil(math.log2(least)) if least > 1 else math.floor(math.log2(most)))
    if not least <= scale <= most:
        return GainControlForm(block.path, FP32, 1.0, seen, f"{come}: no power of two brings both into FP16's normal numbers")
    return GainControlForm(block.path, RESCALED, scale, seen / scale**2, f"{come}: FP16 holds both with x / {scale:g}")


class RescaleGainControl(ir.passes.InPlacePass):
    """Needs: blocks in plain form. Guarantees: those with a form of "rescaled" compute the same numbers from x/s."""

    def __init__(self, forms: tuple[GainControlForm, ...]) -> None:
        self._scales = {form.block: form.scale for form in forms if form.form == RESCALED}

    def requires(self, model: ir.Model) -> None:
        if absent := self._scales.keys() - {block.path for block in gain_controls(model)}:
            raise ir.passes.PreconditionError(f"no gain control is called {min(absent)}")

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        for block in [block for block in gain_controls(model) if block.path in self._scales]:
            _rescale(model.graph, block, self._scales[block.path])
        return ir.passes.PassResult(model, modified=bool(self._scales))


def _rescale(graph: ir.Graph, block: GainControlBlock, scale: float) -> None:
    smaller = _times(graph, block, block.square, block.entered, 1 / scale, "smaller")
    for place in (0, 1):
        block.square.replace_input_with(place, smaller)
    block.pool.replace_input_with(2, _added(graph, f"{block.path}/offset", block.offset() / np.float32(scale**2)))
    energy = block.root.outputs[0]
    larger = _times(graph, block, block.apply, energy, scale, "larger")
    for place, value in enumerate(block.apply.inputs):
        if value is energy:
            block.apply.replace_input_with(place, larger)


def _times(graph: ir.Graph, block: GainControlBlock, before: ir.Node, value: ir.Value, factor: float, name: str) -> ir.Value:
    constant = _added(graph, f"{block.path}/{name}", np.array(factor, np.float32))
    out = ir.Value(name=f"{block.path}/{name}_of_x", shape=value.shape, type=value.type)
    graph.insert_before(before, [ir.node("Mul", [value, constant], outputs=[out], name=f"{block.path}/Mul_{name}")])
    return out


def _added(graph: ir.Graph, name: str, array: np.ndarray) -> ir.Value:
    value = ir.Value(name=name, shape=ir.Shape(array.shape), type=ir.TensorType(ir.DataType.FLOAT), const_value=ir.tensor(array, name=name))
    graph.register_initializer(value)
    return value


def _producer(node: ir.Node | None, op_type: str) -> ir.Node | None:
    value = node.inputs[0] if node is not None else None
    made_by = value.producer() if value is not None else None
    return made_by if made_by is not None and made_by.op_type == op_type else None


def _is_constant(value: ir.Value | None) -> bool:
    return value is not None and value.const_value is not None


def _constant(node: ir.Node, place: int) -> np.ndarray:
    return cast(ir.TensorProtocol, cast(ir.Value, node.inputs[place]).const_value).numpy()
