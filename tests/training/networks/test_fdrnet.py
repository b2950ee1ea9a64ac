"""FDR-Net: the sizes that the paper prints, the identity at the start, and any size that the stride divides."""

from __future__ import annotations

import pytest
import torch

from training.networks import PRESETS
from training.networks.fdrnet import FDRNet, FDRNetConfig
from training.networks.gain_control import InverseGainControl


@pytest.mark.parametrize(
    ("config", "millions"),
    [(FDRNetConfig(), 1.66), (FDRNetConfig(disentangle=False), 1.62), (FDRNetConfig(auxiliary=False), 1.21)],
    ids=["whole", "without FDM", "without the auxiliary branch"],
)
def test_parameters_are_those_of_table_5(config: FDRNetConfig, millions: float) -> None:
    counted = sum(parameter.numel() for parameter in FDRNet(config).parameters()) / 1e6
    assert counted == pytest.approx(millions, rel=0.03)


@pytest.mark.parametrize("preset", [name for name in PRESETS if name.startswith("fdrnet")])
def test_it_starts_as_the_identity_and_keeps_the_size(preset: str) -> None:
    network = PRESETS[preset].build()
    stride = int(network.stride)  # type: ignore[arg-type]
    picture = torch.rand(2, 3, 5 * stride, 4 * stride)
    torch.testing.assert_close(network(picture), picture)


def test_each_fd_layer_has_its_inverse() -> None:
    network = FDRNet(FDRNetConfig(channels=8, phases=2, fd_layers=3))
    inverses = [module for module in network.modules() if isinstance(module, InverseGainControl)]
    assert len(network.gain_controls()) == len(inverses) == 2 * 3


def test_every_parameter_takes_part() -> None:
    network = FDRNet(FDRNetConfig(channels=8, phases=2, fd_layers=2, unshuffle=2))
    torch.nn.init.normal_(network.tail.weight)
    network(torch.rand(1, 3, 16, 16)).square().mean().backward()
    assert [name for name, parameter in network.named_parameters() if parameter.grad is None] == []
