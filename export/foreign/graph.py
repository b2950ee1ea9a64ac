"""Putting a foreign model into the graph contract as ONNX. Does not know PyTorch or pictures."""

from __future__ import annotations

import onnx_ir as ir
from onnx import ModelProto, version_converter
from onnx_ir.passes.common import ClearMetadataAndDocStringPass, LiftConstantsToInitializersPass, ShapeInferencePass

from export.foreign.file import ForeignFile
from export.onnx.graph import OPSET
from runtime.errors import ExportError

_MODULE = "network"  # what it stands in for. Each node counts as a module of its own (export/onnx/names.py): it says nothing of others
_OTHER_FLOATS = (ir.DataType.FLOAT16, ir.DataType.BFLOAT16, ir.DataType.DOUBLE)


def at_opset(file: ForeignFile) -> ModelProto:
    """The foreign model in the opset of the contract around it."""
    if file.opset == OPSET:
        return file.model
    try:
        return version_converter.convert_version(file.model, OPSET)
    except (version_converter.ConvertError, RuntimeError, ValueError) as error:
        reason = str(error).rpartition("failed: ")[2].partition("\n")[0]  # behind the place in onnx's own sources
        came = f"opset {file.opset} cannot be converted to {OPSET} ({reason})"
        raise ExportError(f"{file.path}: {came}; export it again with opset_version={OPSET}") from error


def inline(contract: ir.Model, placeholder: str, file: ForeignFile) -> None:
    """Replaces the one placeholder node in the contract's graph by the foreign graph, every tensor of which then has a type."""
    outer, inner = contract.graph, _prepared(file)
    (place,) = (node for node in outer if f"{node.domain}::{node.op_type}" == placeholder)
    (picture,) = (value for value in place.inputs if value is not None)
    weights = [inner.initializers.pop(name) for name in list(inner.initializers)]
    (source,) = (value for value in inner.inputs if value not in weights)
    ir.convenience.replace_all_uses_with(source, picture, replace_graph_outputs=True)
    (answer,) = inner.outputs
    inner.outputs.clear()
    nodes = list(inner)
    inner.remove(nodes)
    outer.insert_before(place, nodes)
    for weight in weights:
        outer.register_initializer(weight)
    ir.convenience.replace_all_uses_with(place.outputs[0], answer)
    outer.remove(place, safe=True)
    del contract.opset_imports[place.domain]
    ShapeInferencePass()(contract)
    for node in nodes:
        for value in node.outputs:
            if value.dtype is None or value.dtype in _OTHER_FLOATS:
                came = "something unknown" if value.dtype is None else value.dtype.name.lower()
                raise ExportError(f"{file.path}: expected float32 throughout, {node.name} gives {came}; export the network in float32")


def _prepared(file: ForeignFile) -> ir.Graph:
    """Named as our own graphs are, its constants among its weights, and nothing noted of shapes and sources: both may be untrue here."""
    model = ir.from_proto(at_opset(file))
    ClearMetadataAndDocStringPass()(model)
    LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)
    graph, taken = model.graph, set[str]()
    for number, node in enumerate(graph):
        name = (node.name or f"{node.op_type}_{number}").strip("/").replace("/", ".")
        name = f"{name}_{number}" if name in taken else name
        node.name = f"{_MODULE}.{name}/{node.op_type}"
        taken.add(name)
        node.domain = ""
        for value in node.outputs:
            value.shape = None
    results = [value for node in graph for value in node.outputs]
    for value in dict.fromkeys([*graph.inputs, *graph.initializers.values(), *results]):
        value.name = f"{_MODULE}.{value.name}"
    return graph
