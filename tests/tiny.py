"""Owns tiny bundles for tests: a real ONNX graph under the graph contract, a manifest, a proof."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from runtime.bundle import MANIFEST, MODEL, PROOF
from runtime.manifest import GRAPH_CONTRACT, SCHEMA, GraphFacts, ModelCard, ModelManifest, NetworkFacts

_ADDED_LEVELS = {"identity": 0.0, "brighten": 10.0, "nan": float("nan")}


def make_bundle(folder: Path, kind: str = "identity", name: str = "tiny") -> Path:
    """A bundle in `folder` whose graph returns the picture plus a constant; `kind` is a key of `_ADDED_LEVELS`."""
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(_graph(_ADDED_LEVELS[kind]), folder / MODEL)
    frame = np.random.default_rng(1).integers(0, 200, (16, 20, 3), np.uint8)
    np.savez(folder / PROOF, frame_0=frame, restored_0=frame + np.uint8(np.nan_to_num(_ADDED_LEVELS[kind])))
    files = {file: hashlib.sha256((folder / file).read_bytes()).hexdigest() for file in (MODEL, PROOF)}
    manifest = ModelManifest(
        schema=SCHEMA,
        name=name,
        version="1",
        task="test",
        summary=f"Tiny: {kind}",
        network=NetworkFacts("tiny", "tiny", {}, 0, 0.0),
        graph=GraphFacts(GRAPH_CONTRACT, 20, 1, 1, ("restored", "health"), sees_whole_picture=False, receptive_field=1),
        card=ModelCard("derain", 1, 0, (), "none", ("everything",)),
        files=files,
    )
    (folder / MANIFEST).write_text(manifest.to_json())
    return folder


def _graph(added: float) -> onnx.ModelProto:
    size: list[str | int] = ["n", "h", "w", 3]
    nodes = [
        helper.make_node("Cast", ["frame"], ["levels"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["levels"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Add", ["planes", "added"], ["brighter"]),
        helper.make_node("ReduceMean", ["brighter", "axes"], ["health"], keepdims=0),
        helper.make_node("Clip", ["brighter", "low", "high"], ["clamped"]),
        helper.make_node("Round", ["clamped"], ["rounded"]),
        helper.make_node("Transpose", ["rounded"], ["back"], perm=[0, 2, 3, 1]),
        helper.make_node("Cast", ["back"], ["restored"], to=TensorProto.UINT8),
    ]
    constants = {"added": np.float32(added), "low": np.float32(0), "high": np.float32(255), "axes": np.array([2, 3])}
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("frame", TensorProto.UINT8, size)],
        [
            helper.make_tensor_value_info("restored", TensorProto.UINT8, size),
            helper.make_tensor_value_info("health", TensorProto.FLOAT, ["n", 3]),
        ],
        [numpy_helper.from_array(np.asarray(value), key) for key, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
