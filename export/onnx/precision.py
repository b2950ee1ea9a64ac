"""How a graph becomes FP16: which nodes compute in FP32, why, and the pass that types all of it. Knows no network.

    what adds up many values, softmax outside of a fused kernel         FP32, by the table below
    floats that are made of sizes and places alone                      FP32: pictures may be larger than those of the calibration
    gain control                                                        plain, rescaled or FP32: export/onnx/gain_control.py
    what comes near FP16's largest number on the calibration frames     FP32, by what was measured
    what still keeps the FP16 file from the FP32 one                    FP32, one region after the other: `repaired`

All else is FP16, weights included. The file is strongly typed: engines take the types as they stand, and casts are written out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
import onnx_ir as ir
from onnx.defs import OpSchema

from export.onnx.attention import ExplicitAttention, attention_forms
from export.onnx.gain_control import FP32, RescaleGainControl, gain_control_form, gain_controls
from export.onnx.measure import LARGEST, GraphMeasurements, measure
from export.onnx.names import module_of, name_of, value_name
from runtime.errors import ExportError
from runtime.model.manifest import AttentionForm, GainControlForm
from runtime.picture import Picture

_WIDE, _NARROW = ir.DataType.FLOAT, ir.DataType.FLOAT16
_ADDS_UP = "it adds up many values"
_SIZES = "it computes with sizes or places, and FP16 has no whole numbers beyond 2048"
_TABLE = {
    "GlobalAveragePool": _ADDS_UP,
    "GroupNormalization": _ADDS_UP,
    "InstanceNormalization": _ADDS_UP,
    "MeanVarianceNormalization": _ADDS_UP,
    "ReduceL1": _ADDS_UP,
    "ReduceL2": _ADDS_UP,
    "ReduceMean": _ADDS_UP,
    "ReduceSum": _ADDS_UP,
    "ReduceSumSquare": _ADDS_UP,
    "Softmax": "softmax of attention in explicit form",
}
_LEAST = float(np.finfo(np.float16).smallest_subnormal)
_MARGIN = 2.0  # a tensor may become that much larger than calibration saw it
_TAKES_ANY = {"Cast", "Shape", "Size"}  # a cast in front of these would be for nothing


@dataclass(frozen=True)
class PreparedGraph:
    """The FP32 graph in the forms that FP16 wants, and which of its nodes compute in FP32."""

    model: ir.Model
    fp32: Mapping[str, str]  # node → why
    gain_controls: tuple[GainControlForm, ...]
    attention: tuple[AttentionForm, ...]
    measured: GraphMeasurements

    def fp32_share(self) -> float:
        work = self.measured.multiply_adds
        return sum(work[name] for name in self.fp32) / max(sum(work.values()), 1)

    def headroom(self) -> dict[str, float]:
        """Largest |x| ÷ 65504 by node, the largest first."""
        peaks = self.measured.peaks
        found = {
            name_of(node): max(given)
            for node in self.model.graph
            if (given := [peaks[value_name(value)] for value in node.outputs if value.name in peaks])
        }
        return {name: float(f"{peak / LARGEST:.3g}") for name, peak in sorted(found.items(), key=lambda item: -item[1])}


def prepared(model: ir.Model, frames: Sequence[Picture]) -> PreparedGraph:
    """`model` as traced, one node for each attention block; it is changed in place. `frames` are what it is calibrated on."""
    attention = attention_forms(model)
    ExplicitAttention(tuple(form.block for form in attention if not form.fused))(model)
    blocks, peaks = list(gain_controls(model)), measure(model, frames).peaks
    forms = tuple(gain_control_form(block, peaks) for block in blocks)
    RescaleGainControl(forms)(model)
    measured = measure(model, frames)
    by_table = {name_of(node): _TABLE[node.op_type] for node in model.graph if node.op_type in _TABLE}
    islands = {
        name_of(node): f"gain control: {form.why}"
        for block, form in zip(blocks, forms, strict=True)
        for node in block.nodes
        if form.form == FP32
    }
    fp32 = dict(_beyond_range(model, measured.peaks)) | by_table | islands | dict.fromkeys(_of_sizes(model), _SIZES)
    return PreparedGraph(model, fp32, forms, attention, measured)


def _of_sizes(model: ir.Model) -> Iterator[str]:
    """Nodes that give floats in which there is nothing of the picture's content."""
    content = set(model.graph.inputs)
    for node in model.graph:
        if node.op_type not in ("Shape", "Size") and content.intersection(node.inputs):
            content.update(node.outputs)
        elif any(value.dtype == _WIDE for value in node.outputs):
            yield name_of(node)


def _beyond_range(model: ir.Model, peaks: Mapping[str, float]) -> Iterator[tuple[str, str]]:
    """Nodes that take or give what FP16 might not hold, and nodes with a constant that FP16 rounds to nothing."""
    for node in model.graph:
        if node.op_type in _TAKES_ANY and node.op_type != "Cast":
            continue
        for value in (*node.inputs, *node.outputs):
            if value is None:
                continue
            if (peak := peaks.get(value_name(value), 0.0)) * _MARGIN > LARGEST:
                yield name_of(node), f"|x| reaches {peak:.4g}, FP16 ends at {LARGEST:g}"
            elif (lost := _lost_constant(value)) is not None:
                yield name_of(node), f"its constant {lost:g} is 0 or infinite in FP16"


def _lost_constant(value: ir.Value) -> float | None:
    """The number that it is, if FP16 has nothing near it. Of whole arrays of weights a few may well round to 0."""
    tensor = value.const_value
    if tensor is None or tensor.size != 1 or value.dtype != _WIDE:
        return None
    number = float(tensor.numpy().item())
    return number if number and not _LEAST / 2 < abs(number) <= LARGEST else None


class TypedFp16(ir.passes.InPlacePass):
    """Needs: one graph whose every tensor has a type, its floats FP32, its operations of the standard domain, its nodes named once each.
    Guarantees: the named nodes compute in FP32 and all others in FP16; inputs and outputs keep their types; the file is valid."""

    def __init__(self, fp32: Mapping[str, str]) -> None:
        self._fp32 = fp32.keys()
        self._cast: dict[tuple[ir.Value, ir.DataType], ir.Value] = {}
        self._kept: list[tuple[str, ir.DataType]] = []

    def requires(self, model: ir.Model) -> None:
        nodes = list(model.graph)
        if len({node.name for node in nodes}) != len(nodes):
            raise ir.passes.PreconditionError("two nodes have one name")
        if absent := self._fp32 - {node.name for node in nodes}:
            raise ir.passes.PreconditionError(f"no node is called {min(absent)}")
        for node in nodes:
            if node.domain or any(attribute.type == ir.AttributeType.GRAPH for attribute in node.attributes.values()):
                raise ir.passes.PreconditionError(f"{node.name} is not an operation of the standard domain that stands for itself")
            for value in node.outputs:
                if value.dtype is None or value.dtype in (_NARROW, ir.DataType.DOUBLE, ir.DataType.BFLOAT16):
                    raise ir.passes.PreconditionError(f"{value.name} is {value.dtype}")
        self._kept = _ends(model)

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        for node in list(model.graph):
            self._type(node, _WIDE if node.name in self._fp32 else _NARROW, model.graph)
        for place, output in enumerate(model.graph.outputs):
            if output.dtype != self._kept[len(model.graph.inputs) + place][1]:
                raise ExportError(f"output {output.name} would become {output.dtype}; an output in floats must come from an FP32 node")
        for value in [value for value in model.graph.initializers.values() if not value.uses()]:
            del model.graph.initializers[value_name(value)]
        return ir.passes.PassResult(model, modified=True)

    def ensures(self, model: ir.Model) -> None:
        if _ends(model) != self._kept:
            raise ir.passes.PostconditionError("inputs or outputs changed")
        onnx.checker.check_model(ir.to_proto(model), full_check=True)  # with the types of all tensors inferred and compared

    def _type(self, node: ir.Node, dtype: ir.DataType, graph: ir.Graph) -> None:
        schema = onnx.defs.get_schema(node.op_type, graph.opset_imports[""])
        if node.op_type not in _TAKES_ANY:
            for place, value in enumerate(node.inputs):
                if value is not None and value.dtype in (_WIDE, _NARROW):
                    wanted = dtype if _may_be_either(schema, schema.inputs, place) else _WIDE
                    node.replace_input_with(place, self._as(value, wanted, graph))
        if node.op_type == "Cast":
            if node.attributes["to"].as_int() == _WIDE:
                node.attributes["to"] = ir.AttrInt64("to", dtype)
            else:
                return
        for place, value in enumerate(node.outputs):
            if value.dtype == _WIDE and _may_be_either(schema, schema.outputs, place):
                value.type = ir.TensorType(dtype)  # not value.dtype: clones share the type that it would change

    def _as(self, value: ir.Value, dtype: ir.DataType, graph: ir.Graph) -> ir.Value:
        """The value itself, or what it is in another type: a constant rounded now, all else by a cast beside its producer."""
        if value.dtype == dtype:
            return value
        if (value, dtype) not in self._cast:
            self._cast[value, dtype] = _rounded(value, dtype, graph) if value.const_value is not None else _cast(value, dtype, graph)
        return self._cast[value, dtype]


def _ends(model: ir.Model) -> list[tuple[str, ir.DataType]]:
    return [(value_name(value), value.dtype or ir.DataType.UNDEFINED) for value in (*model.graph.inputs, *model.graph.outputs)]


def _may_be_either(schema: OpSchema, parameters: Sequence[OpSchema.FormalParameter], place: int) -> bool:
    """Whether that input or output takes FP16 as well as FP32; the last parameter of a variadic one stands for all that follow."""
    kind = parameters[min(place, len(parameters) - 1)].type_str
    allowed = next((constraint.allowed_type_strs for constraint in schema.type_constraints if constraint.type_param_str == kind), [kind])
    return {"tensor(float)", "tensor(float16)"} <= set(allowed)


def _rounded(value: ir.Value, dtype: ir.DataType, graph: ir.Graph) -> ir.Value:
    assert value.const_value is not None
    array = value.const_value.numpy().astype(dtype.numpy())
    made = ir.Value(name=_free_name(value, dtype, graph), shape=value.shape, type=ir.TensorType(dtype), const_value=ir.tensor(array))
    graph.register_initializer(made)
    return made


def _cast(value: ir.Value, dtype: ir.DataType, graph: ir.Graph) -> ir.Value:
    name = _free_name(value, dtype, graph)
    producer = value.producer()
    assert producer is not None  # the graph's only input is bytes
    path = module_of(producer)
    node = ir.node("Cast", [value], {"to": dtype}, outputs=[ir.Value(name=name, shape=value.shape, type=ir.TensorType(dtype))])
    node.name = f"{path}/Cast_{name}"
    graph.insert_after(producer, node)
    return node.outputs[0]


def _free_name(value: ir.Value, dtype: ir.DataType, graph: ir.Graph) -> str:
    """Foreign graphs may have called something so already."""
    taken = graph.initializers.keys() | {output.name for node in graph for output in node.outputs}
    name = f"{value.name}_{dtype.short_name()}"
    while name in taken:
        name += "_"
    return name
