"""The measurements behind the choice of a form for windowed attention: what TensorRT-RTX fuses, and what each form costs on a CPU.

`python -m benchmarks.measure.model.attention --record FILE`. Engines are built, which needs no GPU, and not run; which kernels they hold
is read back.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import onnxruntime
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.measure.model.exports import SIZES, TARGET
from benchmarks.record import dated, recorded
from export.engines.engine import BuildOptions, build_engine
from export.onnx.attention import ExplicitAttention
from export.onnx.graph import facts_of, fp32_of, traced
from export.onnx.precision import TypedFp16
from runtime.backends.openvino import shared_core
from runtime.engines.cache import EngineCache
from runtime.errors import ClearwayError
from runtime.model.bundle import GRAPHS, Bundle
from runtime.model.manifest import SCHEMA, ModelCard, ModelManifest, NetworkFacts, PrecisionFacts
from runtime.picture import Picture
from training.networks import PRESETS
from training.networks.window_attention import WindowBlock

SHAPES = ((2, 8), (1, 16), (2, 16), (2, 32), (4, 32))  # heads, channels of each
WINDOW = 8
_ROUNDS, _FRAME = 6, (1, 720, 1280, 3)


class TwoWindowBlocks(nn.Module):
    """Two blocks, the second shifted, on a picture that is unshuffled by 4."""

    stride, scale, sees_whole_picture, receptive_field = 4 * WINDOW, 1, False, 4 * 4 * WINDOW

    def __init__(self, heads: int, size: int) -> None:
        super().__init__()
        channels = heads * size
        self.head, self.tail = nn.Conv2d(48, channels, 3, padding=1), nn.Conv2d(channels, 48, 3, padding=1)
        self.blocks = nn.Sequential(*(WindowBlock(channels, WINDOW, heads, 2.0, shifted=shifted) for shifted in (False, True)))

    def forward(self, picture: Tensor) -> Tensor:
        return picture + F.pixel_shuffle(self.tail(self.blocks(self.head(F.pixel_unshuffle(picture, 4)))), 4)


def in_form(graph: ir.Model, form: str, precision: str) -> bytes:
    """The graph with its attention fused or explicit, as it is built for that precision; no form is chosen here."""
    model = graph.clone() if form == "fused" else ExplicitAttention()(graph.clone()).model
    if precision == "fp16":
        wide = [node.name or "" for node in model.graph if node.op_type in ("ReduceMean", "Softmax")]
        TypedFp16(dict.fromkeys(wide, "a measurement"))(model)
    written: bytes = ir.to_proto(model).SerializeToString(deterministic=True)
    return written


def fusions() -> Iterator[dict[str, Any]]:
    """For each shape, form, precision and kind of size: whether TensorRT-RTX fuses both blocks, or what it says."""
    for heads, size in SHAPES:
        torch.manual_seed(0)
        network = TwoWindowBlocks(heads, size).eval()
        graph = traced(network)
        for form, precision, (sizes, profiles) in itertools.product(("fused", "explicit"), GRAPHS, SIZES.items()):
            with tempfile.TemporaryDirectory(prefix="clearway-attention-") as folder:
                bundle = _bundle(Path(folder), network, in_form(graph, form, precision))
                try:
                    order = BuildOptions(TARGET, precision, profiles)
                    blocks = build_engine(bundle, order, EngineCache(Path(folder) / "engines"), lambda _: None).record.attention
                    answer = {"fused": sum(block.fused for block in blocks), "blocks": len(blocks), "said": blocks[0].why}
                except ClearwayError as error:
                    answer = {"fused": None, "blocks": 2, "said": str(error).replace(folder, "BUNDLE")}
            yield {"heads": heads, "size": size, "form": form, "precision": precision, "sizes": sizes, **answer}


def _bundle(folder: Path, network: nn.Module, model: bytes) -> Bundle:
    for name in GRAPHS.values():
        (folder / name).write_bytes(model)
    manifest = ModelManifest(
        schema=SCHEMA,
        name="windowed",
        version="1",
        task="none",
        summary="two blocks",
        network=NetworkFacts("windowed", "windowed", {}, 0, 0.0),
        graph=facts_of(network, model),
        precision=PrecisionFacts("nothing", (), {}, 0.0, 0, (), (), {}),
        card=ModelCard("none", 0, 0, (), "none", ()),
        files=dict.fromkeys(GRAPHS.values(), hashlib.sha256(model).hexdigest()),
    )
    return Bundle(folder, manifest)


def on_a_cpu(preset: str = "plnlin-edge") -> list[dict[str, Any]]:
    """Both forms in FP32 and bf16 in turns, so that what else the machine does hits all alike; the fastest of each counts."""
    graph = traced(PRESETS[preset].build().eval())
    runs: dict[tuple[str, str], Callable[[Picture], object]] = {}
    for form, model in (("fused", in_form(graph, "fused", "fp32")), ("explicit", fp32_of(graph))):
        runs["onnxruntime", form] = _onnxruntime(model)
        runs["openvino", form] = _openvino(model)
    frame = np.random.default_rng(0).integers(0, 256, _FRAME, dtype=np.uint8)
    times: dict[tuple[str, str], list[float]] = {key: [] for key in runs}
    for _ in range(_ROUNDS):
        for key, run in runs.items():
            started = time.perf_counter()
            run(frame)
            times[key].append(1000 * (time.perf_counter() - started))
    return [{"preset": preset, "engine": e, "form": form, "ms": round(min(ms[1:]), 1)} for (e, form), ms in times.items()]


def _onnxruntime(model: bytes) -> Callable[[Picture], object]:
    session = onnxruntime.InferenceSession(model)
    return lambda frame: session.run(None, {"frame": frame})


def _openvino(model: bytes) -> Callable[[Picture], object]:
    read = shared_core().read_model(model)
    read.reshape(list(_FRAME))
    compiled = shared_core().compile_model(read, "CPU", {"PERFORMANCE_HINT": "LATENCY"})
    return lambda frame: compiled(frame)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.measure.model.attention", description=__doc__)
    return recorded(parser, arguments, lambda _: dated({"size": "1280×720", "fusions": list(fusions()), "cpu": on_a_cpu()}))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
