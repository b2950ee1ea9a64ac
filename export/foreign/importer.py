"""`clearway import-onnx`: somebody else's ONNX file becomes a bundle under the same gate. Knows no network by name.

The truth of the gate is ONNX Runtime on the file as it came, between the contract's own pre- and post-processing in PyTorch. So what
wrapping, converting and inlining made of the model is compared with something that went through none of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import onnx_ir as ir
from onnx.shape_inference import InferenceError

from export.bundle_writer import BundleParts, ExportOptions, check_target, write_model
from export.foreign.cost import Cost, cost_of_foreign
from export.foreign.file import ForeignFile, read_foreign
from export.foreign.graph import at_opset, inline
from export.foreign.network import PLACEHOLDER, ForeignNetwork, PixelRange, asked_of, find_stride
from export.onnx.graph import traced
from runtime.errors import ExportError
from runtime.model.manifest import ModelCard, ModelManifest, NetworkFacts
from training.degradations.description import parse_mixture

RECIPE = "import-onnx"
# What the file was trained against is not known. A little of what every camera adds exercises any network.
DEGRADATION = "noise(read=2..12) + jpeg(quality=50..95)@0.5"


@dataclass(frozen=True)
class ImportOptions:
    """What only the user can know of a file."""

    trained: PixelRange
    stride: int | None = None  # None: found by trying
    task: str = "restore"
    summary: str = ""
    licence: str = "unknown"


def import_onnx(path: Path, asked: ImportOptions, options: ExportOptions) -> ModelManifest:
    check_target(options)
    file = read_foreign(path)
    ask = asked_of(file)
    stride, scale = find_stride(file, ask, asked.trained, asked.stride)
    network = ForeignNetwork(ask, asked.trained, stride, scale)
    cost = cost_of_foreign(at_opset(file), file.input, stride)
    graph = traced(network)
    facts = NetworkFacts("foreign", path.stem, _config(file, asked.trained), cost.parameters, round(cost.gflops_720p, 3))
    summary, card = asked.summary or f"{path.name}, made elsewhere", _card(file, cost, asked.licence)
    made = BundleParts(asked.task, summary, facts, card, network, graph, parse_mixture(DEGRADATION), 1, None)
    try:
        inline(graph, PLACEHOLDER, file)
        return write_model(made, options)
    except (
        ir.passes.InvariantError,
        InferenceError,
        RuntimeError,
        ValueError,
    ) as error:  # operators that ours do not use
        reason = next(iter(str(error.__cause__ or error).splitlines()), type(error).__name__)
        wanted = f"expected a graph that can be typed and computed in FP16, this one cannot ({reason})"
        raise ExportError(f"{path}: {wanted}; export the network with other operators, or tell us of it") from error


def _config(file: ForeignFile, trained: PixelRange) -> dict[str, object]:
    return {"range": [trained.low, trained.high], "order": trained.order, "opset": file.opset, "sha256": file.sha256}


def _card(file: ForeignFile, cost: Cost, licence: str) -> ModelCard:
    weaknesses = ["it was trained elsewhere: what it is bad at is not known here", "it is never run in tiles: how far it sees is not known"]
    if cost.uncounted:
        weaknesses.append(f"its GFLOP leave out {len(cost.uncounted)} operators whose sizes only a run shows ({cost.uncounted[0]} first)")
    return ModelCard(RECIPE, 0, 0, (f"unknown: imported from {file.path.name}",), licence, tuple(weaknesses))
