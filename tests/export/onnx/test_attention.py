"""The two forms of attention and PyTorch agree, at sizes that the window divides and at others; each target gets the form it can run."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest

from export.onnx.arithmetic import Arithmetic
from export.onnx.attention import ExplicitAttention, attention_forms
from export.onnx.graph import fp32_of, reference, traced
from runtime.backends.openvino import shared_core
from runtime.picture import Picture, Tensors
from tests.support.export.graphs import TracedGraphs
from tests.support.export.toys import CHANNELS, WINDOW, Windowed

SIZES = [(32, 48), (16, 16), (45, 19), (17, 64)]  # the stride is 8: the first two are multiples, the others are not


@pytest.fixture(scope="module")
def network() -> Windowed:
    return Windowed().eval()


@pytest.fixture(scope="module")
def graph(network: Windowed) -> ir.Model:
    return traced(network)


def _runs(model: onnx.ModelProto) -> dict[str, object]:
    session = onnxruntime.InferenceSession(model.SerializeToString())
    names = [output.name for output in session.get_outputs()]
    read = shared_core().read_model(model.SerializeToString())

    def openvino(frames: Picture) -> Tensors:
        read.reshape(list(frames.shape))
        answer = shared_core().compile_model(read, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(frames)
        return {name: np.array(answer[name]) for name in names}

    return {
        "node by node": Arithmetic(model).run,
        "onnxruntime": lambda frames: dict(zip(names, session.run(None, {"frame": frames}), strict=True)),
        "openvino": openvino,
    }


@pytest.mark.parametrize("form", ["fused", "explicit"])
@pytest.mark.parametrize("engine", ["node by node", "onnxruntime", "openvino"])
def test_both_forms_are_what_pytorch_computes(network: Windowed, graph: ir.Model, form: str, engine: str) -> None:
    model = ir.to_proto(graph if form == "fused" else ExplicitAttention()(graph.clone()).model)
    assert sum(node.op_type == "Attention" for node in model.graph.node) == (2 if form == "fused" else 0)
    run, moved = _runs(model)[engine], 0
    for height, width in SIZES:
        frames = np.random.default_rng(height).integers(0, 256, (2, height, width, 3), dtype=np.uint8)
        expected = reference(network)(frames)
        got = run(frames)  # type: ignore[operator]
        np.testing.assert_allclose(got["health"], expected["health"], atol=1e-4)
        assert np.abs(got["restored"].astype(int) - expected["restored"]).max() <= 1, f"{width}×{height}"
        moved = max(moved, np.abs(expected["restored"].astype(int) - frames).max())
    assert moved > 8


def test_a_fused_block_is_one_node_with_one_output_and_a_query_that_is_scaled_already(graph: ir.Model) -> None:
    blocks = [node for node in graph.graph if node.op_type == "Attention"]
    assert [len(node.outputs) for node in blocks] == [1] * 2
    assert {node.attributes["scale"].as_float() for node in blocks} == {1.0}
    for node in blocks:
        query = node.inputs[0]
        assert query is not None
        scaling = query.producer()
        assert scaling is not None
        assert scaling.op_type == "Mul"


@pytest.mark.parametrize("form", ["fused", "explicit"])
def test_no_form_has_a_mask_of_all_windows(graph: ir.Model, form: str) -> None:
    model = graph if form == "fused" else ExplicitAttention()(graph.clone()).model
    largest = max(tensor.size for value in model.graph.initializers.values() if (tensor := value.const_value) is not None)
    assert largest == 9 * 12 * CHANNELS  # a convolution's weights
    biases = {tuple(node.inputs[3].shape or ()) for node in graph.graph if node.op_type == "Attention" and node.inputs[3] is not None}
    assert biases == {(1, 2, 16, 16)}


def test_the_fp32_file_has_no_fused_block_since_tensorrt_has_no_kernel_for_it(graph: ir.Model) -> None:
    operations = [node.op_type for node in onnx.load_model_from_string(fp32_of(graph)).graph.node]
    assert "Attention" not in operations
    assert operations.count("Softmax") == 2


@pytest.mark.parametrize(
    ("heads", "fused", "why"),
    [
        (2, True, "2 heads of 16 channels in FP16: TensorRT has a kernel"),
        (1, False, "1 head: TensorRT's kernel wants 2 or more"),
        (4, False, "heads of 8 channels: TensorRT's kernel wants 16 to 256"),
    ],
)
def test_the_form_is_chosen_by_the_heads_and_the_reason_is_said(
    heads: int, fused: bool, why: str, graph: ir.Model, graphs: TracedGraphs
) -> None:
    forms = attention_forms(graph if heads == 2 else graphs.of(Windowed, heads))
    assert {(form.fused, form.why) for form in forms} == {(fused, why)}
    assert [form.block for form in forms] == ["network.blocks.0.attention", "network.blocks.1.attention"]
    assert {(form.heads, form.head_size, form.places) for form in forms} == {(heads, CHANNELS // heads, WINDOW**2)}


def test_only_the_blocks_that_are_named_become_explicit(graph: ir.Model) -> None:
    block = "network.blocks.0.attention"
    model = ExplicitAttention((block,))(graph.clone()).model
    assert sum(node.op_type == "Attention" for node in model.graph) == 1
    names = [node.name for node in model.graph if (node.name or "").startswith(f"{block}/")]
    assert {f"{block}/{name}" for name in ("Transpose_keys", "MatMul_scores", "Add_bias", "Softmax_weights", "MatMul_values")} <= set(names)
    onnx.checker.check_model(ir.to_proto(model), full_check=True)


def test_the_network_that_is_exported_stays_as_it_was(network: Windowed, graph: ir.Model) -> None:
    assert any(node.op_type == "Attention" for node in graph.graph), "it was traced"
    assert {module.attend.__module__ for module in network.modules() if hasattr(module, "attend")} == {"training.networks.window_attention"}
