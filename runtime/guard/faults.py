"""What can be seen to be wrong with a restored picture, against its source and what the model is used to do. Knows no engine.

A picture is looked at in at most 32×32 points, one at random in each of as many boxes: on a regular grid, a picture with stripes of
the grid's width would seem to have the colour of its stripes.
"""

from __future__ import annotations

import functools
import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runtime.errors import BundleError
from runtime.model.bundle import PROOF, Bundle
from runtime.picture import Picture

KINDS = ("nan", "black", "white", "flat", "shift")

_POINTS, _CELLS = 32, 8  # along a side; a cell's mean is of 16 points
_LEVELS = 256  # what stands for 1.0 in health (docs/bundle.md)
# How far beyond what the model does on its proof is a fault. Weather heavier than the proof's must be none:
# benchmarks/measure/model/guard.py measures how near it comes, docs/runtime.md shows it.
_SHARE = 0.25  # of the picture, black or white
_BRIGHTNESS = 64  # levels, all channels together
_TINT = 32  # levels, a channel against the mean of all
_DARKEST, _BRIGHTEST = 16, 239  # a source beyond these may well be restored to black, or white
_STRUCTURE = 8  # levels: how far the cells of a source differ that is not flat


@dataclass(frozen=True)
class Fault:
    kind: str  # one of KINDS
    words: str  # for people: "it is 61 % black where its source is not"


@dataclass(frozen=True)
class ChangeLimits:
    """The most that a model did to any of its proof's pictures. Leaving a picture as it is, is normal for every model."""

    black: float = 0.0  # share of the points
    white: float = 0.0
    darker: float = 0.0  # levels, at most 0
    brighter: float = 0.0  # levels, at least 0
    tint: float = 0.0  # levels


@dataclass(frozen=True)
class PictureChange:
    """What became of one picture."""

    black: float  # the share of points that are black and whose source is not
    white: float
    flat: bool  # of one colour, and its source is not
    brightness: NDArray[np.float32]  # [2] levels brighter: the bytes, and through health before clamping
    tint: float  # levels: the largest of a channel against the mean of all, of either


@functools.lru_cache(maxsize=8)
def _points(height: int, width: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of the points, the same on every run, cell after cell."""
    rng = np.random.default_rng(0)
    rows, columns = (_POINTS if side >= _POINTS else _POINTS // 2 for side in (height, width))
    grid = np.mgrid[0:rows, 0:columns] + rng.random((2, rows, columns))
    cells = grid.reshape(2, _CELLS, rows // _CELLS, _CELLS, columns // _CELLS).swapaxes(2, 3)
    down, across = cells.reshape(2, -1)
    return (down * height / rows).astype(np.intp), (across * width / columns).astype(np.intp)


def change(source: Picture, restored: Picture, health: NDArray[np.float32]) -> PictureChange:
    """`source` is [H, W, 3], `restored` [sH, sW, 3], `health` [3] and finite."""
    rows, columns = _points(*source.shape[:2])
    scale = restored.shape[0] // source.shape[0]
    # Channel by channel: numpy takes ten times as long where the last axis has three.
    before = np.ascontiguousarray(source[rows, columns].T)
    after = np.ascontiguousarray(restored[rows * scale, columns * scale].T)
    moved = np.stack((after.mean(1), health * _LEVELS)) - before.mean(1)
    brightness = moved.mean(1)
    return PictureChange(
        black=float(np.mean((after.max(0) == 0) & (before.max(0) >= _DARKEST))),
        white=float(np.mean((after.min(0) == 255) & (before.min(0) <= _BRIGHTEST))),
        flat=bool((after.max(1) - after.min(1)).max() <= 1) and _structure(before) >= _STRUCTURE,
        brightness=brightness.astype(np.float32),
        tint=float(np.abs(moved - brightness[:, None]).max()),
    )


def _structure(points: NDArray[np.uint8]) -> float:
    """How far cells differ, not points: noise, which a network may well take away, is no structure."""
    return float(points.reshape(3, _CELLS * _CELLS, -1).mean(2).std(1).max())


def fault_in(seen: PictureChange, limits: ChangeLimits) -> Fault | None:
    """The first of `KINDS` but NaN, which is not a matter of degree."""
    if seen.black > limits.black + _SHARE:
        return Fault("black", f"it is {seen.black:.0%} black where its source is not")
    if seen.white > limits.white + _SHARE:
        return Fault("white", f"it is {seen.white:.0%} white where its source is not")
    if seen.flat:
        return Fault("flat", "it has one colour everywhere, its source has not")
    least, most = limits.darker - _BRIGHTNESS, limits.brighter + _BRIGHTNESS
    farthest = float(seen.brightness[np.abs(seen.brightness).argmax()])
    if not least <= farthest <= most:
        return Fault("shift", f"its brightness is {farthest:+.0f} levels off its source's, expected {least:+.0f} to {most:+.0f}")
    if seen.tint > limits.tint + _TINT:
        return Fault("shift", f"its tint is {seen.tint:.0f} levels off its source's, expected at most {limits.tint + _TINT:.0f}")
    return None


def limits_of(changes: Sequence[PictureChange]) -> ChangeLimits:
    brightness = [float(levels) for seen in changes for levels in seen.brightness]
    return ChangeLimits(
        black=max(seen.black for seen in changes),
        white=max(seen.white for seen in changes),
        darker=min(0.0, *brightness),
        brighter=max(0.0, *brightness),
        tint=max(seen.tint for seen in changes),
    )


def limits_for(bundle: Bundle) -> ChangeLimits:
    """From the bundle's proof: its pictures and PyTorch's answers."""
    path = bundle.folder / PROOF
    try:
        # From memory: np.load leaves its file open where the content is no zip.
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as proof:
            numbers = [key.removesuffix("/frame") for key in proof.files if key.endswith("/frame")]
            names = ("frame", "expected_restored", "expected_health")
            pictures = [[proof[f"{number}/{name}"] for name in names] for number in numbers]
        return limits_of([change(frame, restored[0], health[0]) for frame, restored, health in pictures])
    except (OSError, EOFError, ValueError, KeyError, IndexError, zipfile.BadZipFile) as error:
        raise BundleError(f"{path}: expected the proof of a bundle, but it cannot be read ({error}); copy the bundle again") from error
