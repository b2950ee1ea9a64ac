"""Owns small folders of drawn pictures for the training tests."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from runtime.picture import Picture
from training.data.drawn import drawn_scene


def drawn(count: int, side: int = 48) -> list[Picture]:
    return [drawn_scene(np.random.default_rng(i), side, side + 8) for i in range(count)]


def clean_folder(folder: Path, count: int = 13) -> Path:
    folder.mkdir(parents=True)
    for i, picture in enumerate(drawn(count)):
        cv2.imwrite(str(folder / f"{i:02}.png"), picture)
    return folder


def pair_folder(folder: Path, names: tuple[str, ...] = ("train-1", "train-2", "test-1")) -> Path:
    for part in ("rain", "clean"):
        (folder / part).mkdir(parents=True)
    for name, picture in zip(names, drawn(len(names)), strict=True):
        cv2.imwrite(str(folder / "clean" / f"{name}.png"), picture)
        cv2.imwrite(str(folder / "rain" / f"{name}.png"), np.clip(picture.astype(int) + 30, 0, 255).astype(np.uint8))
    return folder
