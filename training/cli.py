"""The words `clearway train`, `clearway evaluate` and `clearway figures`. Does not know networks or losses."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from runtime.errors import UsageError, needs_extra

if TYPE_CHECKING:
    from training.data.batches import TrainingPictures
    from training.loop.devices import Device
    from training.loop.loop import Progress
    from training.recipes.recipe import Recipe

_DATA = "a folder of pictures in a layout that docs/data.md lists, or drawn[:N] for N pictures drawn in code; repeatable"
_LOADING_STEPS = 40
_GIB = 2**30


def run(word: str, arguments: list[str]) -> int:
    with needs_extra("train"):
        return {"train": _train, "evaluate": _evaluate, "figures": _figures}[word](arguments)


def _train(arguments: list[str]) -> int:
    from training.loop.devices import Device, is_first_process
    from training.loop.loop import LoopOptions, train
    from training.recipes import find_recipe
    from training.settings import changed

    parsed = _train_parser().parse_args(arguments)
    changes = _changes(parsed)
    recipe = changed(find_recipe(parsed.recipe), changes)
    if parsed.show:
        print("\n".join(_shown(recipe)))
        return 0
    _check(parsed)
    pictures = _pictures(recipe, parsed.data, parsed.memory, parsed.devices)
    device = Device(parsed.precision, parsed.devices)
    if parsed.measure_loading:
        return _measure_loading(recipe, pictures, device)
    options = LoopOptions(
        folder=parsed.out,
        licence=parsed.licence,
        settings=changes,
        device=device,
        save_every=parsed.save_every,
        log_every=parsed.log_every,
        validate_every=parsed.validate_every,
    )
    model = train(recipe, pictures, options, _say_progress, _say)
    if is_first_process():
        print(f"{model} is trained; next: clearway export {model} -o BUNDLE")
    return 0


def _train_parser() -> argparse.ArgumentParser:
    from training.loop.devices import PRECISIONS
    from training.recipes import RECIPES

    parser = argparse.ArgumentParser(prog="clearway train", description="Train a recipe; resumes from the state in --out.")
    add = parser.add_argument
    add("recipe", help=" | ".join(RECIPES))
    add("--data", action="append", type=Path, metavar="DIR", help=_DATA)
    add("-o", "--out", type=Path, metavar="DIR", help="where the state, the models and the logs go")
    add("--ablation", metavar="NAME", help="one of the paper's ablations by name; --show lists them")
    add("--set", action="append", default=[], dest="settings", metavar="NAME=VALUE", help="change a field; repeatable")
    add("--degrade", metavar="TEXT", help="what degrades clean pictures, instead of the recipe's own mixture")
    add("--show", action="store_true", help="print the recipe with these changes, and train nothing")
    add("--memory", type=float, metavar="GIB", help="decoded pictures to hold (default: half of the free memory)")
    add("--measure-loading", action="store_true", help="measure what drawing the pictures costs, and train nothing")
    add("--licence", default="not stated", metavar="TEXT", help="what the pictures' terms allow the weights to be used for")
    add("--precision", default="bf16-mixed", choices=PRECISIONS, help="default: %(default)s")
    add("--devices", type=int, default=1, help="processes or GPUs on this machine (default: %(default)s)")
    add("--save-every", type=int, default=500, metavar="STEPS", help="default: %(default)s")
    add("--log-every", type=int, default=100, metavar="STEPS", help="default: %(default)s")
    add("--validate-every", type=int, default=2_000, metavar="STEPS", help="default: %(default)s")
    return parser


def _check(parsed: argparse.Namespace) -> None:
    if not parsed.data:
        raise UsageError("expected --data DIR to train from, got none; only --show works without")
    if not parsed.out and not parsed.measure_loading:
        raise UsageError("expected --out DIR for the trained model, got none; only --show and --measure-loading work without")
    if parsed.out and parsed.out.exists() and not parsed.out.is_dir():
        raise UsageError(f"--out {parsed.out}: expected a folder, got a file; name another")
    for name in ("devices", "save_every", "log_every", "validate_every"):
        if getattr(parsed, name) < 1:
            raise UsageError(f"--{name.replace('_', '-')}: expected 1 or more, got {getattr(parsed, name)}")


def _measure_loading(recipe: Recipe, pictures: TrainingPictures, device: Device) -> int:
    from training.loop.devices import is_first_process
    from training.loop.loading import measure_loading

    rates = measure_loading(recipe, pictures, device, _LOADING_STEPS)
    if is_first_process():
        drawn = f"drawn as they are needed: {rates.drawn:.2f}, {rates.share:.2f} of it"
        print(f"batches drawn once: {rates.cached:.2f} steps/s; {drawn}")
    return 0


def _pictures(recipe: Recipe, folders: Sequence[Path], gib: float | None, devices: int) -> TrainingPictures:
    """Each process keeps its own."""
    from training.data.batches import load_pictures
    from training.data.stills import half_of_free_memory
    from training.loop.devices import is_first_process, processes_here

    if gib is not None and gib < 0:
        raise UsageError(f"--memory: expected 0 or more GiB, got {gib:g}")
    memory = (half_of_free_memory() if gib is None else int(gib * _GIB)) // processes_here(devices)
    pictures = load_pictures(folders, task=recipe.task, smallest=recipe.largest_patch, memory=memory)
    if pictures.to_keep > memory and is_first_process():
        wanted, there = pictures.to_keep / _GIB, memory / _GIB
        _say(
            f"{wanted:.1f} GiB of decoded pictures, and memory for {there:.1f}: the rest is decoded again each time; "
            "--measure-loading says what that costs, --memory GIB allows more"
        )
    return pictures


def _changes(parsed: argparse.Namespace) -> tuple[str, ...]:
    from training.settings import ABLATION, DEGRADE

    ablation = (f"{ABLATION}{parsed.ablation}",) if parsed.ablation else ()
    degrade = (f"{DEGRADE}{parsed.degrade}",) if parsed.degrade else ()
    return (*ablation, *parsed.settings, *degrade)


def _shown(recipe: Recipe) -> list[str]:
    from training.settings import values_of

    lines = [f"{recipe.name}: {recipe.summary}", "", "fields, as --set takes them:"]
    lines += [f"  {name}={_as_text(value)}" for name, value in values_of(recipe).items()]
    if recipe.ablations:
        lines += ["", "ablations, as --ablation takes them:"]
        lines += [f"  {name:<24}{'  '.join(settings)}" for name, settings in recipe.ablations.items()]
    return lines


def _as_text(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value).lower() if isinstance(value, bool) else str(value)


def _say_progress(now: Progress) -> None:
    losses = "  ".join(f"{name} {value:.5f}" for name, value in now.losses.items())
    left = (now.steps - now.step) / now.steps_per_second / 60
    _say(f"step {now.step:,} of {now.steps:,}  {losses}  {now.steps_per_second:.1f} steps/s, {left:.0f} min left")


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


def _evaluate(arguments: list[str]) -> int:
    from training.scoring.cli import evaluate_word

    return evaluate_word(arguments)


def _figures(arguments: list[str]) -> int:
    from training.figures import FIGURES, default_file, figure

    parser = argparse.ArgumentParser(prog="clearway figures", description="Draw a figure from what is computed now.")
    words = parser.add_subparsers(dest="figure", required=True, metavar="FIGURE")
    for name, summary in FIGURES.items():
        word = words.add_parser(name, help=summary, description=summary)
        word.add_argument("-o", "--out", type=Path, default=default_file(name), metavar="FILE", help="default: %(default)s")
        figure(name).arguments(word)
    parsed = parser.parse_args(arguments)
    if parsed.out.is_dir() or not parsed.out.parent.is_dir() or parsed.out.suffix not in {".png", ".jpg"}:
        raise UsageError(f"--out {parsed.out}: expected a .png or .jpg in an existing folder; make the folder, or name another file")
    figure(parsed.figure).draw(parsed, print)
    print(f"written: {parsed.out}")
    return 0
