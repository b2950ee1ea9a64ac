"""The table of networks and their presets. Does not know training or export. Adding a network is adding two lines here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import nn

from runtime.errors import CheckpointError, UsageError
from training.networks.aigan import AIGAN, AIGANConfig
from training.networks.fdrnet import FDRNet, FDRNetConfig
from training.networks.physicsgan import PhysicsGAN, PhysicsGANConfig
from training.networks.plnlin import PLNLIN, PLNLINConfig

# What a network is given is levels ÷ 256, not ÷ 255: so each of the 256 levels is exact in bf16 and in FP16, and a restored picture
# falls on the same grid. With 255 the worst picture of bf16 inference was 2 to 4 dB further from FP32.
LEVELS = 256

NETWORKS: dict[str, tuple[type[Any], type[nn.Module]]] = {
    "aigan": (AIGANConfig, AIGAN),
    "fdrnet": (FDRNetConfig, FDRNet),
    "physicsgan": (PhysicsGANConfig, PhysicsGAN),
    "plnlin": (PLNLINConfig, PLNLIN),
}


@dataclass(frozen=True)
class Preset:
    """A network in a named size."""

    name: str
    network: str  # a key of NETWORKS
    config: Any  # that network's frozen Config

    def build(self) -> nn.Module:
        return NETWORKS[self.network][1](self.config)


PRESETS = {
    preset.name: preset
    for preset in (
        Preset("aigan", "aigan", AIGANConfig()),
        Preset("aigan-edge", "aigan", AIGANConfig(32, decoder_blocks=1, generator_blocks=1, filter=1, unshuffle=4, carry=True)),
        Preset("fdrnet", "fdrnet", FDRNetConfig()),
        # 24 GFLOP at 720p: on two cores with AVX512-BF16 it leaves room for decoding and encoding at about 20 frames a second.
        Preset("fdrnet-edge", "fdrnet", FDRNetConfig(phases=3, fd_layers=1, process_blocks=1, auxiliary_blocks=1, unshuffle=4)),
        Preset("physicsgan", "physicsgan", PhysicsGANConfig()),
        Preset("physicsgan-edge", "physicsgan", PhysicsGANConfig(16, downs=1, filter=3, normalise=False, residual=True, unshuffle=2)),
        Preset("plnlin", "plnlin", PLNLINConfig()),
        Preset("plnlin-edge", "plnlin", PLNLINConfig(stages=(1, 1), window=8, unshuffle=4, residual=True)),
    )
}


def find_preset(name: str) -> Preset:
    if name not in PRESETS:
        raise UsageError(f"no network preset is called {name!r}; there are: {', '.join(PRESETS)}")
    return PRESETS[name]


def build_network(name: str, config: dict[str, Any]) -> nn.Module:
    """The network that a checkpoint describes; its fields must be this version's fields."""
    if name not in NETWORKS:
        raise CheckpointError(f"the checkpoint holds a network called {name!r}, this Clearway knows: {', '.join(NETWORKS)}")
    config_type, network_type = NETWORKS[name]
    try:
        # JSON has lists where a config has tuples.
        return network_type(config_type(**{key: tuple(value) if isinstance(value, list) else value for key, value in config.items()}))
    except TypeError as error:
        raise CheckpointError(f"the checkpoint's {name} configuration does not fit this Clearway: {error}") from error
