"""Owns tiny bundles for tests: a real ONNX graph under the graph contract, a manifest, a proof."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from runtime.model.bundle import MANIFEST, MODEL, MODEL_FP16, PROOF, sha256_of
from runtime.model.manifest import GRAPH_CONTRACT, SCHEMA, GraphFacts, ModelCard, ModelManifest, NetworkFacts, PrecisionFacts
from runtime.picture import Picture

_ADDED_LEVELS = {"identity": 0.0, "brighten": 10.0, "nan": float("nan"), "separate": 10.0, "enlarge": 0.0, "coarse": 0.0}
_LEVELS = 256  # what stands for 1.0 in health (docs/bundle.md)


def make_bundle(folder: Path, kind: str = "identity", name: str = "tiny") -> Path:
    """A bundle in `folder` whose graph adds a constant to the picture: `kind` is "identity", "brighten" (by 10) or "nan".

    "separate" brightens and gives 255 − restored as its interference; "enlarge" repeats every pixel twice on both axes; "coarse" adds
    2¹⁸ and takes it away again, which leaves the picture as it is in FP32 and nothing of it in bf16.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for file in (MODEL, MODEL_FP16):  # the second is FP32 as well: only engines open it, and they look
        onnx.save(_graph(kind), folder / file)
    np.savez(folder / PROOF, **_proof(kind))  # type: ignore[arg-type]  # numpy's stub takes the names for its own flag
    files = {file: sha256_of(folder / file) for file in (MODEL, MODEL_FP16, PROOF)}
    manifest = ModelManifest(
        schema=SCHEMA,
        name=name,
        version="1",
        task="test",
        summary=f"Tiny: {kind}",
        network=NetworkFacts("tiny", "tiny", {}, 0, 0.0),
        graph=GraphFacts(GRAPH_CONTRACT, 20, 1, _scale(kind), _outputs(kind), False, receptive_field=1, bytes_a_pixel=40),
        precision=PrecisionFacts("nothing", (), {}, 0.0, 0, (), (), {}),
        card=ModelCard("derain", 1, 0, (), "none", ("everything",)),
        files=files,
    )
    (folder / MANIFEST).write_text(manifest.to_json())
    return folder


def _scale(kind: str) -> int:
    return 2 if kind == "enlarge" else 1


def _outputs(kind: str) -> tuple[str, ...]:
    return ("restored", "health", "interference") if kind == "separate" else ("restored", "health")


def _proof(kind: str) -> dict[str, Picture | NDArray[np.float32] | NDArray[np.str_]]:
    """One drawn picture and its answer, under the names that export gives them."""
    added = _ADDED_LEVELS[kind]
    frame = np.random.default_rng(1).integers(0, 200, (16, 20, 3), np.uint8)
    restored = (frame + np.uint8(np.nan_to_num(added))).repeat(_scale(kind), 0).repeat(_scale(kind), 1)
    health = np.asarray(((frame + added) / _LEVELS).mean((0, 1)), np.float32)
    separated = {"0/expected_interference": 255 - restored[None]} if kind == "separate" else {}
    return separated | {
        "0/name": np.array("noise 20×16"),
        "0/frame": frame,
        "0/expected_restored": restored[None],
        "0/expected_health": health[None],
    }


def _graph(kind: str) -> onnx.ModelProto:
    size: list[str | int] = ["n", "h", "w", 3]
    added, scale = _ADDED_LEVELS[kind], _scale(kind)
    large: list[str | int] = ["n", "h2", "w2", 3] if scale > 1 else size
    nodes = [
        helper.make_node("Cast", ["frame"], ["levels"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["levels"], ["planes"], perm=[0, 3, 1, 2]),
        *_convolutions(kind),
        helper.make_node("Add", ["same", "added"], ["brighter"]),
        helper.make_node("ReduceMean", ["brighter", "axes"], ["mean"], keepdims=0),
        helper.make_node("Div", ["mean", "levels_of_a_byte"], ["health"]),
        helper.make_node("Clip", ["brighter", "low", "high"], ["clamped"]),
        helper.make_node("Round", ["clamped"], ["rounded"]),
        helper.make_node("Resize", ["rounded", "", "scales"], ["sized"], mode="nearest") if scale > 1 else _same("rounded", "sized"),
        helper.make_node("Transpose", ["sized"], ["back"], perm=[0, 2, 3, 1]),
        helper.make_node("Cast", ["back"], ["restored"], to=TensorProto.UINT8),
        helper.make_node("Sub", ["high", "back"], ["rest"]),
        helper.make_node("Cast", ["rest"], ["interference"], to=TensorProto.UINT8),
    ]
    levels = {"added": added, "low": 0, "high": 255, "levels_of_a_byte": _LEVELS}
    # The kernel keeps every pixel. It is there so that an engine has a layer whose precision it chooses; whole numbers up to 256
    # are exact in bf16 too.
    kernel = np.eye(3, dtype=np.float32).reshape(3, 3, 1, 1)
    far = np.full(3, 2.0**18, np.float32)
    constants = {name: np.float32(level) for name, level in levels.items()} | {"kernel": kernel, "axes": np.array([2, 3])}
    constants |= {"there": far, "back_again": -far} if kind == "coarse" else {}
    constants["scales"] = np.array([1, 1, scale, scale], np.float32)
    outputs = {name: helper.make_tensor_value_info(name, TensorProto.UINT8, large) for name in ("restored", "interference")}
    outputs["health"] = helper.make_tensor_value_info("health", TensorProto.FLOAT, ["n", 3])
    if kind != "separate":
        del nodes[-2:]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("frame", TensorProto.UINT8, size)],
        [outputs[name] for name in _outputs(kind)],
        [numpy_helper.from_array(np.asarray(value), key) for key, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def _convolutions(kind: str) -> list[onnx.NodeProto]:
    if kind != "coarse":
        return [helper.make_node("Conv", ["planes", "kernel"], ["same"])]
    there, back = ["planes", "kernel", "there"], ["far", "kernel", "back_again"]
    return [helper.make_node("Conv", there, ["far"]), helper.make_node("Conv", back, ["same"])]


def _same(name: str, again: str) -> onnx.NodeProto:
    return helper.make_node("Identity", [name], [again])
