"""What a node of a graph is called: the path of the module that it came from, and its operation.

    network.phases.0.lower.fd.0.0/Conv      network.phases.0.lower.fd.0.1/Mul_smaller      /Cast

The last belongs to the graph contract itself, which is no module of the network. By these names engines tell of their layers and
errors, and the manifest of FP32 nodes and headroom.
"""

from __future__ import annotations

import ast
from collections import Counter

import onnx_ir as ir

_SCOPES = "pkg.torch.onnx.name_scopes"  # the exporter's note: '' for the whole, a path for each module within, and the operation's own


def name_by_module(model: ir.Model) -> None:
    """For a graph fresh from torch's exporter. The arithmetic of sizes belongs to no module, which the exporter says in its own words."""
    taken: Counter[str] = Counter()
    for node in model.graph:
        scopes = ast.literal_eval(node.metadata_props.get(_SCOPES, "[]"))
        module = scopes[-2] if len(scopes) > 1 and scopes[-2].startswith("network") else ""
        name = f"{module}/{node.op_type}"
        taken[name] += 1
        node.name = name if taken[name] == 1 else f"{name}_{taken[name]}"


def name_of(node: ir.Node) -> str:
    assert node.name is not None, f"a node of type {node.op_type} has no name"
    return node.name


def module_of(node: ir.Node) -> str:
    return name_of(node).partition("/")[0]


def value_name(value: ir.Value) -> str:
    assert value.name is not None, "a tensor has no name"
    return value.name
