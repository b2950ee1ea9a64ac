"""Export a network of one's own, written in PyTorch, as a bundle: python examples/export_own_network.py bundles/soften"""

import argparse
from pathlib import Path

import torch
from torch import Tensor, nn

from export.bundle_writer import ExportOptions, write_bundle
from export.onnx.trained import ExportedNetwork
from runtime.model.manifest import ModelCard
from training.checkpoint import Checkpoint
from training.degradations.description import parse_mixture


class Soften(nn.Module):
    """Float32 RGB in 0..1, [N, 3, H, W], in and out. The four facts say what an engine must know of it."""

    stride, scale = 1, 1  # H and W may be any whole number; the result has the size of the source
    sees_whole_picture, receptive_field = False, 3

    def __init__(self) -> None:
        super().__init__()
        self.blur = nn.Conv2d(3, 3, 3, padding=1, padding_mode="replicate", groups=3, bias=False)
        nn.init.constant_(self.blur.weight, 1 / 9)

    def forward(self, picture: Tensor) -> Tensor:
        return torch.lerp(picture, self.blur(picture), 0.5)


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("bundle", type=Path)
network = Soften().eval()
card = ModelCard("by hand", seed=0, steps=0, data=(), licence="Apache-2.0", weaknesses=("softens edges too",))
checkpoint = Checkpoint("soften", "soften", {}, "denoise", "A 3×3 mean, half strength", card, network.state_dict())
noise = parse_mixture("noise(read=2..8)")  # what is laid over the pictures on which the engines are compared with PyTorch
manifest = write_bundle(ExportedNetwork(checkpoint, network, noise), ExportOptions(parser.parse_args().bundle, say=print))
print(*(f"{record.backend} {record.precision}: at most {record.max_levels} levels off" for record in manifest.parity), sep="\n")
