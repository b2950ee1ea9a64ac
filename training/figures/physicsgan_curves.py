"""The physics-based GAN's figure 12: robustness to noise and convergence, with the physics and without. Knows no loop.

Left, PSNR of blurred text pages against the noise on them, 0 to 10 % of white; right, PSNR against the training's steps. The paper
draws both for its own text set. Here the pages are drawn, and either the runs that are named are read (their validation.csv and
their models), or the edge preset is trained on the spot for a few hundred steps: the whole system and its base GAN, from the same
weights and on the same patches, `--seeds` times each, so that a difference can be told from chance.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from lightning_fabric import Fabric
from torch import nn

from runtime.errors import DataError, UsageError
from runtime.picture import Picture
from training.checkpoint import load_checkpoint
from training.data.batches import Patches, TrainingPictures, from_tensor, to_tensor
from training.degradations.mixture import degrade_picture
from training.degradations.optics.blur import Defocus
from training.degradations.optics.shake import Shake
from training.loop.logs import VALIDATION, read_validation
from training.loop.loop import MODEL
from training.recipes import find_recipe
from training.recipes.physicsgan_recipes import blur_and_noise
from training.recipes.recipe import Recipe
from training.recipes.schedules import SCHEDULES
from training.scoring.metrics import psnr
from training.settings import with_ablation, with_settings

_SYSTEMS = {"with the physics": None, "base GAN": "base-gan"}
_MILD = Defocus(radius=(0.5, 1.5)), Shake(length=(1.0, 5.0))  # a few hundred steps learn this blur, and not the recipe's
_PERCENTS = tuple(range(11))
_PAGES, _SIDE = 4, 128  # unseen pages that a point is the mean of
_LOOKS = 12  # points of a convergence curve
_WORDS = ("the quick brown fox", "rain on glass", "0123456789", "Clearway", "a page of text", "blurred, then read", "EXIT 24")
_FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_TRIPLEX)


@dataclass(frozen=True)
class Curve:
    """One training: PSNR by step, and by percent of noise at its end."""

    name: str
    steps: tuple[int, ...]
    convergence: tuple[float, ...]
    robustness: tuple[float, ...]


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", nargs="*", type=Path, metavar="RUN", help="folders of `clearway train physicsgan-deblur`; none: train here")
    parser.add_argument("--train", type=int, default=700, metavar="STEPS", help="steps of a training on the spot (default: %(default)s)")
    parser.add_argument("--seeds", type=int, default=2, help="trainings of each system (default: %(default)s)")


def draw(parsed: argparse.Namespace, say: Callable[[str], None]) -> None:
    if parsed.train < 1 or parsed.seeds < 1:
        raise UsageError(f"--train and --seeds: expected above zero, got {parsed.train} and {parsed.seeds}")
    if parsed.runs:
        curves = [_of_run(folder) for folder in parsed.runs]
    else:
        curves = [_trained(name, parsed.train, seed) for name in _SYSTEMS for seed in range(parsed.seeds)]
    untouched = _robustness(lambda page: page)
    say("PSNR (Y, no shift) in dB of drawn text pages, by noise in % of white")
    for name, values in [("as degraded", untouched), *((curve.name, curve.robustness) for curve in curves)]:
        say(f"{name:<24}" + "".join(f"{value:7.2f}" for value in values))
    _plot(curves, untouched, parsed.out)


def _of_run(folder: Path) -> Curve:
    log, model = folder / VALIDATION, folder / MODEL
    if not log.is_file() or not model.is_file():
        raise DataError(
            f"{folder}: expected a folder from `clearway train` with {VALIDATION} and {MODEL} in it; train with pictures to hold out"
        )
    seen = read_validation(log)
    if not seen:
        raise DataError(f"{log}: expected lines with the PSNR of held-out pictures, got none; train with pictures to hold out")
    generator = load_checkpoint(model).build().eval()
    return Curve(folder.name, tuple(step for step, _ in seen), tuple(value for _, value in seen), _robustness(_restorer(generator)))


def _trained(name: str, steps: int, seed: int) -> Curve:
    """The edge preset, with small discriminators and at a patch that a CPU can do ten times a second."""
    recipe = with_settings(find_recipe("physicsgan-deblur"), ["network=physicsgan-edge", "method.judge_channels=16", "method.pool_side=64"])
    ablation = _SYSTEMS[name]
    recipe = with_ablation(recipe, ablation) if ablation else recipe
    recipe = dataclasses.replace(recipe, steps=steps, batch=4, patch=64, learning_rate=1e-3)
    torch.manual_seed(seed)
    generator = recipe.network.build()
    system = recipe.method.set_up(Fabric(accelerator="cpu", devices=1), generator, recipe.learning_rate)
    pages = [page(np.random.default_rng((1, i)), _SIDE) for i in range(64)]
    patches = Patches(TrainingPictures.of(pages), blur_and_noise(0.0, 10.0, *_MILD), recipe.patch, seed)
    looks = sorted({round(share * steps) for share in np.linspace(0, 1, _LOOKS + 1)})
    seen: list[float] = []
    for step in range(steps + 1):
        if step in looks:
            seen.append(_score(_restorer(generator), percent=5))
        if step < steps:
            _set_rate(recipe, system.optimisers.values(), step)
            system.step([patches.batch(step, patch=recipe.patch, batch=recipe.batch)])
    label = f"{name}, {seed + 1}"
    return Curve(label, tuple(looks), tuple(seen), _robustness(_restorer(generator)))


def _set_rate(recipe: Recipe, optimisers: Iterable[torch.optim.Optimizer], step: int) -> None:
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = recipe.learning_rate * SCHEDULES[recipe.schedule](recipe, step)


def _restorer(generator: nn.Module) -> Callable[[Picture], Picture]:
    def restore(picture: Picture) -> Picture:
        with torch.inference_mode():
            return from_tensor(generator(to_tensor([picture])))[0]

    return restore


def _robustness(restore: Callable[[Picture], Picture]) -> tuple[float, ...]:
    return tuple(_score(restore, percent) for percent in _PERCENTS)


def _score(restore: Callable[[Picture], Picture], percent: float) -> float:
    """Mean over pages that no training saw; the blur of a page is the same at every noise."""
    scores = []
    for i in range(_PAGES):
        clean = page(np.random.default_rng((2, i)), _SIDE)
        degraded = degrade_picture(blur_and_noise(percent, percent, *_MILD), clean, np.random.default_rng((3, i)))
        scores.append(psnr(restore(degraded), clean, "y"))
    return float(np.mean(scores))


def page(rng: np.random.Generator, side: int) -> Picture:
    """Dark words on light paper, line below line."""
    paper, ink = rng.uniform(200, 255, 3), rng.uniform(0, 70, 3)
    canvas = np.full((side, side, 3), paper, np.uint8)
    below = 0
    while below < side:
        scale, font = float(rng.uniform(0.35, 0.9)), int(rng.choice(_FONTS))
        below += round(26 * scale) + int(rng.integers(2, 8))
        text = "  ".join(rng.permutation(_WORDS))
        cv2.putText(canvas, text, (-int(rng.integers(40)), below), font, scale, tuple(ink), 1, cv2.LINE_AA)
    return canvas


def _plot(curves: Sequence[Curve], untouched: Sequence[float], out: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    noise, convergence = figure.subplots(1, 2)
    noise.plot(_PERCENTS, untouched, "k:", label="as degraded")
    kinds = list(dict.fromkeys(curve.name.partition(",")[0] for curve in curves))
    for curve in curves:
        kind = curve.name.partition(",")[0]
        first = next(other for other in curves if other.name.startswith(kind)) is curve
        style = {"color": f"C{kinds.index(kind)}", "marker": ".", "label": kind if first else None}
        noise.plot(_PERCENTS, curve.robustness, **style)
        convergence.plot(curve.steps, curve.convergence, **style)
    noise.set(xlabel="noise, % of white", ylabel="PSNR (Y), dB", title="(a) robustness to noise")
    convergence.set(xlabel="step", ylabel="PSNR (Y), dB", title="(b) convergence")
    for axes in (noise, convergence):
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(out, dpi=120)
