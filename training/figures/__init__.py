"""The table of figures that `clearway figures` draws. Does not know what is on them. Adding one is a file here and a line."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, cast

FIGURES: dict[str, str] = {  # name → what it shows; `aigan-toy` is drawn by aigan_toy.py
    "aigan-toy": "AI-GAN's figure 3: restoring one of two Gaussian signals, with a single branch and with two that interact",
    "degradations": "every degradation on one picture, or one mixture drawn many times",
    "fdrnet-correlation": "FDR-Net's figure 8: what channels share before and after the FDM, and their answers to blur, noise and JPEG",
    "physicsgan-curves": "the physics-based GAN with and without its physics: PSNR against noise, and against steps",
}


class Figure(Protocol):
    """A module of this folder. `parsed.out` is the file to write; `say` takes the lines that belong beside the picture."""

    def arguments(self, parser: argparse.ArgumentParser) -> None: ...
    def draw(self, parsed: argparse.Namespace, say: Callable[[str], None]) -> None: ...


def figure(name: str) -> Figure:
    return cast(Figure, importlib.import_module(f"training.figures.{name.replace('-', '_')}"))


def default_file(name: str) -> Path:
    return Path(f"{name}.png")
