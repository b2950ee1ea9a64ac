"""The graph contract: what leaves the exporter does at any size what PyTorch does, in both engines of this machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from export.onnx.graph import OPSET, cost_of, export_graph, facts_of, reference, traits_of
from runtime.backends.openvino import shared_core
from runtime.errors import ExportError
from runtime.picture import Picture, Tensors
from tests.support.export.graphs import TracedGraphs
from tests.support.export.toys import Doubling, Poisoned, Separating, Toy, drawn_network
from training.networks import LEVELS
from training.networks.enlarge import EnlargingNetwork

Engine = Callable[[Picture], Tensors]
SHAPES = [(1, 16, 16), (1, 17, 19), (2, 31, 16), (1, 16, 33), (3, 48, 32), (1, 47, 71)]


class Enlarging(EnlargingNetwork):
    """A toy behind bicubic enlarging by 4, as the recipes for super-resolution have it."""

    def __init__(self) -> None:
        super().__init__(Toy(stride=8), 4)


# The name of each network → what makes it.
NETWORKS: dict[str, tuple[Any, ...]] = {
    "fdrnet": (drawn_network, "fdrnet-small"),
    "stride 56": (Toy, 56),  # larger than most of SHAPES: mirrored several times
    "separating, stride 16": (Separating, 16),
    "doubling": (Doubling, 4),
    "enlarged": (Enlarging,),
}


class Exported:
    """A network with its ONNX file opened in both engines, in FP32."""

    def __init__(self, network: nn.Module, model: bytes) -> None:
        self.network, self.model = network, model
        session = onnxruntime.InferenceSession(self.model)
        names = [output.name for output in session.get_outputs()]
        core = shared_core()
        read, hint = core.read_model(self.model), {"INFERENCE_PRECISION_HINT": "f32"}
        compiled = core.compile_model(read, "CPU", hint)

        def fixed(frames: Picture) -> Tensors:  # what OpenVINO folds where it knows the size is another graph than where it does not
            read.reshape(list(frames.shape))
            answer = core.compile_model(read, "CPU", hint)(frames)
            return {name: np.array(answer[name]) for name in names}

        self.engines: dict[str, Engine] = {
            "onnxruntime": lambda frames: dict(zip(names, session.run(None, {"frame": frames}), strict=True)),
            "openvino": lambda frames: {name: np.array(compiled(frames)[name]) for name in names},
            "openvino, sizes fixed": fixed,
        }


@pytest.fixture(scope="module", params=NETWORKS)
def exported(request: pytest.FixtureRequest, graphs: TracedGraphs) -> Exported:
    make, *arguments = NETWORKS[request.param]
    return Exported(make(*arguments), graphs.fp32(make, *arguments))


def _frames(shape: tuple[int, int, int]) -> Picture:
    return np.random.default_rng(shape).integers(0, 256, (*shape, 3), dtype=np.uint8)


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino", "openvino, sizes fixed"])
def test_engines_and_pytorch_agree_within_one_level_at_any_size(exported: Exported, engine: str) -> None:
    for shape in SHAPES:
        expected = reference(exported.network)(_frames(shape))
        got = exported.engines[engine](_frames(shape))
        assert got.keys() == expected.keys()
        for name, truth in expected.items():
            assert got[name].shape == truth.shape
            assert got[name].dtype == truth.dtype
            difference = np.abs(got[name].astype(np.float64) - truth.astype(np.float64)).max()
            assert difference <= (1e-5 if name == "health" else 1), f"{name} at {shape}: off by {difference}"


def test_output_is_the_inputs_size_times_the_scale(exported: Exported) -> None:
    scale = traits_of(exported.network).scale
    for name, output in exported.engines["onnxruntime"](_frames((2, 17, 19))).items():
        assert output.shape == ((2, 3) if name == "health" else (2, 17 * scale, 19 * scale, 3))


def test_the_file_is_complete_and_says_nothing_of_where_it_was_made(exported: Exported) -> None:
    model = onnx.load_model_from_string(exported.model)
    assert all(not tensor.external_data for tensor in model.graph.initializer)
    for trace in (__file__, str(Path(__file__).parents[3]), "stack_trace", "fx_node", ".py", "File "):
        assert trace.encode() not in exported.model
    assert [node.op_type for node in model.graph.node if node.input and node.input[0] == "frame" and node.op_type != "Shape"] == ["Cast"]


def test_nodes_are_called_by_the_module_they_came_from(exported: Exported) -> None:
    names = [node.name for node in onnx.load_model_from_string(exported.model).graph.node]
    assert len(set(names)) == len(names)
    convolutions = [name for name, module in exported.network.named_modules() if isinstance(module, nn.Conv2d)]
    assert {f"network.{module}/Conv" for module in convolutions} <= set(names)
    modules = {f"network.{name}".strip(".") for name, _ in exported.network.named_modules()}
    assert {name.partition("/")[0] for name in names} <= modules | {""}
    assert "/Cast" in names  # the contract's own


def test_facts_are_read_from_the_network_and_the_file(exported: Exported) -> None:
    facts = facts_of(exported.network, exported.model)
    traits = traits_of(exported.network)
    assert (facts.opset, facts.stride, facts.scale, facts.sees_whole_picture) == (OPSET, traits.stride, traits.scale, True)
    assert facts.outputs == (("restored", "health", "interference") if isinstance(exported.network, Separating) else ("restored", "health"))


def test_exporting_twice_gives_the_same_bytes(graphs: TracedGraphs) -> None:
    assert export_graph(Toy()) == graphs.fp32(Toy)


def test_a_colour_goes_in_and_comes_out_as_bgr() -> None:
    class RedOnly(Toy):
        def forward(self, picture: torch.Tensor) -> torch.Tensor:  # RGB
            return picture * torch.tensor([1.0, 0, 0]).reshape(1, 3, 1, 1)

    frame = np.full((1, 16, 16, 3), (10, 20, 30), dtype=np.uint8)
    got = reference(RedOnly())(frame)
    assert got["restored"][0, 0, 0].tolist() == [0, 0, 30]
    np.testing.assert_allclose(got["health"], [[0, 0, 30 / LEVELS]], atol=1e-6)


def test_interference_is_coded_around_128_and_clamped() -> None:
    class Constant(Toy):
        def forward(self, picture: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            layer = torch.zeros_like(picture) + torch.tensor([0.5, 0.0, -3.0]).reshape(1, 3, 1, 1)
            return picture - layer, layer

    got = reference(Constant())(np.zeros((1, 16, 17, 3), np.uint8))
    assert got["interference"][0, 3, 3].tolist() == [0, 128, 192]  # B: clamped, G: none, R: 128 + 127.5/2


def test_nan_shows_in_health(graphs: TracedGraphs) -> None:
    poisoned = Exported(Poisoned(), graphs.fp32(Poisoned))
    frames = _frames((2, 20, 20))
    frames[1, ..., 2] |= 1  # no black red in the second picture
    frames[0, 5, 5, 2] = 0
    for run in (*poisoned.engines.values(), reference(poisoned.network)):
        health = run(frames)["health"]
        assert np.isnan(health[0]).all()
        assert np.isfinite(health[1]).all()


def test_cost_counts_a_multiply_add_as_two_and_computes_nothing() -> None:
    network = Toy(stride=4)
    parameters, gflops = cost_of(network)
    assert parameters == 48 * 9 + 48
    assert gflops == pytest.approx(2 * 48 * 9 * 180 * 320 / 1e9)
    assert next(network.parameters()).device.type == "cpu"


@pytest.mark.parametrize(
    ("attribute", "value", "message"),
    [
        ("stride", 0, "whole numbers from 1"),
        ("scale", 1.5, "whole numbers from 1"),
        ("sees_whole_picture", None, "sees_whole_picture"),
    ],
)
def test_a_network_that_does_not_keep_the_contract_is_refused(attribute: str, value: object, message: str) -> None:
    network = Toy(stride=1)
    setattr(network, attribute, value)
    with pytest.raises(ExportError, match=message):
        export_graph(network)
