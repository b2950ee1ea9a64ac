"""What a checkpoint is in its bundle: the network as users meet it, and the weather that its gate shows. Knows no graph and no file.

The two belong together. A recipe whose pictures were shrunk and enlarged again trains a network that keeps the size, but a user has
the small picture: in the bundle the network stands behind its enlarging, and the gate shows small pictures.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from training.checkpoint import Checkpoint
from training.degradations.degradation import Degradation
from training.degradations.sensor.low_resolution import Downscaling
from training.networks.enlarge import EnlargingNetwork
from training.settings import recipe_of


@dataclass(frozen=True)
class ExportedNetwork:
    checkpoint: Checkpoint
    network: nn.Module
    degrade: Degradation  # what it was trained on
    enlarges: int = 1  # times: `degrade` gives pictures that much smaller than their truth


def trained(checkpoint: Checkpoint) -> ExportedNetwork:
    recipe, network = recipe_of(checkpoint.card), checkpoint.build()
    if recipe.enlarges > 1:
        return ExportedNetwork(checkpoint, EnlargingNetwork(network, recipe.enlarges).eval(), Downscaling(recipe.enlarges), recipe.enlarges)
    return ExportedNetwork(checkpoint, network, recipe.degradation(checkpoint.card.seed, ()))
