"""The graph contract: network → FP32 ONNX whose input and outputs are bytes. Does not know checkpoints, bundles or engines.

    frame        uint8   [N, H, W, 3]    BGR, any N, any H and W from 16 pixels
    restored     uint8   [N, sH, sW, 3]  BGR, s is the network's scale
    health       float32 [N, 3]          means of B, G and R (0..1) before clamping: NaN and Inf show here, never in bytes
    interference uint8   [N, sH, sW, 3]  128 + (signed layer)/2 in grey levels, from networks that return (restored, layer)

Padding to the stride, cropping, channel order, clamping and rounding are in the graph, so that no engine's host has any of it.
`FrameGraph` runs in PyTorch as well: it is what every engine is compared with.
"""

from __future__ import annotations

import contextlib
import copy
import logging
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast

import onnx
import onnx_ir as ir
import torch
from onnx_ir.passes.common import ClearMetadataAndDocStringPass
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from export.onnx.attention import TRANSLATION, ExplicitAttention, as_single_nodes
from export.onnx.measure import bytes_a_pixel
from export.onnx.names import name_by_module
from runtime.errors import ExportError
from runtime.model.manifest import GRAPH_CONTRACT, MINIMUM_SIDE, GraphFacts
from runtime.picture import Picture, Tensors
from training.networks import LEVELS

OPSET = 23  # the first that has Attention; ONNX Runtime 1.31 and OpenVINO 2026.4 gave the same pictures from 20 to 25
OUTPUTS = ("restored", "health", "interference")


@dataclass(frozen=True)
class Traits:
    """What a network says of itself in plain attributes."""

    stride: int
    scale: int
    sees_whole_picture: bool
    receptive_field: int | None


def traits_of(network: nn.Module) -> Traits:
    name = type(network).__name__
    stride, scale = getattr(network, "stride", None), getattr(network, "scale", None)
    whole, field = getattr(network, "sees_whole_picture", None), getattr(network, "receptive_field", None)
    if not isinstance(stride, int) or not isinstance(scale, int) or min(stride, scale) < 1:
        raise ExportError(f"{name} must have stride and scale, whole numbers from 1; they are {stride!r} and {scale!r}")
    if not isinstance(whole, bool) or not isinstance(field, int | None):
        raise ExportError(f"{name} must have sees_whole_picture (bool) and receptive_field (int or None); they are {whole!r} and {field!r}")
    return Traits(stride, scale, whole, field)


class FrameGraph(nn.Module):
    """The network between bytes, in evaluation mode. Returns (restored, health) or (restored, health, interference)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.traits = traits_of(network)
        self.network = network.eval()
        self.register_buffer("swap", torch.tensor([2, 1, 0]), persistent=False)
        self.eval()

    def forward(self, frame: Tensor) -> tuple[Tensor, ...]:
        # Cast first: TensorRT refuses a Transpose of uint8.
        picture = self._swapped(frame.to(torch.float32).permute(0, 3, 1, 2)) / LEVELS
        height, width, stride, scale = picture.shape[2], picture.shape[3], self.traits.stride, self.traits.scale
        # Not `-height % stride`: torch.export cannot bound it.
        right, below = (stride - width % stride) % stride, (stride - height % stride) % stride
        answer = self.network(_mirrored(picture, right, below, stride))
        restored, layer = answer if isinstance(answer, tuple) else (answer, None)
        restored = self._swapped(restored[:, :, : height * scale, : width * scale])
        outputs = (_bytes(restored * LEVELS), restored.mean(dim=(2, 3)))
        if layer is None:
            return outputs
        layer = self._swapped(layer[:, :, : height * scale, : width * scale])
        return (*outputs, _bytes(128 + layer * (LEVELS / 2)))

    def _swapped(self, picture: Tensor) -> Tensor:
        """RGB ↔ BGR. As one Gather on planes it costs 1.2 ms at 720p in OpenVINO; flip 1.5, on interleaved pixels 3 and more."""
        return torch.index_select(picture, 1, cast(Tensor, self.swap))


def _mirrored(picture: Tensor, right: int, below: int, stride: int) -> Tensor:
    """Padded by reflection at the right and below, over and over where the stride is far beyond the picture."""
    if stride <= MINIMUM_SIDE:  # one reflection adds up to side - 1 pixels; engines know it by name and do it faster
        return F.pad(picture, (0, right, 0, below), mode="reflect")
    rows, columns = (_there_and_back(side, more, picture) for side, more in ((picture.shape[2], below), (picture.shape[3], right)))
    return picture.index_select(2, rows).index_select(3, columns)


def _there_and_back(side: int, more: int, like: Tensor) -> Tensor:
    """0, 1, … side - 1, side - 2, … 1, 0, 1, …: which row stands in each of side + more places."""
    period = torch.full((1,), 2 * side - 2, device=like.device)  # a tensor: the exporter takes no remainder by a side it does not know
    place = torch.arange(side + more, device=like.device) % period
    return torch.minimum(place, period - place)  # not by abs(): OpenVINO 2026.4 folds the one of whole numbers to nothing


def _bytes(levels: Tensor) -> Tensor:
    return levels.clamp(0, 255).round().permute(0, 2, 3, 1).to(torch.uint8)


def reference(network: nn.Module) -> Callable[[Picture], Tensors]:
    """The same graph run by PyTorch in FP32: uint8 [N, H, W, 3] → outputs by name."""
    graph = FrameGraph(network)

    def run(frames: Picture) -> Tensors:
        with torch.inference_mode():
            outputs = graph(torch.from_numpy(frames))
        return {name: output.numpy() for name, output in zip(OUTPUTS, outputs, strict=False)}

    return run


def traced(network: nn.Module) -> ir.Model:
    """The graph in FP32 with one node for each attention block: weights inside, no trace of where it was made."""
    graph = FrameGraph(as_single_nodes(network))
    # No two sides alike and none of them special: a side of one stride would be 1 at the bottom of the network, and stay 1 for ever.
    longest = max(graph.traits.stride, MINIMUM_SIDE)
    sample = torch.zeros(2, 2 * longest + 3, 3 * longest + 2, 3, dtype=torch.uint8)
    with torch.inference_mode():
        names = OUTPUTS[: len(graph(sample))]
    side = {"min": MINIMUM_SIDE}
    dims = {0: torch.export.Dim("N"), 1: torch.export.Dim("H", **side), 2: torch.export.Dim("W", **side)}
    with _understood_noise():
        program = torch.onnx.export(
            graph,
            (sample,),
            input_names=["frame"],
            output_names=list(names),
            dynamic_shapes={"frame": dims},
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
            custom_translation_table=TRANSLATION,
        )
    if program is None:  # only the old exporter returns nothing
        raise ExportError(f"torch.onnx.export returned no program for {type(network).__name__}")
    name_by_module(program.model)
    ClearMetadataAndDocStringPass()(program.model)
    return program.model


def fp32_of(graph: ir.Model) -> bytes:
    """model.onnx: attention in explicit form. The same weights give the same bytes."""
    proto = ir.to_proto(ExplicitAttention()(graph.clone()).model)
    onnx.checker.check_model(proto, full_check=True)
    written: bytes = proto.SerializeToString(deterministic=True)
    return written


def export_graph(network: nn.Module) -> bytes:
    return fp32_of(traced(network))


@contextlib.contextmanager
def _understood_noise() -> Iterator[None]:
    """Two messages of torch 2.13's exporter that say nothing about this graph; any other comes through."""
    # It offers translations for torchvision's operators and logs their absence; no network here uses one.
    registration = logging.getLogger("torch.onnx._internal.exporter._registration")
    level = registration.level
    registration.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # It copies its own tree specifications by a way that torch itself has deprecated.
            warnings.filterwarnings("ignore", message=r".*isinstance\(treespec, LeafSpec\)", category=FutureWarning)
            yield
    finally:
        registration.setLevel(level)


def facts_of(network: nn.Module, model: bytes) -> GraphFacts:
    """The manifest's graph section; outputs and opset are read back from the file."""
    traits = traits_of(network)
    read = onnx.load_model_from_string(model)
    return GraphFacts(
        contract=GRAPH_CONTRACT,
        opset=next(entry.version for entry in read.opset_import if entry.domain == ""),
        stride=traits.stride,
        scale=traits.scale,
        outputs=tuple(output.name for output in read.graph.output),
        sees_whole_picture=traits.sees_whole_picture,
        receptive_field=traits.receptive_field,
        bytes_a_pixel=bytes_a_pixel(read, traits.stride, traits.scale),
    )


def cost_of(network: nn.Module) -> tuple[int, float]:
    """(parameters, GFLOP of one 1280×720 frame, counting a multiply-add as two), without computing anything."""
    frame = torch.zeros(1, 720, 1280, 3, dtype=torch.uint8, device="meta")
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        FrameGraph(copy.deepcopy(network)).to("meta")(frame)
    return sum(parameter.numel() for parameter in network.parameters()), counter.get_total_flops() / 1e9
