"""The loop: it learns, resumes bit for bit whatever it does, looks at itself, and stops without losing anything."""

from __future__ import annotations

import csv
import math
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from lightning_fabric import Fabric
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor, nn

from runtime.errors import CheckpointError, ClearwayError, TrainingError, UsageError
from tests.support.training.pictures import clean_folder, pair_folder
from training.checkpoint import load_checkpoint, read_tensors
from training.data.batches import Batch, TrainingPictures, load_pictures
from training.degradations.weather.haze import Haze
from training.loop.devices import Device
from training.loop.logs import LOG, TENSORBOARD, VALIDATION
from training.loop.loop import BEST, MODEL, LoopOptions, Progress, train
from training.loop.state import STATE
from training.recipes import find_recipe
from training.recipes.fdrnet import FDRNetMethod
from training.recipes.recipe import Recipe, System
from training.settings import with_settings

TINY = replace(find_recipe("derain"), steps=6, batch=2, patch=32, warm_up=2)
FP32 = Device("32-true")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> TrainingPictures:
    folder = tmp_path_factory.mktemp("data")
    return load_pictures([clean_folder(folder / "photos"), pair_folder(folder / "pairs")])


def _options(folder: Path, device: Device | None = None) -> LoopOptions:
    return LoopOptions(folder, "test pictures", device=device or Device(), save_every=3, log_every=2, validate_every=3, validate_pictures=1)


def _train(recipe: Recipe, pictures: TrainingPictures, folder: Path, device: Device | None = None) -> list[Progress]:
    said: list[Progress] = []
    train(recipe, pictures, _options(folder, device), said.append)
    return said


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


class Cut(Exception):
    pass


def cut_at(step: int) -> Callable[[Progress], None]:
    def report(now: Progress) -> None:
        if now.step == step:
            raise Cut

    return report


@pytest.mark.parametrize(
    "recipe",
    [TINY, replace(TINY, accumulate=2, progressive=(16, 32, 24)), replace(TINY, ema=0.0, schedule="fdrnet-steps", batch=1)],
    ids=["plain", "accumulating, growing patches", "without average"],
)
def test_resuming_equals_never_stopping_bit_for_bit(recipe: Recipe, pictures: TrainingPictures, tmp_path: Path) -> None:
    _train(recipe, pictures, tmp_path / "whole")
    with pytest.raises(Cut):
        train(recipe, pictures, _options(tmp_path / "cut"), cut_at(4))  # the state on disk is that of step 3
    assert read_tensors(tmp_path / "cut" / STATE)[1]["step"] == 3
    _train(recipe, pictures, tmp_path / "cut")

    for name in (STATE, MODEL, BEST):
        (whole, facts), (cut, facts_of_cut) = (read_tensors(tmp_path / run / name) for run in ("whole", "cut"))
        assert facts == facts_of_cut
        assert whole.keys() == cut.keys()
        for key, value in whole.items():
            assert torch.equal(value, cut[key]), key
    for name in (LOG, VALIDATION):
        steps, steps_of_cut = ([row["step"] for row in _rows(tmp_path / run / name)] for run in ("whole", "cut"))
        assert steps == steps_of_cut  # the line of step 4 was written, taken out and written again


def test_it_learns_and_writes_what_the_manifest_needs(pictures: TrainingPictures, tmp_path: Path) -> None:
    # A haze that is the same for every picture can be learned in a few steps; rain cannot.
    haze = Haze(density=(1, 1), airlight=(1, 1), unevenness=0)
    recipe = replace(TINY, steps=40, warm_up=5, learning_rate=5e-3, degradation=lambda _seed, _pairs: haze)
    options = replace(_options(tmp_path, FP32), settings=("steps=40",), validate_every=20)
    said: list[Progress] = []
    train(recipe, pictures, options, said.append)
    assert said[-1].step == 40
    assert sum(now.losses["l1"] for now in said[-5:]) < 0.8 * sum(now.losses["l1"] for now in said[:5])
    card = load_checkpoint(tmp_path / MODEL).card
    assert (card.recipe, card.steps, card.licence, card.settings) == ("derain", 40, "test pictures", ("steps=40",))
    assert card.data == pictures.described
    assert [int(row["step"]) for row in _rows(tmp_path / LOG)] == [now.step for now in said]


def test_the_best_validation_is_kept_and_seen_in_tensorboard(pictures: TrainingPictures, tmp_path: Path) -> None:
    _train(TINY, pictures, tmp_path)
    rows = _rows(tmp_path / VALIDATION)
    assert [row["step"] for row in rows] == ["3", "6"]
    weather = [name for name in rows[0] if name != "step" and not name.endswith("clean")]
    means = [sum(float(row[name]) for name in weather) / len(weather) for row in rows]
    best = load_checkpoint(tmp_path / BEST).card.steps
    assert best == (3, 6)[means.index(max(means))]
    assert read_tensors(tmp_path / STATE)[1]["best"]["step"] == best

    board = EventAccumulator(str(tmp_path / TENSORBOARD)).Reload()
    assert {"train/l1", f"validation/{weather[0]}"} <= set(board.Tags()["scalars"])
    assert set(weather) <= set(board.Tags()["images"])
    assert board.Images(weather[0])[0].width == 3 * 56  # degraded, restored, clean


def test_accumulating_equals_a_larger_batch(pictures: TrainingPictures, tmp_path: Path) -> None:
    one, many = replace(TINY, batch=4), replace(TINY, batch=1, accumulate=4)
    torch.manual_seed(TINY.seed)
    start = TINY.network.build().state_dict()
    for name, recipe in (("one", one), ("many", many)):
        _train(recipe, pictures, tmp_path / name, FP32)
    whole, parts = (read_tensors(tmp_path / name / MODEL)[0] for name in ("one", "many"))
    # Adam divides by a gradient's own size, so where it is all rounding noise a weight may step either way: all of them together count.
    apart = torch.cat([(value - parts[key]).flatten() for key, value in whole.items()]).norm()
    moved = torch.cat([(value - start[key]).flatten() for key, value in whole.items()]).norm()
    assert apart < 0.02 * moved


def test_growing_patches_keep_the_number_of_pixels() -> None:
    recipe = replace(TINY, steps=90, batch=16, patch=64, progressive=(32, 64, 128))
    assert [recipe.patches_at(step) for step in (0, 29, 30, 60, 89)] == [(32, 64), (32, 64), (64, 16), (128, 4), (128, 4)]
    with pytest.raises(UsageError, match="progressive: expected sides above zero"):
        replace(TINY, progressive=(32, 0))


@pytest.mark.parametrize(("number", "raised"), [(signal.SIGTERM, SystemExit), (signal.SIGINT, KeyboardInterrupt)])
def test_a_signal_saves_the_step_and_leaves(
    number: signal.Signals, raised: type[BaseException], pictures: TrainingPictures, tmp_path: Path
) -> None:
    said: list[str] = []

    def interrupt(now: Progress) -> None:
        if now.step == 4:
            os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    with pytest.raises(raised) as left:
        train(TINY, pictures, _options(tmp_path / "cut"), interrupt, said.append)
    if number == signal.SIGTERM:
        assert left.value.code == 143  # type: ignore[attr-defined]
    assert signal.getsignal(number) is before
    assert read_tensors(tmp_path / "cut" / STATE)[1]["step"] in {4, 5}  # the signal may be seen a step later
    assert "goes on from there" in said[-1]
    _train(TINY, pictures, tmp_path / "cut")
    _train(TINY, pictures, tmp_path / "whole")
    whole, cut = (read_tensors(tmp_path / run / MODEL)[0] for run in ("whole", "cut"))
    assert all(torch.equal(value, cut[key]) for key, value in whole.items())


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"learning_rate": 0.5}, r"expected learning_rate [0-9.]+, got 0.5"),
        ({"method": FDRNetMethod(beta=0)}, "expected method.beta 1e-05, got 0"),
        ({"network": replace(TINY.network, name="another")}, "expected network fdrnet-edge.*, got another"),
    ],
)
def test_a_state_of_other_settings_is_refused(change: dict[str, object], says: str, pictures: TrainingPictures, tmp_path: Path) -> None:
    _train(TINY, pictures, tmp_path)
    with pytest.raises(CheckpointError, match=says):
        _train(replace(TINY, **change), pictures, tmp_path)  # type: ignore[arg-type]


def test_a_state_of_another_run_is_refused(pictures: TrainingPictures, tmp_path: Path) -> None:
    _train(TINY, pictures, tmp_path)
    with pytest.raises(CheckpointError, match="expected precision bf16-mixed, got 32-true"):
        _train(TINY, pictures, tmp_path, FP32)
    with pytest.raises(CheckpointError, match=r"expected data .*, got .*elsewhere.*"):
        _train(TINY, replace(pictures, described=("elsewhere",)), tmp_path)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"patch": 30}, "multiples of 4, got 30"),
        ({"progressive": (16, 30)}, "multiples of 4, got 30"),
        ({"schedule": "cosinus"}, "no schedule is called 'cosinus'"),
        ({"protocol": "hsv"}, "expected a protocol, got 'hsv'"),
    ],
)
def test_what_could_not_work_is_said_before_the_first_step(
    change: dict[str, object], says: str, pictures: TrainingPictures, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=says):
        _train(replace(TINY, **change), pictures, tmp_path)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


@dataclass(frozen=True)
class BreaksAt:
    """FDR-Net's method, with a loss that is infinite at one step."""

    breaks: int

    def set_up(self, fabric: Fabric, generator: nn.Module, learning_rate: float) -> System:
        return _Breaking(self.breaks, FDRNetMethod().set_up(fabric, generator, learning_rate))


class _Breaking:
    def __init__(self, breaks: int, system: System) -> None:
        self._breaks, self._system, self._steps = breaks, system, 0
        self.networks, self.optimisers = system.networks, system.optimisers
        self.memory: Mapping[str, Tensor] = {}

    def step(self, batches: Sequence[Batch]) -> dict[str, Tensor]:
        losses = self._system.step(batches)
        self._steps += 1
        return losses | {"l1": losses["l1"] * (torch.inf if self._steps == self._breaks + 1 else 1)}


def test_a_loss_that_is_not_finite_stops_it_with_its_batch_kept_and_the_last_good_state(pictures: TrainingPictures, tmp_path: Path) -> None:
    recipe = replace(TINY, method=BreaksAt(4))
    with pytest.raises(TrainingError, match=r"the loss l1 is inf at step 4; its batch is kept in .*batch-4") as caught:
        _train(recipe, pictures, tmp_path)
    assert "\n" not in str(caught.value)
    assert read_tensors(tmp_path / STATE)[1]["step"] == 3
    kept, facts = read_tensors(next(tmp_path.glob("batch-4-*.safetensors")))
    assert (facts["step"], kept["degraded.0"].shape) == (4, (2, 3, 32, 32))


def test_weights_that_are_not_finite_are_never_saved(pictures: TrainingPictures, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="lower --set learning_rate"):
        _train(replace(TINY, learning_rate=1e30, steps=40, warm_up=0), pictures, tmp_path, FP32)
    for path in (*tmp_path.glob("[ms]*.safetensors"), *tmp_path.glob(BEST)):
        assert all(value.isfinite().all() for value in read_tensors(path)[0].values()), path.name


_SMALL_GAN = ["network=physicsgan-edge", "method.judge_channels=8", "method.pool=3", "method.pool_side=32"]
GAN = replace(with_settings(find_recipe("physicsgan-deblur"), _SMALL_GAN), steps=6, batch=2, patch=32, learn_pairs=False)


@pytest.mark.parametrize("precision", ["bf16-mixed", "16-mixed"])
def test_a_gan_resumes_with_its_pools_and_fp16_with_its_scaler(precision: str, pictures: TrainingPictures, tmp_path: Path) -> None:
    """FP16's first scale is too large for this one: steps are left out, and the scale that has been found is part of the state."""
    device = Device(precision)
    _train(GAN, pictures, tmp_path / "whole", device)
    with pytest.raises(Cut):
        train(GAN, pictures, _options(tmp_path / "cut", device), cut_at(4))
    _train(GAN, pictures, tmp_path / "cut", device)
    (whole, facts), (cut, facts_of_cut) = (read_tensors(tmp_path / run / STATE) for run in ("whole", "cut"))
    assert facts == facts_of_cut
    assert [key for key, value in whole.items() if not torch.equal(value, cut[key])] == []
    assert whole["memory.clear.pictures"].any()
    assert ("scale" in facts["scaler"]) == (precision == "16-mixed")


def test_fp16_descends_unscaled_gradients_in_every_network(pictures: TrainingPictures, tmp_path: Path) -> None:
    """Gradients are scaled on the way, at first by 65,536; a step past the scaler would take them for real ones."""
    for recipe, name in ((replace(TINY, steps=1), "derain"), (replace(GAN, steps=1), "gan")):
        full: dict[str, Tensor] = {}
        half: dict[str, Tensor] = {}
        for precision, tensors in (("32-true", full), ("16-mixed", half)):
            _train(recipe, pictures, tmp_path / name / precision, Device(precision))
            tensors.update(read_tensors(tmp_path / name / precision / STATE)[0])
        for network in {key.split(".")[1] for key in full if key.startswith("optimiser.")}:
            keys = [key for key in full if key.startswith(f"optimiser.{network}.") and key.endswith(".exp_avg")]
            lengths = [math.hypot(*(float(tensors[key].norm()) for key in keys)) for tensors in (full, half)]
            left_out = name == "gan" and lengths[1] == 0  # the first scale was too large for it: as if the step had not been
            assert left_out or lengths[1] == pytest.approx(lengths[0], rel=0.1), (name, network)


def test_a_protocol_that_cannot_score_what_is_held_out_is_said_before_the_first_step(pictures: TrainingPictures, tmp_path: Path) -> None:
    """div2k-hybrid is scored in patches of 63×63, and the pictures here are 48 high."""
    with pytest.raises(ClearwayError) as caught:
        _train(replace(TINY, protocol="div2k-hybrid"), pictures, tmp_path)
    assert "63" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_nothing_held_out_means_no_validation_and_no_best_which_is_said(pictures: TrainingPictures, tmp_path: Path) -> None:
    said: list[str] = []
    train(TINY, TrainingPictures.of(list(pictures.clean)), _options(tmp_path), lambda _now: None, said.append)
    assert "--data holds nothing out" in said[0]
    assert (tmp_path / MODEL).exists()
    assert not (tmp_path / BEST).exists()
