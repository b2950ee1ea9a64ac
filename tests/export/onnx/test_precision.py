"""Typing: what computes in FP32 and why, what the pass needs and guarantees, and what is measured before."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from export.onnx.arithmetic import Arithmetic
from export.onnx.graph import reference
from export.onnx.measure import LARGEST, measure
from export.onnx.precision import PreparedGraph, TypedFp16, prepared
from runtime.errors import ExportError
from tests.support.export.graphs import TracedGraphs, with_constant
from tests.support.export.toys import Poisoned, Separating, Toy, Windowed

FRAMES = [np.random.default_rng(seed).integers(0, 256, (33, 47, 3), dtype=np.uint8) for seed in (0, 1)]
BETWEEN = ("_f16", "_f32")  # how the names of casts end that typing puts in
NAMED = {"/ReduceMean": "health", "network/ReduceMean": "the gate"}


def _typed(model: ir.Model, fp32: dict[str, str]) -> ir.Model:
    return TypedFp16(fp32)(model.clone()).model


@pytest.fixture(scope="module")
def toy(graphs: TracedGraphs) -> ir.Model:
    return graphs.of(Toy)


def _types(model: ir.Model) -> dict[str, set[str]]:
    """Node → the types of the floats that it takes and gives."""
    floats = {ir.DataType.FLOAT: "fp32", ir.DataType.FLOAT16: "fp16"}
    return {
        node.name or "": {floats[value.dtype] for value in (*node.inputs, *node.outputs) if value is not None and value.dtype in floats}
        for node in model.graph
    }


def test_the_named_nodes_compute_in_fp32_and_all_others_in_fp16(toy: ir.Model) -> None:
    types = {name: kinds for name, kinds in _types(_typed(toy, NAMED)).items() if not name.endswith(BETWEEN) and kinds}
    assert {name for name, kinds in types.items() if kinds == {"fp32"}} == NAMED.keys()
    assert {name for name, kinds in types.items() if kinds == {"fp16"}} == types.keys() - NAMED.keys()
    assert "network.mix/Conv" in types


def test_weights_are_fp16_and_nothing_is_left_of_the_old_ones(toy: ir.Model) -> None:
    kinds = {value.name: value.dtype for value in _typed(toy, NAMED).graph.initializers.values()}
    assert ir.DataType.FLOAT not in kinds.values()
    assert kinds["network.mix.weight_f16"] == ir.DataType.FLOAT16


def test_a_tensor_is_cast_once_for_all_that_want_it(toy: ir.Model) -> None:
    assert len([node for node in _typed(toy, NAMED).graph if (node.name or "").endswith(BETWEEN)]) == 3  # into both means, out of one
    everything = {node.name or "": "all" for node in toy.graph}
    assert not [node for node in _typed(toy, everything).graph if (node.name or "").endswith(BETWEEN)]


def test_inputs_and_outputs_keep_their_types(toy: ir.Model) -> None:
    model = _typed(toy, NAMED)
    kinds = {value.name: value.dtype for value in (*model.graph.inputs, *model.graph.outputs)}
    assert kinds == {"frame": ir.DataType.UINT8, "restored": ir.DataType.UINT8, "health": ir.DataType.FLOAT}
    with pytest.raises(ExportError, match="output health would become FLOAT16; an output in floats must come from an FP32 node"):
        _typed(toy, {"network/ReduceMean": ""})


def test_what_the_pass_needs_is_checked(toy: ir.Model) -> None:
    with pytest.raises(ir.passes.PreconditionError, match="no node is called /Elsewhere"):
        _typed(toy, {**NAMED, "/Elsewhere": ""})
    with pytest.raises(ir.passes.PreconditionError, match="is FLOAT16"):
        _typed(_typed(toy, NAMED), NAMED)
    twice = toy.clone()
    next(iter(twice.graph)).name = "/Cast"
    with pytest.raises(ir.passes.PreconditionError, match="two nodes have one name"):
        _typed(twice, NAMED)
    foreign = toy.clone()
    next(iter(foreign.graph)).domain = "com.example"
    with pytest.raises(ir.passes.PreconditionError, match="not an operation of the standard domain"):
        _typed(foreign, NAMED)


class Forgetful(TypedFp16):
    """A pass that forgets its casts."""

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        result = super().call(model)
        for node in [node for node in model.graph if (node.name or "").endswith(BETWEEN)]:
            entered = node.inputs[0]
            assert entered is not None
            node.outputs[0].replace_all_uses_with(entered)
            model.graph.remove(node, safe=True)
        return result


def test_what_the_pass_guarantees_is_checked(toy: ir.Model) -> None:
    with pytest.raises(ir.passes.PostconditionError):
        Forgetful(NAMED)(toy.clone())


def test_means_are_fp32_and_the_reason_is_said(toy: ir.Model) -> None:
    ready = prepared(toy.clone(), FRAMES)
    assert ready.fp32 == {"/ReduceMean": "it adds up many values", "network/ReduceMean": "it adds up many values"}
    assert ready.fp32_share() == 0


class Large(Toy):
    """A correction that is blown up and made small again: what lies between leaves FP16."""

    factor: Tensor

    def __init__(self) -> None:
        super().__init__(stride=2)
        self.register_buffer("factor", torch.tensor(1e3))
        self.between = torch.nn.Conv2d(3, 3, 1, bias=False)
        with torch.no_grad():
            self.between.weight.copy_(torch.eye(3)[:, :, None, None])

    def forward(self, picture: Tensor) -> Any:
        return picture + self.between(self.correction(picture) * self.factor) / self.factor


def _large(graphs: TracedGraphs, factor: float) -> PreparedGraph:
    return prepared(with_constant(graphs.of(Large), "network.factor", factor), FRAMES)


@pytest.mark.parametrize(("factor", "wide"), [(1e3, False), (3e6, True)])
def test_what_comes_near_the_end_of_fp16_is_fp32_and_its_share_of_the_work_is_said(factor: float, wide: bool, graphs: TracedGraphs) -> None:
    ready = _large(graphs, factor)
    beyond = {name: why for name, why in ready.fp32.items() if "reaches" in why}
    assert ("network.between/Conv" in beyond) is wide
    assert (ready.fp32_share() > 0.05) is wide
    if wide:
        widened = {name.rstrip("_0123456789") for name in ready.fp32 if "Reduce" not in name}
        assert widened == {"network/Mul", "network.between/Conv", "network/Div"}
        assert beyond["network.between/Conv"].endswith("FP16 ends at 65504")
        name, headroom = next(iter(ready.headroom().items()))
        assert name in beyond
        assert headroom > 1


class Awkward(Toy):
    """A constant that FP16 has not, a resampling, and a mask of minus infinity."""

    def forward(self, picture: Tensor) -> Any:
        guarded = picture / (picture.abs() + 2e-8)  # the exporter takes 1e-8 for nothing and drops it
        resized = F.interpolate(F.avg_pool2d(picture, 2), scale_factor=2.0, mode="nearest")
        masked = torch.where(picture >= picture.amax(dim=1, keepdim=True), picture, -torch.inf)
        return self.correction(picture) + guarded + resized + torch.softmax(masked, dim=1)


@pytest.fixture(scope="module")
def awkward(graphs: TracedGraphs) -> PreparedGraph:
    return prepared(graphs.of(Awkward), FRAMES)


def test_a_constant_that_fp16_rounds_to_nothing_keeps_its_node_in_fp32(awkward: PreparedGraph) -> None:
    assert [why for why in awkward.fp32.values() if "constant" in why] == ["its constant 2e-08 is 0 or infinite in FP16"]


def test_headroom_is_of_every_tensor_on_the_worst_frame(toy: ir.Model) -> None:
    flat = [np.full((16, 16, 3), level, np.uint8) for level in (0, 200, 100)]
    ready = prepared(toy.clone(), flat)
    headroom = ready.headroom()
    assert headroom["/Cast"] == pytest.approx(200 / LARGEST, rel=0.01)
    assert list(headroom.values()) == sorted(headroom.values(), reverse=True)
    floats = {node.name for node in toy.graph if node.outputs[0].dtype == ir.DataType.FLOAT}
    assert headroom.keys() == floats


def test_a_network_that_is_not_finite_in_fp32_cannot_be_calibrated(graphs: TracedGraphs) -> None:
    with pytest.raises(ExportError, match="gives NaN in FP32 already"):
        measure(graphs.of(Poisoned), [np.zeros((16, 16, 3), np.uint8)])


def test_the_typed_file_is_close_to_pytorch_and_is_not_the_same(graphs: TracedGraphs) -> None:
    network = Separating(stride=16)
    ready = prepared(graphs.of(Separating, 16), FRAMES)
    typed = ir.to_proto(_typed(ready.model, dict(ready.fp32)))
    onnx.checker.check_model(typed, full_check=True)
    for frame in FRAMES:
        got, expected = Arithmetic(typed).run(frame[None]), reference(network)(frame[None])
        assert got.keys() == expected.keys()
        assert np.abs(got["restored"].astype(int) - expected["restored"]).max() <= 1
        difference = np.abs(got["health"] - expected["health"]).max()
        assert 0 < difference < 1e-3


class Enlarging(Toy):
    """Sizes and places as floats: the width of the answer, and a pattern over it."""

    def forward(self, picture: Tensor) -> Any:
        column = torch.arange(picture.shape[3]).float()
        stripes = column - 2 * torch.floor(column / 2)
        return picture + 0.1 * stripes


def test_what_is_made_of_sizes_alone_is_fp32_since_pictures_may_be_larger_than_those_of_the_calibration(graphs: TracedGraphs) -> None:
    network = Enlarging(stride=2)
    ready = prepared(graphs.of(Enlarging, 2), FRAMES)
    sizes = [name for name, why in ready.fp32.items() if "sizes or places" in why]
    assert {name.rstrip("_0123456789") for name in sizes} >= {"network/Floor", "network/Sub"}
    wide = np.full((1, 16, 4200, 3), 100, np.uint8)
    got = Arithmetic(ir.to_proto(TypedFp16(ready.fp32)(ready.model).model)).run(wide)["restored"]
    assert np.abs(got.astype(int) - reference(network)(wide)["restored"]).max() <= 1


def test_the_share_of_fp32_is_that_of_the_multiply_adds(graphs: TracedGraphs) -> None:
    ready = _large(graphs, 3e6)
    # Two 1-pixel convolutions of three channels on 34×48, and the toy's own of 3×3 taps on 12 channels of a quarter of that.
    between, mix = 9 * 34 * 48, 12 * 9 * 17 * 24
    assert ready.fp32_share() == pytest.approx(between / (between + mix))


def test_a_tensor_that_is_large_on_the_negative_side_is_large(graphs: TracedGraphs) -> None:
    assert "network.between/Conv" in _large(graphs, -3e6).fp32


def test_attention_in_explicit_form_has_its_softmax_in_fp32(graphs: TracedGraphs) -> None:
    ready = prepared(graphs.of(Windowed, 1), [FRAMES[0]])
    softmax = {name for name, why in ready.fp32.items() if why == "softmax of attention in explicit form"}
    assert softmax == {f"network.blocks.{number}.attention/Softmax_weights" for number in (0, 1)}


def test_a_scale_that_an_operation_takes_in_fp32_alone_stays_so(awkward: PreparedGraph) -> None:
    model = _typed(awkward.model, dict(awkward.fp32))
    (resize,) = (node for node in model.graph if node.op_type == "Resize")
    assert [value.dtype for value in resize.inputs if value is not None] == [ir.DataType.FLOAT16, ir.DataType.FLOAT]


def test_masks_of_minus_infinity_are_kept_in_fp32(awkward: PreparedGraph) -> None:
    assert any("Where" in name for name in awkward.fp32)
    assert max(awkward.headroom().values()) < np.inf
