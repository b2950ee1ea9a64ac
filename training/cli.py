"""Owns the words `clearway train`, `clearway evaluate` and `clearway figures`; knows nothing of networks or losses."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from runtime.errors import MissingExtra, UsageError

if TYPE_CHECKING:
    from training.loop import Progress

_DATA = "a folder of clean pictures, or one with rain/ and clean/; repeatable"
_FROM_THE_EXTRA = {"torch", "lightning_fabric", "safetensors", "cv2", "matplotlib", "tensorboard"}
_SETTABLE = ("steps", "batch", "patch", "learning_rate", "seed")


def run(word: str, arguments: list[str]) -> int:
    try:
        return {"train": _train, "evaluate": _evaluate, "figures": _figures}[word](arguments)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in _FROM_THE_EXTRA:
            raise
        raise MissingExtra(error.name, "train") from error


def _train(arguments: list[str]) -> int:
    from training.data import load_pictures
    from training.loop import LoopOptions, train
    from training.recipes import RECIPES, find_recipe

    parser = argparse.ArgumentParser(prog="clearway train", description="Train a recipe; goes on from the state in --out.")
    parser.add_argument("recipe", help=" | ".join(RECIPES))
    parser.add_argument("--data", action="append", type=Path, required=True, metavar="DIR", help=_DATA)
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="DIR", help="where the state, the model and the log go")
    parser.add_argument("--licence", default="not stated", metavar="TEXT", help="what the pictures' terms allow the weights to be used for")
    for name in _SETTABLE:
        kind = float if name == "learning_rate" else int
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, help="instead of the recipe's")
    parser.add_argument("--precision", default="bf16-mixed", choices=["bf16-mixed", "32-true"], help="default: %(default)s")
    parser.add_argument("--devices", type=int, default=1, help="processes or GPUs (default: %(default)s)")
    parsed = parser.parse_args(arguments)

    asked = {name: getattr(parsed, name) for name in _SETTABLE if getattr(parsed, name) is not None}
    for name, value in asked.items():
        if value <= 0:
            raise UsageError(f"--{name.replace('_', '-')} must be above zero, {value} came")
    recipe = dataclasses.replace(find_recipe(parsed.recipe), **asked)
    model = train(recipe, load_pictures(parsed.data), LoopOptions(parsed.out, parsed.licence, parsed.precision, parsed.devices), _say)
    print(f"{model} is trained; next: clearway export {model} -o BUNDLE")
    return 0


def _say(now: Progress) -> None:
    losses = "  ".join(f"{name} {value:.5f}" for name, value in now.losses.items())
    left = (now.steps - now.step) / now.steps_per_second / 60
    line = f"step {now.step:,} of {now.steps:,}  {losses}  {now.steps_per_second:.1f} steps/s, {left:.0f} min left"
    print(line, file=sys.stderr, flush=True)


def _evaluate(arguments: list[str]) -> int:
    from training.evaluate_cli import evaluate_word

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
    figure(parsed.figure).draw(parsed, print)
    print(f"written: {parsed.out}")
    return 0
