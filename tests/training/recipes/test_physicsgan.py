"""The physics-based GAN's training: which losses there are, that they fall, what each ablation leaves out, and an exact resume."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from runtime.errors import DataError, UsageError
from tests.support.training.ablations import differences
from tests.support.training.pictures import drawn
from tests.support.training.systems import check_a_patch_is_learned_by_heart, check_two_halves_make_the_whole, fabric, set_up, weights
from training.data.batches import Batch, Patches, TrainingPictures
from training.degradations.degradation import Degraded, Light
from training.networks import PRESETS
from training.networks.physicsgan import PhysicsGAN, PhysicsGANConfig
from training.physics import PHYSICS, degrade_again
from training.recipes import RECIPES, find_recipe
from training.recipes.physicsgan import PhysicsGANMethod, PhysicsGANSystem
from training.recipes.physicsgan_recipes import blur_and_noise
from training.recipes.recipe import Recipe
from training.recipes.schedules import SCHEDULES
from training.settings import with_ablation

SMALL = PhysicsGANConfig(channels=4, downs=1, blocks=1, filter=3)
METHOD = PhysicsGANMethod(physics="haze", judge_channels=4, judge_layers=2, pool=0, pool_side=32)
OURS = [name for name in RECIPES if name.startswith("physicsgan")]
EVERYTHING = {"content", "physics", "repeat", "deceive_clear", "deceive_physical", "judge_clear", "judge_physical"}


def _fog(clean: Light, rng: np.random.Generator) -> Degraded:
    transmission = rng.uniform(0.2, 0.9, clean.shape[:2]).astype(np.float32)
    airlight = np.full(clean.shape, rng.uniform(0.7, 1.0), np.float32)
    hazy = clean * transmission[..., None] + airlight * (1 - transmission[..., None])
    return Degraded(hazy, clean, {"transmission": transmission, "airlight": airlight})


def _batch(count: int = 2, seed: int = 0, patch: int = 32) -> Batch:
    return Patches(TrainingPictures.of(drawn(2, side=64)), _fog, patch, seed).batch(0, patch=patch, batch=count)


def _pairs() -> Batch:
    """The same pictures, without what their physics knows."""
    made = _batch()
    return Batch(made.degraded, made.clean, tuple(Degraded(one.picture, one.clean) for one in made.made))


def _system(method: PhysicsGANMethod = METHOD) -> PhysicsGANSystem:
    torch.manual_seed(0)
    return set_up(PhysicsGANSystem, method, PhysicsGAN(SMALL), 2e-3)


@pytest.mark.parametrize("name", [pytest.param(name, marks=() if name == OURS[0] else pytest.mark.slow) for name in OURS])
def test_the_edge_preset_overfits_one_patch_by_6_db_within_200_steps(name: str) -> None:
    """Without noise: a small network cannot learn a patch's noise by heart, which says nothing about its training."""
    torch.manual_seed(0)
    recipe = find_recipe(name)
    degradation = blur_and_noise(0, 0) if recipe.task == "deblur" else recipe.degradation(0, ())
    patch = Patches(TrainingPictures.of(drawn(1)), degradation, 48, 1).batch(0, patch=48, batch=1)
    method: Any = recipe.method
    method = replace(method, judge_channels=8, pool=0)
    system = method.set_up(fabric(), PRESETS["physicsgan-edge"].build(), 1e-3)
    generator = system.networks["generator"]
    check_a_patch_is_learned_by_heart(system, patch, lambda: [(generator(patch.degraded), patch.clean)])


def test_all_losses_fall_on_a_fixed_batch() -> None:
    system, batch = _system(), _batch()
    losses = [system.step([batch]) for _ in range(60)]
    for name in ("content", "physics", "repeat", "judge_clear", "judge_physical"):
        assert losses[-1][name] < 0.8 * losses[0][name], name


def test_the_generator_deceives_discriminators_that_stand_still() -> None:
    system, batch = _system(replace(METHOD, lambda_=0.0, gamma=0.0, mu=0.0)), _batch()
    for name in ("clear", "physical"):
        for group in system.optimisers[name].param_groups:
            group["lr"] = 0.0
    losses = [system.step([batch]) for _ in range(30)]
    for name in ("deceive_clear", "deceive_physical"):
        assert losses[-1][name] < losses[0][name]


def test_the_losses_of_the_first_step_are_equations_8_to_12() -> None:
    system, batch = _system(), _batch()
    generator, clear, physical = (system.networks[name] for name in ("generator", "clear", "physical"))
    with torch.no_grad():
        restored = generator(batch.degraded)
        again = degrade_again("haze", restored, batch)
        expected = {
            "physics": F.l1_loss(again, batch.degraded),
            "content": F.l1_loss(restored, batch.clean),
            "repeat": F.l1_loss(generator(again), batch.clean),
            "deceive_clear": (clear(restored) - 1).square().mean(),
            "deceive_physical": (physical(again) - 1).square().mean(),
            "judge_clear": (clear(restored).square().mean() + (clear(batch.clean) - 1).square().mean()) / 2,
            "judge_physical": (physical(again).square().mean() + (physical(batch.degraded) - 1).square().mean()) / 2,
        }
    torch.testing.assert_close(system.step([batch]), expected)


def test_the_weights_of_the_losses_are_those_of_the_paper() -> None:
    method = PhysicsGANMethod()
    assert (method.lambda_, method.gamma, method.mu, method.pool) == (50, 10, 10, 50)
    system, batch = _system(replace(METHOD, lambda_=3.0, gamma=5.0, mu=7.0, adversarial=2.0)), _batch()
    assert {optimiser.param_groups[0]["betas"] for optimiser in system.optimisers.values()} == {(0.5, 0.999)}
    total, parts = system.generator_losses(batch, "generator", {})
    weights = {"content": 3, "physics": 5, "repeat": 7, "deceive_clear": 2, "deceive_physical": 2}
    torch.testing.assert_close(total, sum((weights[name] * part for name, part in parts.items()), torch.zeros(())))


@pytest.mark.parametrize(
    ("ablation", "missing"),
    [
        ("base-gan", {"physics", "repeat", "deceive_physical", "judge_physical"}),
        ("without-8", set()),
        ("without-9", set()),
        ("without-10", {"repeat"}),
        ("without-8-and-10", {"repeat"}),
        ("authors", set()),
    ],
)
def test_an_ablation_leaves_out_what_table_8_says(ablation: str, missing: set[str]) -> None:
    system = _system(_small(with_ablation(find_recipe("physicsgan-dehaze"), ablation)))
    assert set(system.step([_batch()])) == EVERYTHING - missing


def _small(recipe: Recipe) -> PhysicsGANMethod:
    assert isinstance(recipe.method, PhysicsGANMethod)
    return replace(recipe.method, judge_channels=4, judge_layers=2, pool=0)


TABLE_8: dict[str, dict[str, object]] = {
    "base-gan": {"method.judge_physics": False, "method.gamma": 0.0, "method.mu": 0.0},
    "without-8": {"method.gamma": 0.0},
    "without-9": {"method.lambda_": 0.0},
    "without-10": {"method.mu": 0.0},
    "without-8-and-10": {"method.gamma": 0.0, "method.mu": 0.0},
    "pcyclegan": {"method.learn_physics": True},
    "authors": {"method.lambda_": 100.0},
}
LAMBDAS, BLOCKS = (10, 20, 30, 40, 50, 60, 70, 80, 90, 100), (3, 6, 9, 20, 25, 30, 35, 40, 45, 50)
ROWS = {
    **TABLE_8,
    **{f"lambda-{value}": {"method.lambda_": float(value)} if value != 50 else {} for value in LAMBDAS},
    **{f"blocks-{count}": {"network.blocks": count} if count != 9 else {} for count in BLOCKS},
}


@pytest.mark.parametrize("name", OURS)
def test_an_ablation_differs_from_the_whole_as_its_table_says_and_nowhere_else(name: str) -> None:
    whole = find_recipe(name)
    assert set(whole.ablations) == set(ROWS)
    for ablation, expected in ROWS.items():
        assert differences(whole, with_ablation(whole, ablation)) == expected, ablation


def test_the_gradient_of_equation_10_goes_through_the_physics_too() -> None:
    system, batch = _system(replace(METHOD, lambda_=0.0, gamma=0.0, adversarial=0.0)), _batch()
    total, _ = system.generator_losses(batch, "generator", {})
    total.backward()
    generator = system.networks["generator"]
    learned = [parameter.grad for parameter in generator.parameters()]
    by_hand = METHOD.mu * F.l1_loss(generator(degrade_again("haze", generator(batch.degraded), batch)), batch.clean)
    torch.testing.assert_close(learned, list(torch.autograd.grad(by_hand, list(generator.parameters()))))


@pytest.mark.parametrize("learner", ["generator", "degrader"])
def test_both_generators_of_pcyclegan_descend_the_same_sum(learner: str) -> None:
    system, batch = _system(replace(METHOD, learn_physics=True)), _batch()
    total, _ = system.generator_losses(batch, learner, {})
    total.backward()
    generator, degrader, clear, physical = (system.networks[name] for name in ("generator", "degrader", "clear", "physical"))
    restored, made_worse = generator(batch.degraded), degrader(batch.clean)
    again = degrader(restored)
    content, physics = F.l1_loss(restored, batch.clean), F.l1_loss(again, batch.degraded)
    repeat, cycle = (F.l1_loss(generator(picture), batch.clean) for picture in (again, made_worse))
    deceive = (clear(restored) - 1).square().mean() + (physical(made_worse) - 1).square().mean()
    by_hand = 50 * content + 10 * physics + 10 * repeat + 10 * cycle + deceive
    parameters = list(system.networks[learner].parameters())
    torch.testing.assert_close([parameter.grad for parameter in parameters], list(torch.autograd.grad(by_hand, parameters)))


def test_the_learned_degradation_hears_of_its_discriminator() -> None:
    system, batch = _system(replace(METHOD, learn_physics=True, lambda_=0.0, gamma=0.0, mu=0.0, cycle=0.0)), _batch()
    total, _ = system.generator_losses(batch, "degrader", {})
    total.backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in system.networks["degrader"].parameters())


def test_borders_are_mirrored_and_discriminators_normalised_as_table_1_has_it() -> None:
    layers = list(PRESETS["physicsgan"].build().modules())
    same_size = [layer for layer in layers if isinstance(layer, nn.Conv2d) and layer.stride == (1, 1)]
    assert len(same_size) == 2 + 2 * 9
    assert {layer.padding_mode for layer in same_size} == {"reflect"}
    system = _system(replace(METHOD, judge_layers=3))
    for name in ("clear", "physical"):
        assert sum(isinstance(layer, nn.InstanceNorm2d) for layer in system.networks[name].modules()) == 3


def test_a_weight_of_zero_leaves_no_trace_in_the_weights_that_are_learned() -> None:
    """Without (8) the loss is still logged; whether it acts shows in what one step makes of the generator."""
    batch, after = _batch(), {}
    for gamma in (0.0, 10.0):
        system = _system(replace(METHOD, gamma=gamma, adversarial=0.0, mu=0.0, lambda_=0.0))
        before = weights(system)
        system.step([batch])
        after[gamma] = max((value - before[name]).abs().max() for name, value in weights(system).items() if name.startswith("generator"))
    assert after[0.0] == 0
    assert after[10.0] > 0


def test_base_gan_needs_no_physics_so_it_learns_from_pairs_and_the_whole_says_that_it_cannot() -> None:
    pairs = _pairs()
    recipe = find_recipe("physicsgan-dehaze")
    _system(_small(with_ablation(recipe, "base-gan"))).step([pairs])
    with pytest.raises(DataError, match=r"a folder of clean pictures.*--ablation base-gan"):
        _system(_small(recipe)).step([pairs])


def test_deraining_learns_from_pairs_as_they_are() -> None:
    pairs = _pairs()
    losses = _system(_small(find_recipe("physicsgan-derain"))).step([pairs])
    torch.testing.assert_close(losses["physics"], losses["content"])  # adding the same layer to both sides changes no difference


def test_pcyclegan_learns_the_degradation_that_the_others_know() -> None:
    method = _small(with_ablation(find_recipe("physicsgan-deblur"), "pcyclegan"))
    system, batch = _system(method), _batch()  # no kernel anywhere: none is needed
    assert set(system.networks) == {"generator", "clear", "physical", "degrader"} == set(system.optimisers)
    before = weights(system)
    first = system.step([batch])
    assert set(first) == EVERYTHING | {"cycle"}
    moved = {name.partition(".")[0] for name, value in weights(system).items() if not torch.equal(value, before[name])}
    assert moved == set(system.networks)
    for _ in range(60):
        last = system.step([batch])
    for name in ("content", "physics", "cycle"):
        assert last[name] < 0.8 * first[name], name


@pytest.mark.parametrize("learn_physics", [False, True], ids=["known physics", "PCycleGAN"])
def test_accumulating_two_halves_equals_the_whole_batch(learn_physics: bool) -> None:
    method = replace(METHOD, learn_physics=learn_physics)
    check_two_halves_make_the_whole(_system(method), _system(method), _batch(4))


def test_a_copy_of_networks_optimisers_and_memory_goes_on_bit_for_bit() -> None:
    method = replace(METHOD, pool=3)
    whole, cut = _system(method), _system(method)
    for step in range(4):
        whole.step([_batch(seed=step)])
    assert set(whole.memory) == {"clear.pictures", "clear.counts", "physical.pictures", "physical.counts"}
    for name, network in whole.networks.items():
        cut.networks[name].load_state_dict(network.state_dict())
        cut.optimisers[name].load_state_dict(copy.deepcopy(whole.optimisers[name].state_dict()))
    for name, value in whole.memory.items():
        cut.memory[name].copy_(value)
    for step in range(4, 8):
        whole.step([_batch(seed=step)])
        cut.step([_batch(seed=step)])
    for name, value in weights(whole).items():
        assert torch.equal(weights(cut)[name], value), name


def test_the_discriminators_are_shown_history() -> None:
    system, latest_only = _system(replace(METHOD, pool=1)), _system()
    for step in range(12):
        system.step([_batch(seed=step)])
        latest_only.step([_batch(seed=step)])
    assert not torch.equal(weights(system)["clear.judge.0.weight"], weights(latest_only)["clear.judge.0.weight"])


@pytest.mark.parametrize("name", OURS)
def test_the_recipes_train_as_the_paper_prints(name: str) -> None:
    recipe = find_recipe(name)
    assert isinstance(recipe.method, PhysicsGANMethod)
    assert recipe.network is PRESETS["physicsgan"]
    assert (recipe.batch, recipe.patch, recipe.learning_rate, recipe.ema, recipe.warm_up) == (1, 256, 2e-4, 0, 0)
    assert recipe.method == replace(PhysicsGANMethod(), physics=recipe.method.physics)
    assert recipe.method.pool_side >= recipe.patch


def test_each_recipes_degradation_tells_what_its_physics_needs() -> None:
    assert {find_recipe(name).method.physics for name in OURS} == set(PHYSICS)  # type: ignore[attr-defined]
    for name in OURS:
        recipe = find_recipe(name)
        batch = Patches(TrainingPictures.of(drawn(1, side=64)), recipe.degradation(0, ()), 64, 0).batch(0, patch=64, batch=2)
        again = degrade_again(recipe.method.physics, batch.clean, batch)  # type: ignore[attr-defined]
        quiet = recipe.task != "deblur"  # whose noise is no part of the physics
        assert (again - batch.degraded).abs().mean() < (0.002 if quiet else 0.1), name
        assert (batch.clean - batch.degraded).abs().mean() > 0.003, name


def test_the_rate_is_constant_for_half_and_then_falls_to_zero() -> None:
    recipe = replace(find_recipe("physicsgan-dehaze"), steps=100)
    rates = [SCHEDULES[recipe.schedule](recipe, step) for step in range(101)]
    assert rates[:51] == [1.0] * 51
    assert rates[75] == pytest.approx(0.5)
    assert rates[100] == 0


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("physics", "smoke", "blur, haze, rain"),
        ("pool", -1, "0 or more"),
        *((name, -5.0, f"method.{name}: expected a weight") for name in ("lambda_", "gamma", "mu", "adversarial", "cycle", "judge_share")),
        ("judge_share", float("nan"), "method.judge_share: expected a weight"),
        ("mu", float("inf"), "method.mu: expected a weight"),
        ("judge_channels", 0, "method.judge_channels.*; got 0, 2"),
        ("judge_layers", 0, "method.judge_layers.*; got 4, 0"),
        ("beta1", -0.1, r"method.beta1: .*0 or more but below 1; got .* -0\.1"),
        ("beta1", 1.0, r"method.beta1: .*0 or more but below 1; got .* 1\.0"),
    ],
)
def test_a_method_that_makes_no_sense_is_refused(field: str, value: object, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        replace(METHOD, **{field: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "value"), [("channels", 0), ("downs", -1), ("blocks", -3), ("unshuffle", 0), ("filter", 4), ("filter", -1)]
)
def test_a_size_that_makes_no_sense_is_refused(field: str, value: int) -> None:
    with pytest.raises(UsageError, match=f"{field}: expected .*, got {value}"):
        replace(SMALL, **{field: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("learn_physics", [False, True], ids=["known physics", "PCycleGAN"])
def test_another_network_is_refused(learn_physics: bool) -> None:
    with pytest.raises(UsageError, match="expected the network of the physics-based GAN, got FDRNet"):
        replace(METHOD, learn_physics=learn_physics).set_up(fabric(), PRESETS["fdrnet-edge"].build(), 1e-3)
