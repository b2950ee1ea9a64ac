"""The contact sheet of the degradations: each on the same picture, or one mixture drawn many times. Does not know networks.

Pictures are put down pixel for pixel, since noise and compression are not to be seen on resized ones. Under each stands the line
that makes it, as `parse_mixture` reads it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from matplotlib.figure import Figure

from runtime.errors import UsageError
from runtime.files.pictures import list_pictures, read_picture
from runtime.picture import Picture
from training.data.drawn import drawn_scene
from training.degradations.degradation import Degradation, to_light, to_picture
from training.degradations.description import KINDS, describe, parse_mixture
from training.degradations.mixture import Mixture
from training.degradations.weather.rain import StreakBank

# Strong enough to be seen on a sheet; the defaults, which training draws from, are printed beside it.
SPECIMENS: dict[str, str] = {
    "rain": "rain(strength=0.4, veil=0.05)",
    "downpour": "downpour(accumulation=1.2, splash=0.8)",
    "rain-film": "rain-film(strength=0.5, lean=15)",
    "splash": "splash(strength=0.8, density=60)",
    "drops": "drops(cover=0.2, radius=4..16, blur=0.8)",
    "haze": "haze(density=1.8, airlight=0.85, glow=0.3)",
    "night": "night(light=0.05, headlights=0.5)",
    "glare": "glare(cars=1, strength=0.6, rays=0.5)",
    "dirt": "dirt(specks=0.9, number=60, light=0.3)",
    "blur": "blur(sigma=1, motion=12)",
    "defocus": "defocus(radius=4)",
    "shake": "shake(length=24, restlessness=3)",
    "low-resolution": "low-resolution(scale=6)",
    "noise": "noise(read=15, shot=15)",
    "sensor-noise": "sensor-noise(photons=200, read=4)",
    "chroma-noise": "chroma-noise(strength=10, size=6)",
    "jpeg": "jpeg(quality=12)",
    "h264": "h264(quality=36)",
    "h265": "h265(quality=38)",
}
_WIDTH, _HEIGHT = 300, 200
_COLUMNS, _GAP, _CAPTION = 5, 14, 38
_DPI = 100
_PATCH, _TIMED = 128, 15
_JPEG = (".jpg", ".jpeg")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, metavar="DIR", help="show them on the first picture of this folder, or on this picture")
    parser.add_argument("--mixture", metavar="TEXT", help="draw this many times instead, as in 'rain@0.9 + jpeg(quality=30..90)'")
    parser.add_argument("--seed", type=int, default=1, help="of everything that is drawn (default: %(default)s)")


def draw(parsed: argparse.Namespace, say: Callable[[str], None]) -> None:
    if not parsed.out.parent.is_dir():
        raise UsageError(f"{parsed.out}: expected a file in an existing folder; make the folder, or name another file with -o")
    if parsed.out.suffix.lower() not in (".png", *_JPEG):
        raise UsageError(f"{parsed.out}: a sheet is written as .png or .jpg; name another file with -o")
    if parsed.seed < 0:
        raise UsageError(f"--seed: expected 0 or more, got {parsed.seed}")
    # What is misspelt is said before a picture is read.
    bank = StreakBank(seed=1)
    mixture = parse_mixture(parsed.mixture, bank) if parsed.mixture is not None else None
    clean = _picture(parsed.data, parsed.seed)
    if mixture is not None:
        say(describe(mixture, defaults=True))
        cells = [_sample(mixture, clean, parsed.seed + i) for i in range(len(SPECIMENS))]
    else:
        say(f"time of a patch of {_PATCH}×{_PATCH}, and the defaults of every field:")
        for name in KINDS:
            degradation = parse_mixture(name, bank)
            say(f"{_milliseconds(degradation):6.2f} ms  {describe(degradation, defaults=True)}")
        cells = [
            (name, specimen.removeprefix(name), _degraded(parse_mixture(specimen, bank), clean, parsed.seed)[0])
            for name, specimen in SPECIMENS.items()
        ]
    sheet([("clean", "", clean), *cells], parsed.out)


def sheet(cells: Sequence[tuple[str, str, Picture]], out: Path) -> None:
    """Each cell is a name, what stands beside it in grey, and a picture of the one size."""
    rows = -(-len(cells) // _COLUMNS)
    width, height = _COLUMNS * (_WIDTH + _GAP) + _GAP, rows * (_HEIGHT + _CAPTION) + _GAP
    figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI, facecolor="white")
    for number, (name, beside, picture) in enumerate(cells):
        row, column = divmod(number, _COLUMNS)
        left, top = _GAP + column * (_WIDTH + _GAP), height - _GAP - row * (_HEIGHT + _CAPTION)
        figure.figimage(picture[..., ::-1], left, top - _HEIGHT, origin="upper")
        right, below = left + _WIDTH, (top - _HEIGHT - 5) / height
        figure.text(left / width, below, name, va="top", fontsize=9.5, fontweight="bold", color="#202020")
        figure.text(right / width, below, beside, va="top", ha="right", fontsize=7.5, color="#606060")
    figure.savefig(out, dpi=_DPI, pil_kwargs={"quality": 92} if out.suffix.lower() in _JPEG else {})


def _picture(data: Path | None, seed: int) -> Picture:
    """Cut to the shape of a cell, and resized to it."""
    if data is None:
        return drawn_scene(np.random.default_rng(seed), _HEIGHT, _WIDTH)
    picture = read_picture(data if data.is_file() else list_pictures(data)[0])
    height, width = picture.shape[:2]
    scale = min(height / _HEIGHT, width / _WIDTH)
    tall, wide = round(scale * _HEIGHT), round(scale * _WIDTH)
    top, left = (height - tall) // 2, (width - wide) // 2
    cut = picture[top : top + tall, left : left + wide]
    return np.asarray(cv2.resize(cut, (_WIDTH, _HEIGHT), interpolation=cv2.INTER_AREA if scale > 1 else cv2.INTER_CUBIC), np.uint8)


def _degraded(degradation: Degradation, clean: Picture, seed: int) -> tuple[Picture, set[str]]:
    """And the parts that were applied."""
    came = degradation(to_light(clean), np.random.default_rng(seed))
    return to_picture(came.picture), {name.rpartition(".")[0] for name in came.parameters}


def _milliseconds(degradation: Degradation) -> float:
    """The median patch, on one thread, as the loop draws them; without the first, for which stocks are drawn."""
    patch = to_light(drawn_scene(np.random.default_rng(1), _PATCH, _PATCH))
    times, threads = [], cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        for seed in range(_TIMED + 1):
            began = time.perf_counter()
            degradation(patch, np.random.default_rng(seed))
            times.append(1000 * (time.perf_counter() - began))
    finally:
        cv2.setNumThreads(threads)
    return float(np.median(times[1:]))


def _sample(degradation: Degradation, clean: Picture, seed: int) -> tuple[str, str, Picture]:
    picture, applied = _degraded(degradation, clean, seed)
    names = [name for name, _, _ in degradation.parts if name in applied] if isinstance(degradation, Mixture) else [""]
    return f"seed {seed}", " + ".join(names) or "untouched", picture
