"""A foreign model inside the graph contract: its names, its types, its opset; and what it costs, counted from the graph alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from export.foreign.cost import cost_of_foreign
from export.foreign.file import ForeignFile, read_foreign
from export.foreign.graph import at_opset, inline
from export.onnx.graph import OPSET
from runtime.errors import ExportError
from tests.support.export.foreign_toys import ANY, doubling, file_of, u_net


def _contract() -> ir.Model:
    """Brightens, asks the placeholder, brightens; with names that foreign models use too."""
    nodes = [
        helper.make_node("Add", ["frame", "weight"], ["x"], "Conv_0"),
        helper.make_node("Foreign", ["x"], ["inner"], "place", domain="clearway"),
        helper.make_node("Add", ["inner", "weight"], ["y"], "Conv_1"),
    ]
    weights = {"weight": np.float32(0.5).reshape(1)}
    model = file_of(nodes, weights, opset=OPSET, inputs=(("frame", ANY),), domains=["clearway"])
    return ir.from_proto(model)


def _read(folder: Path, model: ModelProto) -> ForeignFile:
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    return read_foreign(folder / "model.onnx")


def _inlined(file: ForeignFile) -> ModelProto:
    contract = _contract()
    inline(contract, "clearway::Foreign", file)
    model = ir.to_proto(contract)
    onnx.checker.check_model(model, full_check=True)
    return model


def _run(model: ModelProto, name: str, picture: np.ndarray) -> np.ndarray:
    return np.asarray(onnxruntime.InferenceSession(model.SerializeToString()).run(None, {name: picture})[0])


@pytest.mark.parametrize("make", [u_net, doubling, lambda: file_of([helper.make_node("Identity", ["x"], ["y"])])])
def test_the_placeholder_becomes_the_foreign_graph(tmp_path: Path, make: object) -> None:
    assert callable(make)
    picture = np.random.default_rng(0).random((2, 3, 16, 20), np.float32)
    expected = _run(make(), "x", picture + 0.5) + 0.5
    model = _inlined(_read(tmp_path, make()))
    np.testing.assert_array_equal(_run(model, "frame", picture), expected)
    assert [entry.domain for entry in model.opset_import] == [""]


def test_names_begin_with_the_modules_path_and_say_nothing_of_where_it_was_made(tmp_path: Path) -> None:
    foreign = u_net()
    for node in foreign.graph.node[:3]:
        node.name = f"/encoder/{node.op_type}"
        node.doc_string = "/home/somebody/net.py"
        helper.set_metadata_props(node, {"pkg.torch.onnx.stack_trace": "/home/somebody/net.py"})
    model = _inlined(_read(tmp_path, foreign))
    assert b"/home/somebody" not in model.SerializeToString()
    names = [node.name for node in model.graph.node]
    assert names == [
        "Conv_0",
        *("network.encoder.Conv/Conv", "network.encoder.LeakyRelu/LeakyRelu", "network.encoder.Conv_2/Conv"),
        *("network.ConvTranspose_3/ConvTranspose", "network.Concat_4/Concat"),
        *("network.ConvTranspose_5/ConvTranspose", "network.Add_6/Add"),
        "Conv_1",
    ]


def test_every_tensor_is_float32(tmp_path: Path) -> None:
    to = [helper.make_node("Cast", [name], [result], to=kind) for name, result, kind in (("x", "d", TensorProto.DOUBLE), ("e", "y", 1))]
    model = file_of([to[0], helper.make_node("Exp", ["d"], ["e"], "exp"), to[1]])
    with pytest.raises(ExportError, match=r"expected float32 throughout, .* gives double; export the network in float32"):
        _inlined(_read(tmp_path, model))


def test_constants_are_weights(tmp_path: Path) -> None:
    half = helper.make_node("Constant", [], ["half"], value=numpy_helper.from_array(np.array(0.5, np.float32)))
    model = _inlined(_read(tmp_path, file_of([half, helper.make_node("Mul", ["x", "half"], ["y"])])))
    assert [node.op_type for node in model.graph.node] == ["Add", "Mul", "Add"]
    assert "network.half" in {tensor.name for tensor in model.graph.initializer}


def test_an_old_opset_is_converted_and_a_failure_is_said(tmp_path: Path) -> None:
    ancient = _read(tmp_path, file_of([helper.make_node("Pad", ["x"], ["y"], paddings=[0] * 8)], opset=1))
    with pytest.raises(
        ExportError, match=rf"opset 1 cannot be converted to {OPSET} \(No Adapter .* Pad\); export it again with opset_version={OPSET}"
    ):
        at_opset(ancient)
    (entry,) = at_opset(_read(tmp_path, doubling())).opset_import
    assert entry.version == OPSET


def test_convolutions_are_counted_at_720p() -> None:
    cost = cost_of_foreign(doubling(), "x", 1)
    assert cost.parameters == 32 * 27 + 32 + 12 * 32 * 9 + 4
    assert cost.gflops_720p == pytest.approx(2 * 720 * 1280 * (32 * 27 + 12 * 32 * 9) / 1e9)
    assert cost.uncounted == ()


def test_strides_and_transposed_convolutions_are_counted_where_they_work() -> None:
    quarter = 2 * 180 * 320
    half = 4 * quarter
    expected = half * 16 * 3 * 4 + quarter * 32 * 16 * 4 + quarter * 32 * 16 * 4 + half * 32 * 3 * 4
    assert cost_of_foreign(u_net(), "x", 4).gflops_720p == pytest.approx(expected / 1e9)
    padded = cost_of_foreign(u_net(), "x", 64).gflops_720p  # 768 rows
    assert padded == pytest.approx(expected / 1e9 * 768 / 720)


def test_products_whose_sizes_the_shape_arithmetic_gives_are_counted() -> None:
    """Windows of a whole row each, attended to by themselves: the number of windows is computed inside the graph."""
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Transpose", ["x"], ["rows"], perm=[0, 2, 3, 1]),
        helper.make_node("Reshape", ["rows", "flat"], ["one"]),
        helper.make_node("Gemm", ["one", "weight"], ["mixed"]),
        helper.make_node("Gather", ["shape", "order"], ["sizes"]),
        helper.make_node("Reshape", ["mixed", "sizes"], ["again"]),
        helper.make_node("MatMul", ["again", "weight"], ["twice"]),
        helper.make_node("Transpose", ["twice"], ["y"], perm=[0, 3, 1, 2]),
    ]
    weights = {"flat": np.array([-1, 3]), "weight": np.eye(3, dtype=np.float32), "order": np.array([0, 2, 3, 1])}
    cost = cost_of_foreign(file_of(nodes, weights, opset=OPSET), "x", 1)
    assert cost.parameters == 9
    assert cost.gflops_720p == pytest.approx(2 * 2 * 720 * 1280 * 9 / 1e9)


def test_what_only_a_run_would_show_is_named_and_not_guessed() -> None:
    nodes = [
        helper.make_node("NonZero", ["x"], ["where"]),
        helper.make_node("Cast", ["where"], ["places"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["weight", "places"], ["mixed"], "unknowable"),
        helper.make_node("ReduceSum", ["mixed"], ["sum"], keepdims=0),
        helper.make_node("Add", ["x", "sum"], ["y"]),
    ]
    cost = cost_of_foreign(file_of(nodes, {"weight": np.ones((2, 4), np.float32)}, opset=OPSET), "x", 1)
    assert (cost.gflops_720p, cost.uncounted) == (0, ("unknowable",))
