"""A bundle that returns every picture unchanged, for measuring what surrounds a model. Does not know networks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from runtime.model.bundle import MANIFEST, MODEL, MODEL_FP16, PROOF, sha256_of
from runtime.model.manifest import GRAPH_CONTRACT, SCHEMA, GraphFacts, ModelCard, ModelManifest, NetworkFacts, PrecisionFacts

_OPSET = 20
_EVERY = 16  # rows and columns that `health` is taken from: it is not what is measured


def make_passthrough(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name in (MODEL, MODEL_FP16):
        onnx.save(_graph(), folder / name)
    frame = np.zeros((16, 16, 3), np.uint8)
    health = np.zeros((1, 3), np.float32)
    proof = {"0/name": np.array("black"), "0/frame": frame, "0/expected_restored": frame[None], "0/expected_health": health}
    np.savez(folder / PROOF, **proof)  # type: ignore[arg-type]  # numpy's stub takes the names for its own flag
    manifest = ModelManifest(
        schema=SCHEMA,
        name="passthrough",
        version="1",
        task="none",
        summary="every picture as it came",
        network=NetworkFacts("none", "none", {}, 0, 0.0),
        graph=GraphFacts(GRAPH_CONTRACT, _OPSET, 1, 1, ("restored", "health"), False, receptive_field=1, bytes_a_pixel=6),
        precision=PrecisionFacts("nothing", (), {}, 0.0, 0, (), (), {}),
        card=ModelCard("none", 0, 0, (), "none", ()),
        files={name: sha256_of(folder / name) for name in (MODEL, MODEL_FP16, PROOF)},
    )
    (folder / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
    return folder


def _graph() -> onnx.ModelProto:
    size: list[str | int] = ["n", "h", "w", 3]
    constants = {
        "begin": np.array([0, 0]),
        "end": np.array([2**31, 2**31]),
        "rows_and_columns": np.array([1, 2]),
        "every": np.array([_EVERY, _EVERY]),
        "levels_of_a_byte": np.float32(256),  # what stands for 1.0 in health (docs/bundle.md)
    }
    nodes = [
        helper.make_node("Identity", ["frame"], ["restored"]),
        helper.make_node("Slice", ["frame", "begin", "end", "rows_and_columns", "every"], ["few"]),
        helper.make_node("Cast", ["few"], ["levels"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["levels", "rows_and_columns"], ["mean"], keepdims=0),
        helper.make_node("Div", ["mean", "levels_of_a_byte"], ["health"]),
    ]
    graph = helper.make_graph(
        nodes,
        "passthrough",
        [helper.make_tensor_value_info("frame", TensorProto.UINT8, size)],
        [
            helper.make_tensor_value_info("restored", TensorProto.UINT8, size),
            helper.make_tensor_value_info("health", TensorProto.FLOAT, ["n", 3]),
        ],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=10)
