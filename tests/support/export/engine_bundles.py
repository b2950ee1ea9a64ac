"""Bundles with graphs for the tests of engines: convolutions and attention in any precision, drawn node by node."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
from onnx import TensorProto, helper, numpy_helper

from export.onnx.precision import TypedFp16, prepared
from runtime.model.bundle import MANIFEST, MODEL, MODEL_FP16, Bundle, open_bundle, sha256_of
from tests.support.tiny import make_bundle


def engine_bundle(folder: Path, *, fp16: bytes | None = None, fp32: bytes | None = None) -> Bundle:
    """A tiny bundle whose graphs are these."""
    bundle = open_bundle(make_bundle(folder))
    files = dict(bundle.manifest.files)
    for name, model in ((MODEL_FP16, fp16), (MODEL, fp32)):
        if model is not None:
            (folder / name).write_bytes(model)
            files[name] = sha256_of(folder / name)
    (folder / MANIFEST).write_text(dataclasses.replace(bundle.manifest, files=files).to_json())
    return open_bundle(folder)


def typed_graph(traced: ir.Model) -> bytes:
    """model.fp16.onnx as export makes it of a traced graph, calibrated on one picture."""
    ready = prepared(traced, [np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)])
    written: bytes = ir.to_proto(TypedFp16(ready.fp32)(ready.model).model).SerializeToString()
    return written


@dataclass(frozen=True)
class Part:
    """A few nodes that take one tensor [N, C, H, W] and give another, in the PyTorch module `module`."""

    module: str
    kind: str  # "conv", "attention", "explicit", or any operator with one input and one output
    half: bool = True
    heads: int = 2
    head_size: int = 16
    domain: str = ""


def graph_of(parts: Sequence[Part]) -> bytes:
    """The parts one after another under the graph contract, with 32 channels between them, cast wherever the type changes."""
    drawing = _Drawing()
    tensor = drawing.add("/Cast", "Cast", ["frame"], to=TensorProto.FLOAT)
    tensor = drawing.add("/Transpose", "Transpose", [tensor], perm=[0, 3, 1, 2])
    tensor = drawing.conv("network.head", tensor, 32, 3, np.float32)
    for part in parts:
        tensor = drawing.add(f"{part.module}/Cast", "Cast", [tensor], to=TensorProto.FLOAT16 if part.half else TensorProto.FLOAT)
        tensor = drawing.part(part, tensor)
    tensor = drawing.add("/Cast_1", "Cast", [tensor], to=TensorProto.FLOAT)
    tensor = drawing.conv("network.tail", tensor, 3, 32, np.float32)
    tensor = drawing.add("/Transpose_1", "Transpose", [tensor], perm=[0, 2, 3, 1])
    return drawing.finish(tensor)


class _Drawing:
    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._rng = np.random.default_rng(0)

    def add(self, name: str, operator: str, inputs: Sequence[str], domain: str = "", **attributes: Any) -> str:
        output = f"t{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, list(inputs), [output], name, domain=domain, **attributes))
        return output

    def constant(self, value: np.ndarray) -> str:
        name = f"c{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(value, name))
        return name

    def conv(self, module: str, tensor: str, channels: int, of: int, kind: type) -> str:
        # Not zeros: a builder sees through a static network that always gives the same, attention and all.
        kernel: np.ndarray = self._rng.normal(0, 0.1, (channels, of, 1, 1)).astype(kind)
        return self.add(f"{module}/Conv", "Conv", [tensor, self.constant(kernel)])

    def part(self, part: Part, tensor: str) -> str:
        if part.kind == "conv":
            return self.conv(part.module, tensor, 32, 32, np.float16 if part.half else np.float32)
        if part.kind in {"attention", "explicit"}:
            return self._attention(part, tensor)
        return self.add(f"{part.module}/{part.kind}", part.kind, [tensor], part.domain)

    def _attention(self, part: Part, tensor: str) -> str:
        """What lies one after another in memory is a window: [N, 32, H, W] → [windows, heads, places, head size] and back."""
        name, shape = part.module, [-1, part.heads, part.head_size, 16]
        key = self.add(f"{name}/Reshape", "Reshape", [tensor, self.constant(np.array(shape))])
        query = self.add(f"{name}/Transpose", "Transpose", [key], perm=[0, 1, 3, 2])
        if part.kind == "attention":
            answer = self.add(f"{name}/Attention", "Attention", [query, query, query], scale=1.0)
        else:
            answer = self._explicit(part, query, key)
        turned = self.add(f"{name}/Transpose_1", "Transpose", [answer], perm=[0, 1, 3, 2])
        return self.add(f"{name}/Reshape_1", "Reshape", [turned, self.add(f"{name}/Shape", "Shape", [tensor])])

    def _explicit(self, part: Part, query: str, key: str) -> str:
        """As `attend` in training/networks/window_attention.py: the softmax in FP32."""
        scores = self.add(f"{part.module}/MatMul", "MatMul", [query, key])
        scores = self.add(f"{part.module}/Cast_1", "Cast", [scores], to=TensorProto.FLOAT)
        weights = self.add(f"{part.module}/Softmax", "Softmax", [scores], axis=-1)
        weights = self.add(f"{part.module}/Cast_2", "Cast", [weights], to=TensorProto.FLOAT16 if part.half else TensorProto.FLOAT)
        return self.add(f"{part.module}/MatMul_1", "MatMul", [weights, query])

    def finish(self, tensor: str) -> bytes:
        self._nodes.append(helper.make_node("Cast", [tensor], ["restored"], "/Cast_2", to=TensorProto.UINT8))
        frame = helper.make_tensor_value_info("frame", TensorProto.UINT8, ["N", "H", "W", 3])
        restored = helper.make_tensor_value_info("restored", TensorProto.UINT8, ["N", "H", "W", 3])
        graph = helper.make_graph(self._nodes, "drawn", [frame], [restored], self._constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 23)], ir_version=10)
        written: bytes = model.SerializeToString(deterministic=True)
        return written
