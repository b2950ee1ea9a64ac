"""A checkpoint of a small FDR-Net that returns its picture as it was."""

from __future__ import annotations

from typing import Any

from runtime.model.manifest import ModelCard
from training.checkpoint import Checkpoint
from training.networks.fdrnet import FDRNet, FDRNetConfig

CONFIG: dict[str, Any] = {"channels": 8, "phases": 1, "fd_layers": 1, "process_blocks": 1, "auxiliary_blocks": 1, "unshuffle": 2}
CARD = ModelCard("derain", 1, 10, ("photos: 3 clean pictures",), "research use", ("splashes",))


def identity() -> Checkpoint:
    return Checkpoint("fdrnet", "fdrnet-edge", dict(CONFIG), "derain", "A test", CARD, FDRNet(FDRNetConfig(**CONFIG)).state_dict())
