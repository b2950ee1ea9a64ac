"""Small ONNX files as other exporters write them, none of a network that this project defined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

Side = str | int
Weights = dict[str, NDArray[Any]]
ANY = ("n", 3, "h", "w")
_ANSWER = ("n", 3, "rows", "columns")


def file_of(
    nodes: Sequence[NodeProto],
    weights: Weights | None = None,
    *,
    opset: int = 17,
    inputs: Sequence[tuple[str, Sequence[Side] | None]] = (("x", ANY),),
    outputs: Sequence[str] = ("y",),
    kind: int = TensorProto.FLOAT,
    domains: Sequence[str] = (),
) -> ModelProto:
    graph = helper.make_graph(
        nodes,
        "from elsewhere",
        [helper.make_tensor_value_info(name, kind, shape) for name, shape in inputs],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, _ANSWER) for name in outputs],
        [numpy_helper.from_array(value, name) for name, value in (weights or {}).items()],
    )
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def painting(value: float, **options: Any) -> ModelProto:
    """Gives back its picture with the first colour painted over by a value of the network's own range."""
    nodes = [helper.make_node("Mul", ["x", "keep"], ["kept"]), helper.make_node("Add", ["kept", "paint"], ["y"])]
    columns = {"keep": [0, 1, 1], "paint": [value, 0, 0]}
    weights = {name: np.array(column, np.float32).reshape(3, 1, 1) for name, column in columns.items()}
    return file_of(nodes, weights, **options)


def doubling() -> ModelProto:
    """×2: two convolutions and DepthToSpace, on a bilinear Resize of the picture; 4,352 weights and 4 scales."""
    rng = np.random.default_rng(1)
    nodes = [
        helper.make_node("Conv", ["x", "head.weight", "head.bias"], ["head"], pads=[1] * 4),
        helper.make_node("Relu", ["head"], ["bent"]),
        helper.make_node("Conv", ["bent", "tail.weight"], ["tail"], pads=[1] * 4),
        helper.make_node("DepthToSpace", ["tail"], ["detail"], blocksize=2, mode="CRD"),
        helper.make_node("Resize", ["x", "", "scales"], ["large"], mode="linear", coordinate_transformation_mode="half_pixel"),
        helper.make_node("Add", ["large", "detail"], ["y"]),
    ]
    weights: Weights = {
        "head.weight": rng.normal(0, 0.1, (32, 3, 3, 3)).astype(np.float32),
        "head.bias": np.zeros(32, np.float32),
        "tail.weight": rng.normal(0, 0.01, (12, 32, 3, 3)).astype(np.float32),
        "scales": np.array([1, 1, 2, 2], np.float32),
    }
    return file_of(nodes, weights)


def u_net() -> ModelProto:
    """Down by 4 and up again by transposed convolutions, added to the picture: it fails where 4 does not divide a side."""
    rng = np.random.default_rng(2)
    strided: dict[str, Any] = {"kernel_shape": [2, 2], "strides": [2, 2]}
    nodes = [
        helper.make_node("Conv", ["x", "down.0"], ["half"], **strided),
        helper.make_node("LeakyRelu", ["half"], ["half.bent"], alpha=0.1),
        helper.make_node("Conv", ["half.bent", "down.1"], ["quarter"], **strided),
        helper.make_node("ConvTranspose", ["quarter", "up.1"], ["half.again"], **strided),
        helper.make_node("Concat", ["half.again", "half.bent"], ["both"], axis=1),
        helper.make_node("ConvTranspose", ["both", "up.0"], ["correction"], **strided),
        helper.make_node("Add", ["x", "correction"], ["y"]),
    ]
    sides = {"down.0": (16, 3), "down.1": (32, 16), "up.1": (32, 16), "up.0": (32, 3)}
    weights: Weights = {name: rng.normal(0, 0.05, (*channels, 2, 2)).astype(np.float32) for name, channels in sides.items()}
    return file_of(nodes, weights)


def choosing() -> ModelProto:
    """Does one thing or the other, as the picture is."""
    branches = {
        name: helper.make_graph(
            [helper.make_node(kind, ["x", "weight"], ["inner"]), helper.make_node("Identity", ["inner"], ["out"])],
            name,
            [],
            [helper.make_tensor_value_info("out", TensorProto.FLOAT, ANY)],
        )
        for name, kind in (("then_branch", "Mul"), ("else_branch", "Add"))
    }
    nodes = [
        helper.make_node("ReduceMax", ["x"], ["brightest"], keepdims=0),
        helper.make_node("Greater", ["brightest", "never"], ["bright"]),
        helper.make_node("If", ["bright"], ["y"], **branches),
    ]
    return file_of(nodes, {"weight": np.array([0.25], np.float32), "never": np.array(1e6, np.float32)})


def with_functions() -> ModelProto:
    """As torch's exporter wrote them for a while: what a module does is a function of the file's own."""
    darker = helper.make_function(
        "from.elsewhere", "Darker", ["a"], ["b"], [helper.make_node("Mul", ["a", "a"], ["b"])], [helper.make_opsetid("", 18)]
    )
    model = file_of([helper.make_node("Darker", ["x"], ["y"], domain="from.elsewhere")], opset=18, domains=["from.elsewhere"])
    model.functions.append(darker)
    return model


def saved_beside(model: ModelProto, path: Any, location: str) -> None:
    """The weights in a file of their own."""
    onnx.save_model(model, path, save_as_external_data=True, location=location, size_threshold=0)
