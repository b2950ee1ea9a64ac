"""PLNLIN-MCDDL's training: its losses by hand, what each ablation changes, and that it learns."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity
from torch import Tensor, nn
from torch.nn import functional as F

from runtime.errors import UsageError
from tests.support.training.ablations import differences
from tests.support.training.pictures import drawn
from tests.support.training.systems import fabric, set_up
from training.data.batches import Batch, Patches, TrainingPictures
from training.degradations.weather.rain import Rain, StreakBank
from training.losses import ssim
from training.networks import PRESETS
from training.networks.plnlin import PLNLIN, PLNLINConfig
from training.networks.plnlin_judge import PLNLINJudge
from training.recipes import find_recipe
from training.recipes.plnlin import PLNLINMethod, PLNLINSystem
from training.recipes.plnlin_recipes import ABLATIONS
from training.recipes.schedules import find_schedule
from training.settings import with_ablation

SMALL = PLNLINConfig(channels=8, stages=(1, 1), window=4)
GENERATOR_TABLES = [name for name in ABLATIONS if any("channels" in setting for setting in ABLATIONS[name])]


def _batch(patch: int = 32, count: int = 2) -> Batch:
    rain = Rain(StreakBank(1, count=4, side=96), strength=(0.6, 0.8))
    return Patches(TrainingPictures.of(drawn(2, side=64)), rain, patch, 0).batch(0, patch=patch, batch=count)


def _system(method: PLNLINMethod | None = None, network: nn.Module | None = None, rate: float = 1e-3) -> PLNLINSystem:
    torch.manual_seed(0)
    return set_up(PLNLINSystem, method or PLNLINMethod(judge_channels=8), network or PLNLIN(SMALL), rate)


def _weights(network: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().flatten().clone() for parameter in network.parameters()])


def test_ssim_is_scikit_images() -> None:
    picture, truth = (np.random.default_rng(seed).random((20, 31, 3), dtype=np.float32) for seed in (1, 2))
    options: dict[str, Any] = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "full": True}
    _, every = structural_similarity(picture, truth, data_range=1.0, channel_axis=2, **options)
    tensors = (torch.from_numpy(one).permute(2, 0, 1)[None] for one in (picture, truth))
    assert float(ssim(*tensors)) == pytest.approx(float(every[5:-5, 5:-5].mean()), abs=1e-5)


def test_the_relativistic_loss_is_that_of_equation_8() -> None:
    real, made = torch.tensor([1.0, 3.0]), torch.tensor([0.0, -2.0])
    scores = [torch.cat([real, made]).reshape(2, 1, 1, 2)]
    system = _system(PLNLINMethod(sides=False, side_weights=(7.0, 1.0)))
    real_above, made_above = torch.sigmoid(real - made.mean()), torch.sigmoid(made - real.mean())
    generator = -torch.log(1 - real_above).mean() - torch.log(made_above).mean()
    judge = -torch.log(real_above).mean() - torch.log(1 - made_above).mean()
    torch.testing.assert_close(system.adversarial_loss(scores, real_wins=False), generator)
    torch.testing.assert_close(system.adversarial_loss(scores, real_wins=True), judge)


def test_the_losses_are_weighed_as_printed() -> None:
    method = PLNLINMethod()
    assert (method.hierarchical, method.adversarial, method.ratio, method.judge_stages) == (1, 1, 5, 2)
    assert method.level_weights == (0.1, 0.05, 0.02, 0.01)
    assert method.side_weights == (0.0005, 0.001, 0.0025, 0.005)
    system, batch = _system(), _batch(32)
    made = system.networks["generator"](batch.degraded, every=True)
    half = 1 - ssim(made.pictures[1], F.avg_pool2d(batch.clean, 2))
    expected = 0.1 * (1 - ssim(made.pictures[0], batch.clean)) + 0.05 * half
    torch.testing.assert_close(system.hierarchical_loss(made, batch.clean), expected)


def test_the_discriminator_learns_in_every_fifth_step_also_after_a_resume() -> None:
    system, batch = _system(), _batch(32)
    changed = []
    for _ in range(10):
        before = _weights(system.networks["judge"])
        logged = system.step([batch])
        changed.append(not torch.equal(before, _weights(system.networks["judge"])))
        assert (logged["judge"] > 0) == any(changed)
    assert changed == [False, False, False, False, True] * 2

    resumed = _system()
    resumed.memory["steps"].copy_(torch.tensor(4))
    assert resumed.step([batch])["judge"] > 0


def test_the_generator_learns_from_what_it_made_and_not_from_its_features_of_clean_pictures() -> None:
    system, batch = _system(), _batch(32)
    generator, judge = system.networks["generator"], system.networks["judge"]
    seen: list[Any] = []
    judge.register_forward_pre_hook(lambda _judge, shown: seen.append(shown))
    total, _ = system.generator_losses(batch, [])
    assert total.requires_grad
    ((pictures, features),) = seen
    with torch.no_grad():
        clean, restored = generator(batch.clean, every=True), generator(batch.degraded, every=True)
    torch.testing.assert_close(pictures, torch.cat([batch.clean, restored.pictures[0]]))
    for shown, of_clean in zip((pictures, *features), (batch.clean, *clean.features), strict=True):
        real, made = shown.chunk(2)
        torch.testing.assert_close(real, of_clean)
        assert not _reaches(generator, real)
        assert _reaches(generator, made)
    assert all(parameter.requires_grad for parameter in judge.parameters())


def test_the_generators_gradient_is_that_of_equation_9() -> None:
    """With (12) a thousand times as strong as printed, or its share would drown in that of the pixels."""
    system, batch = _system(PLNLINMethod(judge_channels=8, adversarial=1000.0)), _batch(32)
    total, _ = system.generator_losses(batch, [])
    total.backward()
    generator, judge = system.networks["generator"], system.networks["judge"]
    assert all(parameter.grad is None for parameter in judge.parameters())
    made = generator(batch.degraded, every=True)
    with torch.no_grad():
        real = generator(batch.clean, every=True)
    features = [torch.cat(both) for both in zip(real.features, made.features, strict=True)]
    adversarial = system.adversarial_loss(judge(torch.cat([batch.clean, made.pictures[0]]), features), real_wins=False)
    by_hand = 1 - ssim(made.pictures[0], batch.clean) + system.hierarchical_loss(made, batch.clean) + 1000 * adversarial
    parameters = list(generator.parameters())
    torch.testing.assert_close([parameter.grad for parameter in parameters], list(torch.autograd.grad(by_hand, parameters)))


def _reaches(network: nn.Module, value: Tensor) -> bool:
    gradients = torch.autograd.grad(value.square().sum(), list(network.parameters()), retain_graph=True, allow_unused=True)
    return any(gradient is not None and bool(gradient.any()) for gradient in gradients)


def test_the_recipe_trains_as_printed() -> None:
    recipe = find_recipe("plnlin-derain")
    assert recipe.network is PRESETS["plnlin"]
    config = PRESETS["plnlin"].config
    assert isinstance(config, PLNLINConfig)
    assert (config.channels, config.stages, config.window, config.heads) == (32, (8, 4, 2, 2), 7, 2)
    assert (recipe.patch, recipe.batch, recipe.learning_rate, recipe.steps) == (112, 2, 1e-4, 500 * 900)
    rates = [find_schedule(recipe.schedule)(recipe, epoch * 900) for epoch in (0, 299, 300, 399, 400, 499)]
    assert rates == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])


def test_the_edge_preset_overfits_one_patch_by_6_db_within_200_steps() -> None:
    torch.manual_seed(0)
    batch = _batch(64, count=1)
    system = _system(network=PRESETS["plnlin-edge"].build(), rate=5e-4)
    first: dict[str, Tensor] = {}
    for _ in range(100):
        logged = system.step([batch])
        first = first or logged
    with torch.no_grad():
        restored = system.networks["generator"](batch.degraded)
    before, after = (float(-10 * torch.log10((one - batch.clean).square().mean())) for one in (batch.degraded, restored))
    assert after > before + 6
    for name in ("pixel", "hierarchical"):
        assert logged[name] < 0.5 * first[name], name


def test_the_discriminator_tells_real_from_made_and_the_generator_deceives_it_while_the_other_stands_still() -> None:
    system, batch = _system(PLNLINMethod(ratio=1, judge_channels=8, adversarial=100.0)), _batch(32)
    _set_rate(system, "generator", 0.0)
    judge = [float(system.step([batch])["judge"]) for _ in range(30)]
    at_chance = sum(PLNLINMethod().side_weights[:2]) * 2 * math.log(2)
    assert judge[0] == pytest.approx(at_chance, rel=0.5)
    assert judge[-1] < 0.5 * judge[0]
    _set_rate(system, "generator", 1e-4)
    _set_rate(system, "judge", 0.0)
    generator = [float(system.step([batch])["adversarial"]) for _ in range(20)]
    assert generator[-1] < 0.5 * generator[0]


def _set_rate(system: PLNLINSystem, name: str, rate: float) -> None:
    for group in system.optimisers[name].param_groups:
        group["lr"] = rate


@pytest.mark.parametrize("name", GENERATOR_TABLES)
def test_the_ablations_of_tables_3_and_4_have_nearly_the_same_size(name: str) -> None:
    recipe = find_recipe("plnlin-derain")
    sizes = []
    for one in (recipe, with_ablation(recipe, name)):
        with torch.device("meta"):
            sizes.append(sum(parameter.numel() for parameter in one.network.build().parameters()))
    assert sizes[1] == pytest.approx(sizes[0], rel=0.05)


@pytest.mark.parametrize("name", ["local-judge", "non-local-judge", "traditional", "multi-scale", "without-multi-scale"])
def test_the_discriminators_of_table_6_and_of_the_manners_have_nearly_the_same_size(name: str) -> None:
    recipe = find_recipe("plnlin-derain")
    sizes = []
    for one in (recipe, with_ablation(recipe, name)):
        system = one.method.set_up(fabric(), PLNLIN(PLNLINConfig()), 1e-4)
        sizes.append(sum(parameter.numel() for parameter in system.networks["judge"].parameters()))
    assert sizes[1] == pytest.approx(sizes[0], rel=0.05)


DIFFERENCES: dict[str, dict[str, object]] = {
    "a-without-fusion": {"network.fusion": False, "network.channels": 34},
    "b-concat": {"network.interaction": "concat", "network.channels": 34},
    "c-both-local": {"network.branches": "local", "network.channels": 28},
    "d-both-non-local": {"network.branches": "non-local", "network.channels": 38},
    "e-without-interaction": {"network.interaction": "none", "network.channels": 36},
    "f-ours": {},
    "local-generator": {"network.unit": "local", "network.channels": 46},
    "non-local-generator": {"network.unit": "non-local", "network.channels": 66},
    "without-hierarchy": {"method.hierarchical": 0.0},
    "local-judge": {"method.judge_unit": "local", "method.judge_channels": 44},
    "non-local-judge": {"method.judge_unit": "non-local", "method.judge_channels": 64},
    "ratio-1": {"method.ratio": 1},
    "ratio-3": {"method.ratio": 3},
    "ratio-5": {},
    "ratio-7": {"method.ratio": 7},
    "ratio-9": {"method.ratio": 9},
    "traditional": {"method.cross_content": False, "method.sides": False},
    "multi-scale": {"method.cross_content": False},
    "without-multi-scale": {"method.sides": False},
}


def test_an_ablation_differs_where_its_table_says_and_nowhere_else() -> None:
    recipe = find_recipe("plnlin-derain")
    assert set(recipe.ablations) == set(DIFFERENCES)
    for name, expected in DIFFERENCES.items():
        assert differences(recipe, with_ablation(recipe, name)) == expected, name


@pytest.mark.parametrize("name", [name for name in ABLATIONS if not name.startswith("ratio")])
def test_every_ablation_trains_and_every_parameter_of_it_learns(name: str) -> None:
    changed = with_ablation(find_recipe("plnlin-derain"), name)
    small = replace(SMALL, **{key: getattr(changed.network.config, key) for key in ("branches", "interaction", "fusion", "unit")})
    method: Any = changed.method
    system = _system(replace(method, ratio=1, judge_channels=8), PLNLIN(small))
    before = {key: _weights(network) for key, network in system.networks.items()}
    for _ in range(2):  # what starts as the identity has no gradient behind it in the first step
        logged = system.step([_batch(32)])
    assert all(loss.isfinite() for loss in logged.values())
    for key, network in system.networks.items():
        assert all(parameter.grad is not None for parameter in network.parameters())
        assert not torch.equal(before[key], _weights(network))


@pytest.mark.parametrize(("cross_content", "sides", "joins", "tails"), [(True, True, 2, 2), (False, True, 0, 2), (True, False, 2, 1)])
def test_the_discriminative_manners_are_built_as_named(cross_content: bool, sides: bool, joins: int, tails: int) -> None:
    judge = _system(PLNLINMethod(cross_content=cross_content, sides=sides)).networks["judge"]
    assert isinstance(judge, PLNLINJudge)
    assert (len(judge.join), len(judge.tails)) == (joins, tails)


@pytest.mark.parametrize(
    ("method", "says"),
    [
        ({"ratio": 0}, "method.ratio: expected 1 or more"),
        ({"judge_channels": 0}, "method.judge_channels: expected 1 or more"),
        ({"judge_unit": "conv"}, "method.judge_unit: expected one of"),
        ({"adversarial": float("nan")}, "method.adversarial: expected a weight"),
        ({"side_weights": (0.1, -0.1)}, "method.side_weights: expected a weight"),
    ],
)
def test_a_method_that_means_nothing_is_refused(method: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        PLNLINMethod(**method)


def test_another_network_and_too_few_weights_are_refused() -> None:
    with pytest.raises(UsageError, match="got PhysicsGAN"):
        _system(network=PRESETS["physicsgan-edge"].build())
    with pytest.raises(UsageError, match="at least 2 values"):
        _system(PLNLINMethod(side_weights=(0.1,)))
