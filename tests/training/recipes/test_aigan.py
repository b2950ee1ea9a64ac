"""AI-GAN's training: equations 4 to 9 by hand, losses that fall, and ablations that leave out what they say and nothing else."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from runtime.errors import UsageError
from tests.support.training.ablations import differences
from tests.support.training.pictures import drawn
from tests.support.training.systems import check_a_patch_is_learned_by_heart, check_two_halves_make_the_whole, fabric, set_up, weights
from training.data.batches import Batch, Patches, TrainingPictures
from training.networks import PRESETS
from training.networks.aigan import AIGAN, AIGANConfig, Signals
from training.networks.fdrnet import FDRNet, FDRNetConfig
from training.recipes import find_recipe
from training.recipes.aigan import AIGANMethod, AIGANSystem, deceive_loss, interact_losses, judge_loss
from training.recipes.aigan_recipes import gaussian
from training.settings import with_ablation

OURS = ("aigan-derain", "aigan-dehaze", "aigan-denoise")
SMALL = AIGANConfig(channels=8, encoder_blocks=1, decoder_blocks=1, generator_blocks=1)
METHOD = AIGANMethod(judge_channels=4, judge_layers=2)
INTERACT = {"step1", "step2"}
GAN = {"deceive_original", "deceive_interference", "judge_original", "judge_interference"}


def _batch(count: int = 2) -> Batch:
    return Patches(TrainingPictures.of(drawn(2, side=64)), gaussian(25, 25), 32, 0).batch(0, patch=32, batch=count)


def _system(method: AIGANMethod = METHOD, config: AIGANConfig = SMALL) -> AIGANSystem:
    torch.manual_seed(0)
    return set_up(AIGANSystem, method, AIGAN(config), 2e-3)


def test_the_interact_losses_are_equations_4_and_5() -> None:
    """Two samples of 3 × 1 × 2 values: sums over the values, the mean over the samples."""
    clean, layer = torch.zeros(2, 3, 1, 2), torch.ones(2, 3, 1, 2)
    level = torch.ones(2, 3, 1, 2)
    signals = Signals(clean, layer, (0.5 * level, 0.1 * level), (0.8 * level, 1.3 * level))
    losses = interact_losses(signals, clean, layer)
    torch.testing.assert_close(losses["step1"], torch.tensor(6 * 0.5**2 + 6 * 0.2**2))
    torch.testing.assert_close(losses["step2"], torch.tensor(6 * 0.1**2 + 6 * 0.3**2))


def test_the_adversarial_losses_are_equations_7_and_8() -> None:
    """From D's scores before the sigmoid; D = 0.8, 0.4 and 0.1."""
    real, first, second = (torch.full((2, 1, 3, 3), math.log(d / (1 - d))) for d in (0.8, 0.4, 0.1))
    torch.testing.assert_close(judge_loss(real, [first, second]), torch.tensor(-math.log(0.8) - math.log(0.6) - math.log(0.9)))
    torch.testing.assert_close(deceive_loss([first, second], saturating=True), torch.tensor(math.log(0.6) + math.log(0.9)))
    torch.testing.assert_close(deceive_loss([first, second]), torch.tensor(-math.log(0.4) - math.log(0.1)))


def test_the_interference_is_what_the_picture_has_more_than_the_clean_one_with_its_sign() -> None:
    """The edge preset starts with ŷ_O = I and ŷ_T = 0, so that both terms of each step are ‖I − y_O‖²."""
    batch = _batch()
    excess = (batch.degraded - batch.clean).square().sum() / 2
    losses = _system(config=replace(SMALL, carry=True)).step([batch])
    torch.testing.assert_close(losses["step1"], 2 * excess)
    torch.testing.assert_close(losses["step2"], 2 * excess)


@pytest.mark.parametrize("name", OURS)
def test_the_edge_preset_overfits_one_patch_by_6_db_within_200_steps(name: str) -> None:
    torch.manual_seed(0)
    recipe = find_recipe(name)
    patch = Patches(TrainingPictures.of(drawn(1)), recipe.degradation(0, ()), 48, 1).batch(0, patch=48, batch=1)
    method: Any = recipe.method
    system = replace(method, judge_channels=8).set_up(fabric(), PRESETS["aigan-edge"].build(), 1e-3)
    generator = system.networks["generator"]
    check_a_patch_is_learned_by_heart(
        system, patch, lambda: list(zip(generator(patch.degraded), (patch.clean, patch.degraded - patch.clean), strict=True))
    )


def test_the_losses_fall_on_a_fixed_batch() -> None:
    system, batch = _system(), _batch()
    losses = [system.step([batch]) for _ in range(60)]
    assert set(losses[0]) == INTERACT | GAN
    for name in INTERACT:
        assert losses[-1][name] < 0.5 * losses[0][name], name


@pytest.mark.parametrize("saturating", [False, True], ids=["−log D", "as printed"])
def test_each_side_of_the_game_wins_while_the_other_stands_still(saturating: bool) -> None:
    system, batch = _system(replace(METHOD, saturating=saturating, adversarial=1000.0)), _batch()  # the game is what counts
    for moves, falls in (("judge", "judge"), ("generator", "deceive")):
        for name, optimiser in system.optimisers.items():
            optimiser.param_groups[0]["lr"] = 2e-3 if name.startswith(moves) else 0.0
        losses = [system.step([batch]) for _ in range(60)]
        for side in ("original", "interference"):
            first, last = (float(losses[at][f"{falls}_{side}"]) for at in (0, -1))
            assert last < first - 0.05, f"{falls}_{side} while {moves} alone moves: {first:.3f} → {last:.3f}"


def test_every_network_moves_in_a_step() -> None:
    system = _system()
    assert set(system.networks) == {"generator", "judge_original", "judge_interference"} == set(system.optimisers)
    assert {optimiser.param_groups[0]["betas"] for optimiser in system.optimisers.values()} == {(0.5, 0.999)}
    before = weights(system)
    system.step([_batch()])
    assert all(not torch.equal(value, before[name]) for name, value in weights(system).items())


def test_the_generators_update_leaves_no_gradient_in_the_discriminators() -> None:
    """They would add it to their own: each is updated with the gradient of its own loss alone."""
    batch, heavy = _batch(), replace(METHOD, adversarial=1000.0)
    after = {}
    for method in (METHOD, heavy):
        system = _system(method)
        system.step([batch])
        after[method.adversarial] = weights(system)
    for name, value in after[METHOD.adversarial].items():
        if name.startswith("judge"):
            assert torch.equal(value, after[heavy.adversarial][name]), name


def test_accumulating_two_halves_equals_the_whole_batch() -> None:
    check_two_halves_make_the_whole(_system(), _system(), _batch(4))


ROWS: dict[str, dict[str, object]] = {
    "s-gan": {"network.interact": False, "network.double": False},
    "d-gan": {"network.interact": False},
    "ai-cnn": {"method.adversarial": 0.0},
}


@pytest.mark.parametrize("name", OURS)
def test_an_ablation_changes_these_fields_and_no_other(name: str) -> None:
    recipe = find_recipe(name)
    assert set(recipe.ablations) == set(ROWS)
    for ablation, expected in ROWS.items():
        assert differences(recipe, with_ablation(recipe, ablation)) == expected, ablation


def test_the_discriminators_see_how_strong_the_interference_is() -> None:
    """Instance normalisation would hide it."""
    judges = [network for name, network in _system().networks.items() if name.startswith("judge")]
    assert len(judges) == 2
    assert not any(isinstance(layer, nn.InstanceNorm2d) for judge in judges for layer in judge.modules())


@pytest.mark.parametrize(
    ("config", "adversarial", "losses"),
    [
        (replace(SMALL, interact=False, double=False), 0.8, {"step1", "deceive_original", "judge_original"}),
        (replace(SMALL, interact=False), 0.8, {"step1"} | GAN),
        (SMALL, 0.0, INTERACT),
    ],
    ids=["S-GAN", "D-GAN", "AI-CNN"],
)
def test_an_ablation_has_the_losses_and_discriminators_that_its_name_says(
    config: AIGANConfig, adversarial: float, losses: set[str]
) -> None:
    system = _system(replace(METHOD, adversarial=adversarial), config)
    assert set(system.step([_batch()])) == losses
    assert set(system.networks) == {"generator"} | {name for name in losses if name.startswith("judge")}


def test_ai_cnn_descends_the_interact_loss_alone() -> None:
    """One step of it moves the generator as one with λ so small that it counts for nothing."""
    alone, nearly = _system(replace(METHOD, adversarial=0.0)), _system(replace(METHOD, adversarial=1e-12))
    for system in (alone, nearly):
        system.step([_batch()])
    for name, value in weights(alone).items():
        torch.testing.assert_close(value, weights(nearly)[name], atol=1e-6, rtol=1e-5)


def test_the_recipes_are_the_papers_three_tasks_with_its_lambda() -> None:
    for name in OURS:
        recipe = find_recipe(name)
        assert (recipe.network, recipe.method) == (PRESETS["aigan"], AIGANMethod(adversarial=0.8))
        assert recipe.learn_pairs
    assert [name for name, _ in find_recipe("aigan-denoise").trials] == ["noise σ 15", "noise σ 25", "noise σ 50"]


def test_a_negative_lambda_and_a_strange_network_are_refused() -> None:
    with pytest.raises(UsageError, match="0 or more, got -1"):
        AIGANMethod(adversarial=-1)
    with pytest.raises(UsageError, match="got FDRNet; use --set network=aigan"):
        METHOD.set_up(fabric(), FDRNet(FDRNetConfig(channels=8, phases=1)), 1e-3)
