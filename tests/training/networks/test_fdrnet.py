"""FDR-Net: the sizes that the paper prints, the identity at the start, and any size that the stride divides."""

from __future__ import annotations

import pytest
import torch

from export.onnx.graph import cost_of
from training.networks import PRESETS
from training.networks.blocks import ChannelAttention
from training.networks.fdrnet import FDRNet, FDRNetConfig, Phase
from training.networks.gain_control import GainControl, InverseGainControl


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
    gain_controls = [module for module in network.modules() if type(module) is GainControl]
    assert len(gain_controls) == len(inverses) == 2 * 3


def test_a_skip_carries_each_fd_layer_s_features_to_its_inverse_last_to_first() -> None:
    network = FDRNet(FDRNetConfig(channels=8, phases=1, fd_layers=3)).eval()
    came: list[torch.Tensor] = []
    for module in network.modules():
        if isinstance(module, InverseGainControl):
            module.register_forward_hook(lambda _module, inputs, _output: came.append(inputs[0]))
        if isinstance(module, ChannelAttention):  # the lower branch adds nothing of its own
            torch.nn.init.zeros_(module.gate[2].weight)  # type: ignore[arg-type]
            torch.nn.init.constant_(module.gate[2].bias, -100)  # type: ignore[arg-type]
        if isinstance(module, torch.nn.Sequential) and len(module) == 2 and isinstance(module[0], InverseGainControl):
            torch.nn.init.zeros_(module[1].weight)  # type: ignore[arg-type]
            torch.nn.init.zeros_(module[1].bias)  # type: ignore[arg-type]
    made = network(torch.rand(1, 3, 16, 16), every=True)
    for skip, features in zip(came, reversed(made.features[0]), strict=True):
        torch.testing.assert_close(skip, features)


def test_a_phase_goes_on_from_its_input_and_from_what_the_phase_before_fused() -> None:
    torch.manual_seed(0)
    network = FDRNet(FDRNetConfig(channels=8, phases=2)).eval()
    fused: list[torch.Tensor] = []  # by each phase alone
    phases = [module for module in network.modules() if isinstance(module, Phase)]
    for phase in phases:
        phase.fuse.register_forward_hook(lambda _module, _inputs, output: fused.append(output))
    ends: list[torch.Tensor] = []
    network.tail.register_forward_hook(lambda _module, inputs, _output: ends.append(inputs[0]))
    first, second = network(torch.rand(1, 3, 16, 16), every=True).entered
    torch.testing.assert_close(second, first + fused[0])
    torch.testing.assert_close(ends[0], second + fused[0] + fused[1])


def test_what_training_looks_at_comes_with_the_very_picture_that_is_shipped() -> None:
    network = FDRNet(FDRNetConfig(channels=8, phases=2, fd_layers=3, unshuffle=2)).eval()
    torch.nn.init.normal_(network.tail.weight)
    picture = torch.rand(2, 3, 16, 12)
    made = network(picture, every=True)
    assert torch.equal(made.restored, network(picture))
    assert [features.shape for phase in made.features for features in phase] == 2 * 3 * [(2, 8, 8, 6)]
    assert [entered.shape for entered in made.entered] == 2 * [(2, 8, 8, 6)]
    last = network.phases[1].lower.fd  # type: ignore[union-attr]
    torch.testing.assert_close(made.features[1][0], last[0](made.entered[1]))  # type: ignore[index,operator]


def test_the_baseline_without_fdm_has_no_gain_control_and_keeps_all_else() -> None:
    whole, baseline = FDRNet(FDRNetConfig()), FDRNet(FDRNetConfig(disentangle=False))
    assert not [module for module in baseline.modules() if isinstance(module, GainControl)]
    assert baseline(torch.rand(1, 3, 8, 8), every=True).features == 12 * ((),)
    kept = {name for name, _ in whole.named_parameters() if ".lower.fd." not in name and ".lower.fa." not in name}
    assert kept <= {name for name, _ in baseline.named_parameters()}


def test_the_network_without_the_auxiliary_branch_lacks_that_branch_only() -> None:
    whole, less = FDRNet(FDRNetConfig()), FDRNet(FDRNetConfig(auxiliary=False))
    gone = {name for name, _ in whole.named_parameters()} - {name for name, _ in less.named_parameters()}
    assert gone == {name for name, _ in whole.named_parameters() if ".upper." in name}


def test_the_edge_preset_is_cheap_enough_for_video_on_a_cpu() -> None:
    assert cost_of(PRESETS["fdrnet-edge"].build())[1] < 24


@pytest.mark.parametrize("change", [{}, {"disentangle": False}, {"auxiliary": False}], ids=["whole", "no FDM", "no auxiliary branch"])
def test_every_parameter_takes_part(change: dict[str, bool]) -> None:
    network = FDRNet(FDRNetConfig(channels=8, phases=2, fd_layers=2, unshuffle=2, **change))
    torch.nn.init.normal_(network.tail.weight)
    network(torch.rand(1, 3, 16, 16)).square().mean().backward()
    assert [name for name, parameter in network.named_parameters() if parameter.grad is None] == []
