"""Running a file as it is typed: FP16's rounding and its infinities are there, and in FP32 it is what ONNX Runtime computes."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper
from torch import nn
from torch.nn import functional as F

from export.onnx.arithmetic import Arithmetic
from export.onnx.graph import cost_of, reference
from export.onnx.measure import multiply_adds, multiply_adds_of
from runtime.picture import Tensors
from tests.support.export.graphs import TracedGraphs
from tests.support.export.toys import Toy, drawn_network, graph_of


def slow(*values: Any) -> Any:
    return pytest.param(*values, marks=pytest.mark.slow)


def test_squares_overflow_in_fp16_as_on_a_gpu_and_not_in_an_engine_of_the_cpu() -> None:
    """sqrt((8x)²) of 250 is 2000, and its square beyond 65504."""
    nodes = [
        helper.make_node("Mul", ["x", "eight"], ["large"]),
        helper.make_node("Mul", ["large", "large"], ["square"]),
        helper.make_node("Sqrt", ["square"], ["y"]),
    ]
    model = graph_of(nodes, TensorProto.FLOAT16, eight=8.0)
    frame = np.full((1, 16, 16, 3), 250, np.uint8)
    assert np.isinf(Arithmetic(model).run(frame)["y"]).all()
    session = onnxruntime.InferenceSession(model.SerializeToString())
    assert (session.run(None, {"frame": frame})[0] == 2000).all(), "then ONNX Runtime could check FP16 by itself"


def test_every_node_starts_from_what_is_stored() -> None:
    """2048 + 1 is 2048 in FP16, so that taking 2048 off again leaves nothing."""
    nodes = [helper.make_node("Add", ["x", "much"], ["sum"]), helper.make_node("Sub", ["sum", "much"], ["y"])]
    frame = np.ones((1, 16, 16, 3), np.uint8)
    for kind, left in ((TensorProto.FLOAT16, 0), (TensorProto.FLOAT, 1)):
        assert (Arithmetic(graph_of(nodes, kind, much=2048.0)).run(frame)["y"] == left).all()


def test_a_sum_is_added_up_in_fp32_and_rounded_once() -> None:
    """4,096 products of 1 and 0.0625: added one by one in FP16 they would stay at 128, where a step is 0.125."""
    nodes = [helper.make_node("Reshape", ["x", "row"], ["flat"]), helper.make_node("MatMul", ["flat", "column"], ["y"])]
    model = graph_of(nodes, TensorProto.FLOAT16, row=np.array([1, 3072]), column=np.full((3072, 1), 0.0625))
    answer = Arithmetic(model).run(np.ones((1, 32, 32, 3), np.uint8))["y"]
    assert answer.dtype == np.float16
    assert answer.item() == 192


@pytest.mark.parametrize("operation", ["Add", "Sub", "Mul", "Relu"])
def test_one_operation_in_fp32_rounded_gives_the_bits_of_fp16(operation: str) -> None:
    """Of any two numbers there are: small ones below the normal range, infinite ones, NaN."""
    a, b = (np.random.default_rng(seed).integers(0, 2**16, 100_000, np.uint16).view(np.float16) for seed in (0, 1))
    node = helper.make_node(operation, ["a", "b"][: 1 if operation == "Relu" else 2], ["y"])
    got = Arithmetic(graph_of([node], TensorProto.FLOAT16, a=a, b=b)).run(np.zeros((1, 16, 16, 3), np.uint8))["y"]
    with np.errstate(all="ignore"):
        expected = {"Add": a + b, "Sub": a - b, "Mul": a * b, "Relu": np.maximum(a, np.float16(0))}[operation]
    assert got.dtype == np.float16
    np.testing.assert_array_equal(got, expected)


EDGES = map(slow, ("aigan-edge", "fdrnet-edge", "physicsgan-edge"))  # plnlin's windows: test_attention.py


@pytest.mark.parametrize("name", ["aigan-small", "fdrnet-small", "physicsgan-small", *EDGES])
def test_in_fp32_it_is_what_pytorch_computes(name: str, graphs: TracedGraphs) -> None:
    network = drawn_network(name)
    frames = np.random.default_rng(0).integers(0, 256, (2, 33, 47, 3), dtype=np.uint8)
    got, expected = Arithmetic(onnx.load_model_from_string(graphs.fp32(drawn_network, name))).run(frames), reference(network)(frames)
    assert got.keys() == expected.keys()
    for name, truth in expected.items():
        assert np.abs(got[name].astype(np.float64) - truth).max() <= (1e-4 if name == "health" else 1), name
    assert np.abs(expected["restored"].astype(int) - frames).max() > 1


def _seeded(make: Callable[[], nn.Module]) -> nn.Module:
    torch.manual_seed(1)
    return make()


LAYERS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "convolutions": _seeded(
        lambda: nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ConvTranspose2d(8, 3, 4, stride=2, padding=1))
    ),
    "groups": _seeded(lambda: nn.Sequential(nn.Conv2d(3, 6, (3, 5), padding=(1, 2), groups=3), nn.Conv2d(6, 3, 3, padding=2, dilation=2))),
    "instance norm": _seeded(lambda: nn.InstanceNorm2d(3, affine=True)),
    "pooling": lambda x: (
        F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=True) - F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
    ),
    "curves": lambda x: F.gelu(x, approximate="tanh") + F.gelu(x) + torch.softmax(x, dim=1),
    "peaks": lambda x: F.max_pool2d(x, 3, stride=1, padding=1) + F.group_norm(torch.cat([x, x[:, :1]], dim=1), 2)[:, :3],
    "means": lambda x: x.mean(dim=(1, 3), keepdim=True) + x.mean(dim=2, keepdim=True),
    "resampling": lambda x: F.interpolate(F.avg_pool2d(x, 2), scale_factor=2.0, mode="nearest"),
    "plain": lambda x: torch.cat([x[:, :1] * torch.tanh(x[:, 1:2]), F.leaky_relu(x[:, 1:] - 0.5, 0.1)], dim=1),
}


class Every(Toy):
    """Each operation that the arithmetic computes by itself, in a shape that none of ours has. Every layer fills a tile of the answer."""

    scale = 3

    def __init__(self) -> None:
        super().__init__(stride=2)
        self.layers = nn.ModuleList(layer for layer in LAYERS.values() if isinstance(layer, nn.Module))

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        tiles = [picture + layer(picture) for layer in LAYERS.values()]
        return torch.cat([torch.cat(tiles[row : row + 3], dim=3) for row in (0, 3, 6)], dim=2)


@pytest.fixture(scope="module")
def every(graphs: TracedGraphs) -> tuple[Tensors, Tensors]:
    """What the arithmetic makes of all layers, and what PyTorch does."""
    frames = np.random.default_rng(0).integers(0, 256, (2, 18, 24, 3), dtype=np.uint8)
    got, expected = Arithmetic(ir.to_proto(graphs.of(Every))).run(frames), reference(Every())(frames)
    np.testing.assert_allclose(got["health"], expected["health"], atol=1e-6)
    return got, expected


@pytest.mark.parametrize("layer", LAYERS)
def test_each_operation_agrees_with_pytorch(layer: str, every: tuple[Tensors, Tensors]) -> None:
    row, column = divmod(list(LAYERS).index(layer), 3)
    got, expected = (tensors["restored"][:, 18 * row :, 24 * column :][:, :18, :24].astype(int) for tensors in every)
    assert np.abs(got - expected).max() <= 1
    assert len(np.unique(expected)) > 20, "there is something to see"


def test_multiply_adds_are_those_that_pytorch_counts(graphs: TracedGraphs) -> None:
    arithmetic = Arithmetic(onnx.load_model_from_string(graphs.fp32(drawn_network, "fdrnet-small")))
    counted = sum(map(multiply_adds_of, arithmetic.steps(np.zeros((1, 720, 1280, 3), np.uint8))))
    assert 2 * counted / 1e9 == pytest.approx(cost_of(drawn_network("fdrnet-small"))[1])


@pytest.mark.parametrize(
    ("operation", "shapes", "expected"),
    [
        ("ConvTranspose", [(1, 4, 5, 6), (4, 3, 2, 2)], 4 * 5 * 6 * 3 * 4),
        ("Gemm", [(2, 7), (7, 5)], 2 * 7 * 5),
        ("MatMul", [(3, 2, 7), (3, 7, 5)], 3 * 2 * 7 * 5),
        ("Attention", [(2, 2, 9, 16)] * 3, 2 * (2 * 2 * 9 * 9 * 16)),
    ],
)
def test_multiply_adds_of_what_no_preset_has(operation: str, shapes: list[tuple[int, ...]], expected: int) -> None:
    output = {"ConvTranspose": (1, 3, 10, 12), "Gemm": (2, 5), "MatMul": (3, 2, 5), "Attention": (2, 2, 9, 16)}[operation]
    assert multiply_adds(operation, shapes, output) == expected


def test_no_tensor_is_kept_longer_than_it_is_wanted(graphs: TracedGraphs) -> None:
    """A paper's network at a usual size has gigabytes of them."""
    arithmetic = Arithmetic(onnx.load_model_from_string(graphs.fp32(Toy, 4)))
    made: list[weakref.ref[Any]] = []
    most = 0
    for step in arithmetic.steps(np.zeros((1, 16, 16, 3), np.uint8)):
        made += [weakref.ref(array) for array in step.outputs]
        del step
        most = max(most, sum(reference() is not None for reference in made))
    assert len(made) > 30
    assert most < 15
