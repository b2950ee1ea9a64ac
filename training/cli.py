"""Owns the words `clearway train`, `clearway evaluate` and `clearway figures`; knows nothing of networks or losses."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from runtime.errors import UsageError, needs_extra

if TYPE_CHECKING:
    from training.data.batches import TrainingPictures
    from training.loop.loop import Progress
    from training.recipes.recipe import Recipe

_DATA = "a folder of pictures in a layout that docs/data.md lists, or drawn[:N] for N pictures drawn in code; repeatable"
_LOADING_STEPS = 40
_GIB = 2**30


def run(word: str, arguments: list[str]) -> int:
    with needs_extra("train"):
        return {"train": _train, "evaluate": _evaluate, "figures": _figures}[word](arguments)


def _train(arguments: list[str]) -> int:
    from training.loop.devices import PRECISIONS, Device, is_first_process
    from training.loop.loading import measure_loading
    from training.loop.loop import LoopOptions, train
    from training.recipes import RECIPES, find_recipe
    from training.settings import changed

    parser = argparse.ArgumentParser(prog="clearway train", description="Train a recipe; goes on from the state in --out.")
    parser.add_argument("recipe", help=" | ".join(RECIPES))
    parser.add_argument("--data", action="append", type=Path, metavar="DIR", help=_DATA)
    parser.add_argument("-o", "--out", type=Path, metavar="DIR", help="where the state, the models and the logs go")
    parser.add_argument("--ablation", metavar="NAME", help="one of the paper's ablations by name; --show lists them")
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="NAME=VALUE", help="a field; repeatable")
    parser.add_argument("--degrade", metavar="TEXT", help="what clean pictures are degraded by, in place of the recipe's")
    parser.add_argument("--show", action="store_true", help="show the recipe as these arguments make it, and train nothing")
    parser.add_argument("--memory", type=float, metavar="GIB", help="decoded pictures to keep (default: half of the memory that is free)")
    parser.add_argument(
        "--measure-loading", action="store_true", help="say what drawing the pictures costs beside the training, and train nothing"
    )
    parser.add_argument("--licence", default="not stated", metavar="TEXT", help="what the pictures' terms allow the weights to be used for")
    parser.add_argument("--precision", default="bf16-mixed", choices=PRECISIONS, help="default: %(default)s")
    parser.add_argument("--devices", type=int, default=1, help="processes or GPUs on this machine (default: %(default)s)")
    parser.add_argument("--save-every", type=int, default=500, metavar="STEPS", help="default: %(default)s")
    parser.add_argument("--log-every", type=int, default=100, metavar="STEPS", help="default: %(default)s")
    parser.add_argument("--validate-every", type=int, default=2_000, metavar="STEPS", help="default: %(default)s")
    parsed = parser.parse_args(arguments)

    changes = _changes(parsed)
    recipe = changed(find_recipe(parsed.recipe), changes)
    if parsed.show:
        print("\n".join(_shown(recipe)))
        return 0
    if not parsed.data:
        raise UsageError("--data DIR is needed to train (only --show works without)")
    if not parsed.out and not parsed.measure_loading:
        raise UsageError("--out DIR is needed to train (only --show and --measure-loading work without)")
    if parsed.out and parsed.out.exists() and not parsed.out.is_dir():
        raise UsageError(f"--out {parsed.out}: a folder was expected, this is a file; name another")
    for name in ("devices", "save_every", "log_every", "validate_every"):
        if getattr(parsed, name) < 1:
            raise UsageError(f"--{name.replace('_', '-')} must be 1 or more, {getattr(parsed, name)} came")
    pictures = _pictures(recipe, parsed.data, parsed.memory, parsed.devices)
    device = Device(parsed.precision, parsed.devices)
    if parsed.measure_loading:
        loading = measure_loading(recipe, pictures, device, _LOADING_STEPS)
        if is_first_process():
            rates = f"{loading.cached:.2f} steps/s; drawn as they are needed: {loading.drawn:.2f}"
            print(f"batches drawn once: {rates}, {loading.share:.2f} of it")
        return 0
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


def _pictures(recipe: Recipe, folders: Sequence[Path], gib: float | None, devices: int) -> TrainingPictures:
    """Each process keeps its own."""
    from training.data.batches import load_pictures
    from training.data.stills import half_of_free_memory
    from training.loop.devices import is_first_process, processes_here

    if gib is not None and gib < 0:
        raise UsageError(f"--memory must be 0 or more GiB, {gib:g} came")
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
        raise UsageError(f"--out {parsed.out}: a .png or .jpg in a folder that exists was expected; make the folder, or name another file")
    figure(parsed.figure).draw(parsed, print)
    print(f"written: {parsed.out}")
    return 0
