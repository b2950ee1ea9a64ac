"""How many bytes a pixel's tensors take: counted by hand for a graph of a few nodes, and proportional to the picture for a real one."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from export.onnx.arithmetic import Arithmetic
from export.onnx.measure import bytes_a_pixel
from tests.support.export.graphs import TracedGraphs
from tests.support.export.toys import Doubling, Toy, graph_of


def test_a_tensor_counts_from_its_node_to_the_last_that_wants_it() -> None:
    """x is FP32 with three channels, 12 bytes a pixel. While Add runs x, its double and their sum are there; the frame is gone by then."""
    nodes = [
        helper.make_node("Mul", ["x", "two"], ["twice"]),
        helper.make_node("Add", ["x", "twice"], ["sum"]),
        helper.make_node("Concat", ["sum", "sum"], ["wide"], axis=3),
        helper.make_node("ReduceMean", ["wide"], ["y"]),
    ]
    model = graph_of(nodes, TensorProto.FLOAT, two=np.full(9999, 2.0)[:1], unused=np.zeros(10**6))
    held = [step.held for step in Arithmetic(model).steps(np.zeros((1, 10, 10, 3), np.uint8))]
    assert held == [(3 + 12) * 100, (12 + 12) * 100, (12 + 12 + 12) * 100, (12 + 24) * 100, 24 * 100 + 4]
    assert bytes_a_pixel(model, stride=1, scale=1) == 36


@pytest.mark.parametrize("scale", [1, 2])
def test_it_grows_with_the_picture_alone(scale: int, graphs: TracedGraphs) -> None:
    model = onnx.load_model_from_string(graphs.fp32(Toy if scale == 1 else Doubling, 4))
    counted = bytes_a_pixel(model, 4, scale)
    held = max(step.held for step in Arithmetic(model).steps(np.zeros((2, 96, 160, 3), np.uint8)))
    assert held == pytest.approx(counted * 2 * 96 * 160, rel=0.03)
