"""Owns which kernels an engine runs and which ONNX nodes each of them computes, as TensorRT tells it; knows nothing of networks."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from runtime.backends.tensorrt.api import TensorRT
from runtime.backends.tensorrt.log import Log

_LINE = re.compile(r"Name: (?P<name>.*?), LayerType: .*, Metadata: (?P<nodes>.*)")
_NODE = re.compile(r"\[ONNX Layer: ([^\]]*)\]")


@dataclass(frozen=True)
class Kernel:
    name: str
    nodes: frozenset[str]  # the ONNX nodes that it computes, wholly or in part


def onnx_nodes(metadata: str) -> list[str]:
    return _NODE.findall(metadata)


def kernels_in_log(_trt: TensorRT, _logger: object, log: Log, _plan: bytes) -> tuple[Kernel, ...]:
    lines = (_LINE.match(line) for line in log.kernels.splitlines())
    return tuple(Kernel(line["name"], frozenset(onnx_nodes(line["nodes"]))) for line in lines if line)


def kernels_inspected(trt: TensorRT, logger: object, _log: Log, plan: bytes) -> tuple[Kernel, ...]:
    """Needs the card that the engine was built on."""
    engine = trt.Runtime(logger).deserialize_cuda_engine(plan)
    if engine is None:
        return ()
    told = json.loads(engine.create_engine_inspector().get_engine_information(trt.LayerInformationFormat.JSON))
    return tuple(Kernel(layer["Name"], frozenset(onnx_nodes(layer.get("Metadata", "")))) for layer in told["Layers"])
