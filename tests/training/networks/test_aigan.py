"""AI-GAN's network: equations 1 to 3 by hand, which gradients are shared, the three ablated shapes, and what the edge preset costs."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from export.onnx.graph import FrameGraph, cost_of, export_graph, facts_of, reference, traits_of
from runtime.errors import UsageError
from training.networks import PRESETS
from training.networks.aigan import AIGAN, AIGANConfig, Signals

SMALL = AIGANConfig(channels=8, encoder_blocks=1, decoder_blocks=1, generator_blocks=1)
D_GAN = replace(SMALL, interact=False)
S_GAN = replace(SMALL, interact=False, double=False)
EDGE: AIGANConfig = PRESETS["aigan-edge"].config


def _network(config: AIGANConfig) -> AIGAN:
    torch.manual_seed(0)
    network = AIGAN(config)
    for name, parameter in network.named_parameters():
        if config.carry and "weight" in name and not parameter.any():
            nn.init.normal_(parameter, 0.0, 0.05)  # as if it had learned something
    return network


def _every(network: AIGAN, picture: Tensor) -> Signals:
    return cast(Signals, network(picture, every=True))


def _both(network: AIGAN, picture: Tensor) -> tuple[Tensor, Tensor]:
    return cast(tuple[Tensor, Tensor], network(picture))


@pytest.mark.parametrize("config", [SMALL, replace(EDGE, channels=8)], ids=["as published", "edge"])
def test_the_two_steps_are_equations_1_to_3(config: AIGANConfig) -> None:
    network, picture = _network(config), torch.rand(2, 3, 16, 24)
    parts, r = network.decompose, config.unshuffle
    assert parts.interference is not None

    def in_pictures(module: nn.Module, x: Tensor) -> Tensor:
        return F.pixel_shuffle(module(F.pixel_unshuffle(x, r)), r)

    features = parts.encoder(F.pixel_unshuffle(picture, r))
    x_o = F.pixel_shuffle(parts.original.decoder(features), r) + (picture if config.carry else 0)  # (1)
    x_t = F.pixel_shuffle(parts.interference.decoder(features), r)
    y_o, y_t = in_pictures(parts.original.generator, x_o), in_pictures(parts.interference.generator, x_t)  # (2)
    again_o = in_pictures(parts.original.generator, picture - y_t)  # (3), by the same generators
    again_t = in_pictures(parts.interference.generator, picture - y_o)
    torch.testing.assert_close(_every(network, picture), Signals(x_o, x_t, (y_o, again_o), (y_t, again_t)))
    torch.testing.assert_close(_both(network, picture), ((y_o + again_o) / 2, (y_t + again_t) / 2))


def test_what_the_generators_are_given_has_the_three_channels_of_a_picture() -> None:
    signals = _every(_network(SMALL), torch.rand(1, 3, 16, 24))
    assert signals.x_t is not None
    for signal in (signals.x_o, signals.x_t, *signals.originals, *signals.interferences):
        assert signal.shape == (1, 3, 16, 24)


def test_the_last_step_alone_can_be_the_result() -> None:
    network, picture = _network(replace(SMALL, fuse="last")), torch.rand(1, 3, 16, 16)
    signals = _every(network, picture)
    torch.testing.assert_close(_both(network, picture), (signals.originals[1], signals.interferences[1]))


@pytest.mark.parametrize("side", ["original", "interference"])
def test_the_second_step_of_each_branch_teaches_the_other_branch_too(side: str) -> None:
    network, other = _network(SMALL), "interference" if side == "original" else "original"
    signals = _every(network, torch.rand(1, 3, 16, 16))
    (signals.originals if side == "original" else signals.interferences)[1].square().sum().backward()
    reached = {name for name, parameter in network.decompose.named_parameters() if parameter.grad is not None}
    assert all(f"{other}.{part}" in " ".join(reached) for part in ("decoder", "generator"))
    assert f"{side}.generator" in " ".join(reached)
    assert f"{side}.decoder" not in " ".join(reached)  # that one is step 1's


def test_d_gan_is_ai_gan_without_its_second_step() -> None:
    whole, ablated, picture = _network(SMALL), _network(D_GAN), torch.rand(1, 3, 16, 16)
    ablated.load_state_dict(whole.state_dict())  # the same weights, all of them
    signals, steps = _every(ablated, picture), _every(whole, picture)
    assert (len(signals.originals), len(signals.interferences)) == (1, 1)
    torch.testing.assert_close(signals.originals[0], steps.originals[0])
    torch.testing.assert_close(_both(ablated, picture)[1], steps.interferences[0])


def test_s_gan_is_one_branch_and_gives_the_picture_alone() -> None:
    network, picture = _network(S_GAN), torch.rand(1, 3, 16, 16)
    signals = _every(network, picture)
    assert (signals.x_t, signals.interferences) == (None, ())
    restored = network(picture)
    assert isinstance(restored, Tensor)
    torch.testing.assert_close(restored, signals.originals[0])
    assert {name.partition(".")[0] for name, _ in network.decompose.named_parameters()} == {"encoder", "original"}


@pytest.mark.parametrize("config", [SMALL, D_GAN, S_GAN, EDGE], ids=["whole", "D-GAN", "S-GAN", "edge"])
def test_every_parameter_takes_part(config: AIGANConfig) -> None:
    network = _network(config)
    signals = _every(network, torch.rand(1, 3, 16, 16))
    torch.stack([made.square().sum() for made in (*signals.originals, *signals.interferences)]).sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_the_edge_preset_starts_as_the_identity_and_sees_no_interference() -> None:
    picture = torch.rand(1, 3, 32, 24)
    restored, interference = PRESETS["aigan-edge"].build()(picture)
    torch.testing.assert_close(restored, picture)
    torch.testing.assert_close(interference, torch.zeros_like(picture))


def test_a_frame_of_bytes_comes_back_with_its_interference_beside_it() -> None:
    frame = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (1, 21, 18, 3), dtype=np.uint8))  # no multiple of the stride
    restored, _, interference = FrameGraph(PRESETS["aigan-edge"].build())(frame)
    assert torch.equal(restored, frame)
    assert torch.equal(interference, torch.full_like(frame, 128))  # none


@pytest.mark.parametrize(
    ("config", "outputs"),
    [(replace(EDGE, channels=8), ("restored", "health", "interference")), (S_GAN, ("restored", "health"))],
    ids=["edge", "S-GAN"],
)
def test_the_interference_leaves_the_exported_graph_beside_the_picture(config: AIGANConfig, outputs: tuple[str, ...]) -> None:
    network = _network(config)
    model = export_graph(network)
    assert facts_of(network, model).outputs == outputs
    frame = np.random.default_rng(0).integers(0, 256, (1, 21, 18, 3), dtype=np.uint8)
    came = onnxruntime.InferenceSession(model).run(None, {"frame": frame})
    expected = reference(network)(frame)
    assert tuple(expected) == outputs
    for made, name in zip(came, outputs, strict=True):
        # One level: the two engines round a half either way.
        np.testing.assert_allclose(made.astype(np.float64), expected[name].astype(np.float64), atol=1 if name != "health" else 1e-5)


@pytest.mark.parametrize(
    "config", [SMALL, D_GAN, S_GAN, EDGE, replace(EDGE, filter=3, encoder_blocks=2)], ids=["whole", "D-GAN", "S-GAN", "edge", "edge, 3×3"]
)
def test_the_receptive_field_is_what_a_gradient_reaches(config: AIGANConfig) -> None:
    torch.manual_seed(0)
    network = AIGAN(replace(config, channels=2)).double()
    for name, parameter in network.named_parameters():
        # A ReLU that is shut would hide a path: all weights positive, but for G_T's last, so that I − ŷ_T is positive as well.
        last = name.startswith(f"decompose.interference.generator.layers.{config.generator_blocks + 1}.")
        nn.init.uniform_(parameter, *((-20.0, -10.0) if last else (0.0, 0.1)))
    side = 256
    picture = torch.full((1, 3, side, 16), 0.9, dtype=torch.float64, requires_grad=True)
    answer = network(picture)
    restored = answer[0] if isinstance(answer, tuple) else answer
    cast(Tensor, restored)[0, 0, side // 2, 8].backward()
    assert picture.grad is not None
    rows = picture.grad.abs().sum(dim=(0, 1, 3)).nonzero().flatten()
    assert int(rows.max() - rows.min()) + 1 == network.receptive_field
    assert not network.sees_whole_picture


def test_the_size_is_the_one_that_was_chosen_between_the_other_papers() -> None:
    assert sum(parameter.numel() for parameter in PRESETS["aigan"].build().parameters()) == pytest.approx(1.82e6, rel=0.01)


def test_the_edge_preset_costs_what_a_cpu_can_do_20_times_a_second() -> None:
    parameters, gflop = cost_of(PRESETS["aigan-edge"].build())
    assert parameters < 200_000
    assert gflop < 24
    assert traits_of(AIGAN(EDGE)).receptive_field == 116


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"fuse": "first"}, "mean, last"),
        ({"filter": 4}, "expected an odd number above zero, got 4"),
        ({"channels": 0}, "channels: expected 1 or more, got 0"),
        ({"generator_blocks": -1}, "generator_blocks: expected 0 or more, got -1"),
        ({"double": False}, "one branch alone cannot interact"),
    ],
)
def test_a_shape_that_makes_no_sense_is_refused(fields: dict[str, object], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        replace(SMALL, **fields)  # type: ignore[arg-type]
