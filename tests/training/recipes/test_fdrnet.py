"""FDR-Net's recipes: what the paper prints, its ablations by name, and a step that learns."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from runtime.errors import UsageError
from tests.support.training.ablations import differences
from tests.support.training.systems import fabric, halves
from training.data.batches import Batch, to_tensor
from training.data.drawn import dead_leaves
from training.degradations.degradation import to_light, to_picture
from training.losses import orthogonality
from training.networks import PRESETS
from training.networks.fdrnet import FDRNet, FDRNetConfig
from training.recipes import RECIPES, find_recipe
from training.recipes.fdrnet import FDRNetMethod
from training.recipes.hybrid import Hybrid
from training.recipes.recipe import System
from training.recipes.schedules import SCHEDULES
from training.settings import with_ablation, with_settings

PAPER = tuple(name for name in RECIPES if name.startswith("fdrnet-"))
TINY = FDRNetConfig(channels=8, phases=2, fd_layers=2, process_blocks=1, auxiliary_blocks=1)


def _system(method: FDRNetMethod, config: FDRNetConfig, rate: float = 1e-3) -> System:
    torch.manual_seed(1)
    return method.set_up(fabric(), FDRNet(config).train(), rate)


def _batch(count: int, side: int, seed: int = 1) -> Batch:
    rng = np.random.default_rng(seed)
    clean = [dead_leaves(rng, side, side) for _ in range(count)]
    degraded = [to_picture(Hybrid()(to_light(picture), rng).picture) for picture in clean]
    return Batch(to_tensor(degraded), to_tensor(clean))


@pytest.mark.parametrize("name", PAPER)
def test_a_recipe_of_the_paper_trains_as_printed(name: str) -> None:
    recipe = find_recipe(name)
    assert recipe.network is PRESETS["fdrnet"]
    assert (recipe.batch, recipe.learning_rate, recipe.method) == (28, 1e-4, FDRNetMethod(beta=1e-5))
    assert recipe.learn_pairs
    factor = SCHEDULES[recipe.schedule]
    assert [factor(recipe, step) for step in (0, 8_999, 9_000, 27_000)] == pytest.approx([1, 1, 0.8, 0.8**3])
    assert isinstance(recipe.method.set_up(fabric(), FDRNet(TINY), 1e-4).optimisers["generator"], torch.optim.Adam)


def test_hybrid_patches_are_those_of_the_data_set_and_its_blur_is_that_of_the_test_sets_unless_the_text_s_is_named() -> None:
    recipe, wide = find_recipe("fdrnet-hybrid"), find_recipe("fdrnet-hybrid-wide-blur")
    assert recipe.patch == wide.patch == 63
    assert recipe.degradation(1, ()) == Hybrid(blur=5)
    assert wide.degradation(1, ()) == Hybrid(blur=10)


ROWS: dict[str, dict[str, object]] = {
    "without-fdm": {"network.disentangle": False},
    "without-auxiliary": {"network.auxiliary": False},
    **{f"fd-{count}": {"network.fd_layers": count} for count in (1, 2, 4, 5)},
    "fd-3": {},  # the paper's own choice out of table 6, as 32 channels are
    **{f"channels-{count}": {"network.channels": count} for count in (16, 48, 64)},
    "channels-32": {},
    "without-svdo": {"method.beta": 0.0},
}


@pytest.mark.parametrize("name", PAPER)
def test_an_ablation_differs_from_its_recipe_as_its_table_says_and_nowhere_else(name: str) -> None:
    recipe = find_recipe(name)
    assert set(recipe.ablations) == set(ROWS)
    for ablation, expected in ROWS.items():
        assert differences(recipe, with_ablation(recipe, ablation)) == expected, ablation


def test_the_ablations_of_table_6_change_the_number_of_parameters_and_that_of_the_loss_does_not() -> None:
    def parameters(ablation: str) -> int:
        return sum(p.numel() for p in with_ablation(find_recipe("fdrnet-hybrid"), ablation).network.build().parameters())

    layers = [parameters(f"fd-{count}") for count in range(1, 6)]
    assert np.ptp(np.diff(layers)) == 0
    assert np.diff(layers)[0] == 12 * 2 * (32 * 32 * 9 + 32 + 32 * 32 + 32)  # an FD and an FA layer a phase
    assert layers[2] == parameters("channels-32") == parameters("without-svdo")
    assert parameters("channels-16") < parameters("channels-32") < parameters("channels-48") < parameters("channels-64")


@pytest.mark.parametrize("config", [TINY, dataclasses.replace(TINY, disentangle=False)], ids=["whole", "without FDM"])
def test_the_losses_are_the_paper_s(config: FDRNetConfig) -> None:
    batch, system = _batch(2, 24), _system(FDRNetMethod(), config)
    made = system.networks["generator"](batch.degraded, every=True)
    every = [orthogonality(features) for phase in made.features for features in phase]
    losses = system.step([batch])
    torch.testing.assert_close(losses["l1"], F.l1_loss(made.restored, batch.clean))
    assert len(every) == (4 if config.disentangle else 0)
    torch.testing.assert_close(losses["orthogonality"], torch.stack(every).mean() if every else torch.zeros(()))


def test_beta_reaches_the_weights_through_the_disentangling_layers_only_when_it_is_not_zero() -> None:
    def after(beta: float) -> dict[str, torch.Tensor]:
        # The tail is zero at the start, so the picture has no opinion on anything before it yet: what moves is β's doing.
        system = _system(FDRNetMethod(beta=beta), TINY)
        system.step([_batch(2, 24)])
        return {name: value.clone() for name, value in system.networks["generator"].state_dict().items()}

    torch.manual_seed(1)
    start, with_beta, without = FDRNet(TINY).state_dict(), after(1e-5), after(0)
    moved = {name for name in start if not torch.equal(start[name], with_beta[name])}
    assert any(".fd." in name for name in moved)
    assert {name for name in start if not torch.equal(start[name], without[name])} == {"tail.weight", "tail.bias"}


def test_micro_batches_make_the_step_of_the_whole_batch() -> None:
    whole, parts = _system(FDRNetMethod(), TINY), _system(FDRNetMethod(), TINY)
    batch = _batch(4, 24)
    for _ in range(2):
        a, b = whole.step([batch]), parts.step(halves(batch))
    torch.testing.assert_close(a, b)
    one, other = (dict(system.networks["generator"].state_dict()) for system in (whole, parts))
    # Adam makes steps of a thousandth out of gradients of any size, so of rounding errors too: a twentieth of a step is allowed.
    torch.testing.assert_close(one, other, rtol=0, atol=5e-5)


def test_one_patch_can_be_learned_by_heart_by_6_db_in_200_steps_with_the_edge_preset() -> None:
    torch.manual_seed(1)
    recipe = with_settings(find_recipe("fdrnet-hybrid"), ["network=fdrnet-edge"])
    system = recipe.method.set_up(fabric(), recipe.network.build().train(), find_recipe("derain").learning_rate)
    batch = _batch(1, 64)
    reached = [system.step([batch]) for _ in range(200)]
    before = 10 * math.log10(1 / F.mse_loss(batch.degraded, batch.clean).item())
    with torch.no_grad():
        after = 10 * math.log10(1 / F.mse_loss(system.networks["generator"](batch.degraded), batch.clean).item())
    assert after - before > 6
    assert reached[-1]["l1"] < 0.5 * reached[0]["l1"]
    assert reached[-1]["orthogonality"] < reached[0]["orthogonality"]


def test_another_network_is_refused_in_one_line() -> None:
    with pytest.raises(UsageError, match="expected the network of FDR-Net"):
        FDRNetMethod().set_up(fabric(), torch.nn.Conv2d(3, 3, 1), 1e-4)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("network.phases=0", "phases: expected 1 or more, got 0"),
        ("network.channels=-2", "channels: expected 1 or more, got -2"),
        ("method.beta=-1", "beta of 0 or more"),
        ("method.beta=nan", "beta of 0 or more"),
        ("method.largest_gradient=0", "largest_gradient above 0"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_before_anything_is_built(setting: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        with_settings(find_recipe("fdrnet-hybrid"), [setting])


def test_the_shipped_recipe_is_still_what_the_shipped_model_says_it_is() -> None:
    recipe = find_recipe("derain")
    assert recipe.network is PRESETS["fdrnet-edge"]
    assert not recipe.learn_pairs
    assert (recipe.steps, recipe.batch, recipe.patch, recipe.learning_rate, recipe.schedule) == (40_000, 16, 96, 1.5e-3, "cosine")
