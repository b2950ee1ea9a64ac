"""Owns bundles of real networks with drawn weights, for tests of what a receptive field, a stride or a window does."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from export.onnx.graph import export_graph, facts_of
from runtime.model.bundle import MANIFEST, MODEL, open_bundle, sha256_of
from tests.support.tiny import make_bundle


def network_bundle(folder: Path, network: nn.Module) -> Path:
    """Its FP32 graph and that graph's facts; all else is a tiny bundle's."""
    made = open_bundle(make_bundle(folder))
    (folder / MODEL).write_bytes(export_graph(network))
    graph = facts_of(network, (folder / MODEL).read_bytes())
    files = made.manifest.files | {MODEL: sha256_of(folder / MODEL)}
    (folder / MANIFEST).write_text(dataclasses.replace(made.manifest, graph=graph, files=files).to_json())
    return folder


class Stack(nn.Module):
    """3×3 convolutions on a picture folded by the stride. Each weighs its nine places alike: the farthest pixel that is seen matters."""

    sees_whole_picture = False

    def __init__(self, stride: int, layers: int, scale: int = 1) -> None:
        super().__init__()
        self.stride, self.scale = stride, scale
        self.receptive_field = (2 * layers + 1) * stride
        channels = 3 * stride**2
        self.layers = nn.Sequential(*(nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False) for _ in range(layers)))
        self.mix = nn.Conv2d(channels, channels, 1, bias=False)
        torch.manual_seed(layers)
        with torch.no_grad():
            for weight in self.layers.parameters():
                weight.fill_(1 / 9)
            self.mix.weight.uniform_(-1, 1)

    def forward(self, picture: Tensor) -> Any:
        blurred = self.mix(self.layers(F.pixel_unshuffle(picture, self.stride)))
        made = F.interpolate(0.5 + F.pixel_shuffle(blurred, self.stride), scale_factor=float(self.scale), mode="nearest")
        return made, made - 0.5
