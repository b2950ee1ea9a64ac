"""PLNLIN: its published size, its levels, how far it sees, and that its windows survive export."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from export.onnx.graph import FrameGraph, cost_of, export_graph
from runtime.errors import UsageError
from training.networks import PRESETS, build_network
from training.networks.plnlin import PLNLIM, PLNLIN, SFT, Hierarchy, PLNLINConfig
from training.networks.plnlin_judge import PLNLINJudge

SMALL = PLNLINConfig(channels=8, stages=(2, 1), window=2)
VARIANTS = {
    "as it is": SMALL,
    "without fusion": replace(SMALL, fusion=False),
    "concat": replace(SMALL, interaction="concat"),
    "both local": replace(SMALL, branches="local"),
    "both non-local": replace(SMALL, branches="non-local"),
    "without interaction": replace(SMALL, interaction="none"),
    "chain of residual blocks": replace(SMALL, unit="local"),
    "chain of window blocks": replace(SMALL, unit="non-local"),
    "edge": replace(SMALL, unshuffle=2, residual=True),
}


def _count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def _wake(network: nn.Module) -> None:
    """Convolutions that start at zero let no gradient through."""
    for parameter in network.parameters():
        if not parameter.any():
            nn.init.normal_(parameter, std=0.1)


def test_the_published_size() -> None:
    assert _count(PLNLIN(PLNLINConfig())) == pytest.approx(2.25e6, rel=0.03)


def test_the_edge_preset_is_cheap_enough_and_has_two_heads_of_16() -> None:
    network = PRESETS["plnlin-edge"].build()
    config = PRESETS["plnlin-edge"].config
    assert cost_of(network)[1] < 50
    assert (config.heads, config.channels // config.heads) == (2, 16)


@pytest.mark.parametrize("name", VARIANTS)
def test_four_scales_come_out_and_every_parameter_takes_part(name: str) -> None:
    torch.manual_seed(0)
    config = VARIANTS[name]
    network = PLNLIN(config)
    _wake(network)
    picture = torch.rand(2, 3, network.stride * 2, network.stride * 3)
    made = network(picture, every=True)
    assert isinstance(made, Hierarchy)
    assert [tuple(one.shape[2:]) for one in made.pictures] == [tuple(side // 2**level for side in picture.shape[2:]) for level in (0, 1)]
    torch.testing.assert_close(network(picture), made.pictures[0])
    torch.stack([one.square().mean() for one in made.pictures]).sum().backward()
    idle = [key for key, parameter in network.named_parameters() if parameter.grad is None or not parameter.grad.any()]
    assert idle == []


def test_the_unit_is_equations_2_to_6() -> None:
    torch.manual_seed(0)
    parts = PLNLIM(SMALL, stages=2)
    _wake(parts)
    x = torch.randn(1, SMALL.channels, 4, 6)

    def fused(number: int, *pictures: Tensor) -> Tensor:
        return parts.fusion[number](torch.cat(pictures, dim=1))  # type: ignore[no-any-return]

    local, non_local = parts.local[0](x), parts.non_local[0](x)  # (2)
    fusion = fused(0, local, non_local)  # (3)
    local, non_local = parts.by_non_local[0](local, non_local), parts.by_local[0](non_local, local)  # (4)
    local, non_local = parts.local[1](local), parts.non_local[1](non_local)  # (5)
    local, non_local = parts.by_non_local[1](local, non_local), parts.by_local[1](non_local, local)
    fusion = fused(1, fusion, local, non_local)
    expected = parts.local[2](local) + parts.non_local[2](non_local) + fused(2, fusion, local, non_local)  # (6)
    torch.testing.assert_close(parts(x), expected)


def test_the_levels_meet_by_mean_pooling_on_the_way_down_and_by_what_was_fused_on_the_way_up() -> None:
    torch.manual_seed(0)
    network = PLNLIN(SMALL)
    _wake(network)

    def fused(level: int, encoded: Tensor, decoded: Tensor) -> Tensor:
        return network.side[level](network.join[level](torch.cat([encoded, decoded], dim=1)))  # type: ignore[no-any-return]

    picture = torch.rand(1, 3, 8, 12)
    full = network.encoder[0](network.head(picture))
    half = network.encoder[1](F.avg_pool2d(full, 2))
    fused_half = fused(1, half, network.decoder[1](half))
    fused_full = fused(0, full, network.decoder[0](F.interpolate(fused_half, scale_factor=2.0)))
    expected = Hierarchy((network.tail[0](fused_full), network.tail[1](fused_half)), (fused_full, fused_half))
    torch.testing.assert_close(network(picture, every=True), expected)


def test_sft_scales_and_shifts_by_what_the_other_branch_says() -> None:
    torch.manual_seed(0)
    sft = SFT(8)
    _wake(sft)
    x, other = torch.randn(2, 1, 8, 3, 3)
    torch.testing.assert_close(sft(x, other), x * (1 + torch.tanh(sft.scale(other))) + sft.shift(other))


def test_the_discriminator_meets_the_generators_features_level_by_level() -> None:
    torch.manual_seed(0)
    judge = PLNLINJudge(SMALL, channels=6, stages=1)
    picture, features = torch.rand(1, 3, 8, 12), [torch.randn(1, SMALL.channels, 8 // 2**level, 12 // 2**level) for level in (0, 1)]
    first = judge.units[0](judge.join[0](torch.cat([features[0], judge.first(judge.head(picture))], dim=1)))  # (7)
    second = judge.units[1](judge.join[1](torch.cat([features[1], F.avg_pool2d(first, 2)], dim=1)))
    torch.testing.assert_close(judge(picture, features), (judge.tails[0](first), judge.tails[1](second)))


def test_twelve_units_in_a_row_keep_their_features_in_range() -> None:
    """Their two branches double what they are given: with usual starting weights the published network overflows."""
    torch.manual_seed(0)
    made = PLNLIN(PLNLINConfig())(torch.rand(1, 3, 56, 56), every=True)
    assert all(0.05 < float(feature.detach().std()) < 20 for feature in made.features)


def test_the_edge_preset_starts_as_the_identity() -> None:
    torch.manual_seed(0)
    picture = torch.rand(1, 3, 64, 128)
    assert torch.equal(PRESETS["plnlin-edge"].build()(picture), picture)


def test_a_pixel_is_seen_within_the_receptive_field_and_nearly_to_its_end() -> None:
    torch.manual_seed(0)
    network = PLNLIN(replace(SMALL, stages=(1, 1), unshuffle=1))
    _wake(network)
    side = 256
    picture = torch.rand(1, 3, side, side, requires_grad=True)
    seen = torch.zeros(side, dtype=torch.bool)
    at = side // 2 + 3
    network(picture)[0, 0, at, at].backward()
    assert picture.grad is not None
    seen = picture.grad[0].abs().sum((0, 1)) > 0
    reach = int((torch.arange(side)[seen] - at).abs().max())
    half = network.receptive_field // 2
    assert reach <= half < side // 2
    assert reach > half / 3


def test_sft_starts_as_the_identity_and_at_most_doubles() -> None:
    torch.manual_seed(0)
    sft = SFT(4)
    x, other = torch.randn(2, 1, 4, 5, 5)
    assert torch.equal(sft(x, other), x)
    nn.init.constant_(sft.scale[-1].bias, 1e4)  # type: ignore[arg-type]
    nn.init.constant_(sft.shift[-1].bias, 1.0)  # type: ignore[arg-type]
    torch.testing.assert_close(sft(x, other), 2 * x + 1)


def test_pictures_start_as_mid_grey() -> None:
    torch.manual_seed(0)
    with torch.no_grad():
        for picture in PLNLIN(SMALL)(torch.rand(1, 3, 16, 24), every=True).pictures:
            assert abs(float(picture.mean()) - 0.5) < 0.15
            assert float(picture.std()) < 0.2


def test_a_checkpoint_s_lists_become_the_configs_tuples() -> None:
    network = build_network("plnlin", {"channels": 8, "stages": [1, 1], "window": 2})
    assert network.config == PLNLINConfig(channels=8, stages=(1, 1), window=2)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"unit": "convolution"}, "network.unit: expected one of both, local, non-local"),
        ({"interaction": "sum"}, "network.interaction"),
        ({"channels": 33}, "multiple of its 2 heads"),
        ({"stages": ()}, "1 or more"),
        ({"window": 0}, "1 or more"),
    ],
)
def test_a_config_that_means_nothing_is_refused(changes: dict[str, object], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        replace(SMALL, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("sides", [True, False])
@pytest.mark.parametrize("cross_content", [True, False])
def test_the_discriminator_judges_where_it_should_by_what_it_is_shown(cross_content: bool, sides: bool) -> None:
    torch.manual_seed(0)
    judge = PLNLINJudge(SMALL, cross_content=cross_content, sides=sides)
    _wake(judge)
    picture = torch.rand(1, 3, 16, 16, requires_grad=True)
    features = [torch.randn(1, 8, side, side, requires_grad=True) for side in (16, 8)]
    scores: tuple[Tensor, ...] = judge(picture, features)
    assert [tuple(side.shape) for side in scores] == ([(1, 1, 16, 16), (1, 1, 8, 8)] if sides else [(1, 1, 8, 8)])
    torch.stack([side.square().mean() for side in scores]).sum().backward()
    assert picture.grad is not None
    assert [feature.grad is not None for feature in features] == [cross_content] * 2
    assert [key for key, parameter in judge.named_parameters() if parameter.grad is None] == []


def test_windows_survive_export_at_sizes_that_they_divide_and_do_not_divide() -> None:
    torch.manual_seed(0)
    network = PLNLIN(replace(SMALL, stages=(1,), window=4, unshuffle=2, residual=True))
    _wake(network)
    session = onnxruntime.InferenceSession(export_graph(network))
    for height, width in ((32, 48), (45, 19)):
        frame = np.random.default_rng(height).integers(0, 256, (2, height, width, 3), dtype=np.uint8)
        with torch.inference_mode():
            expected = FrameGraph(network)(torch.from_numpy(frame))[0].numpy()
        came = session.run(None, {"frame": frame})[0]
        assert came.shape == frame.shape
        assert np.abs(came.astype(int) - expected.astype(int)).max() <= 1
        assert np.abs(expected.astype(int) - frame.astype(int)).max() > 1
