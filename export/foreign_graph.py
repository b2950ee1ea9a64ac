"""Owns putting a foreign model into the graph contract as ONNX; knows nothing of PyTorch or of pictures."""

from __future__ import annotations

from collections.abc import Iterator

import onnx_ir as ir
from onnx import ModelProto, version_converter

from export.foreign_file import ForeignFile
from export.graph import OPSET
from runtime.errors import ExportError

_HERE = "network."  # names begin with the path of the module that they stand in for


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


def inline(contract: ir.Model, placeholder: str, foreign: ModelProto) -> None:
    """Replaces the one placeholder node in the contract's graph by the foreign graph."""
    outer, inner = contract.graph, ir.from_proto(foreign).graph
    (place,) = (node for node in outer if f"{node.domain}::{node.op_type}" == placeholder)
    (picture,) = (value for value in place.inputs if value is not None)
    _name(inner)
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


def _name(graph: ir.Graph) -> None:
    """Prefixes every name, names what has none, and drops what was noted of shapes and sources: both may be untrue here."""
    taken = set[str]()
    for number, node in enumerate(ir.traversal.RecursiveGraphIterator(graph)):
        name = node.name or node.op_type
        node.name = _HERE + (f"{name}_{number}" if name in taken or not node.name else name)
        taken.add(name)
        node.domain = ""
    for value in _values(graph):
        value.name = f"{_HERE}{value.name}"
        if value.const_value is None:
            value.shape = None
    for noted in (graph, *ir.traversal.RecursiveGraphIterator(graph), *_values(graph)):
        noted.doc_string = None
        noted.metadata_props.clear()


def _values(graph: ir.Graph) -> Iterator[ir.Value]:
    """Everything that has a name of its own, once: inputs, weights and results, here and inside If and Loop."""
    holders = (graph, *(inner for node in ir.traversal.RecursiveGraphIterator(graph) for inner in _graphs_of(node)))
    seen = dict[int, ir.Value]()
    for holder in holders:
        seen |= {id(value): value for value in (*holder.inputs, *holder.initializers.values())}
        seen |= {id(value): value for node in holder for value in node.outputs}
    return iter(list(seen.values()))


def _graphs_of(node: ir.Node) -> Iterator[ir.Graph]:
    for attribute in node.attributes.values():
        if attribute.type == ir.AttributeType.GRAPH:
            yield attribute.as_graph()
        elif attribute.type == ir.AttributeType.GRAPHS:
            yield from attribute.as_graphs()
