"""How near the guard comes to suspecting results on real weather, which it must not. Does not know video.

`python -m benchmarks.measure.model.guard PHOTOS ... [--record FILE]`. Every photograph in those folders is degraded in several ways, harder
than a proof is, and restored. The figure is how far each result goes beyond the model's own proof, beside what the guard lets pass.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.record import Record, dated, recorded, say
from benchmarks.reports.runtime import suspicion as table
from runtime.files.pictures import list_pictures, read_picture
from runtime.guard.faults import ChangeLimits, PictureChange, change, fault_in, limits_for
from runtime.model.bundle import open_bundle
from runtime.model.zoo import find
from runtime.restorer import load
from training.degradations.degradation import Light
from training.degradations.description import parse_mixture

Weather = Callable[[Light, np.random.Generator], Light]

_DESCRIBED = {
    "rain": "rain(strength=1)",
    "downpour": "downpour(strength=0.7, accumulation=1.5)",
    "night": "night",
    "rain at night": "night + rain(strength=1)",
    "fog": "haze(density=2)",
    "glare": "glare(strength=1.2)",
    "noise": "noise(read=25, shot=8)",
}
_RED = np.array([0.1, 0.1, 1], np.float32)


def weathers() -> dict[str, Weather]:
    made: dict[str, Weather] = {"as it is": lambda clean, _: clean}
    for name, words in _DESCRIBED.items():
        made[name] = _described(words)
    return made | {"dark": lambda clean, _: clean * np.float32(0.15), "red light": lambda clean, _: clean * _RED}


def _described(words: str) -> Weather:
    degradation = parse_mixture(words)
    return lambda clean, rng: degradation(clean, rng).picture


def measure(model: str, photos: list[Path], side: int) -> Record:
    normal, found = limits_for(open_bundle(find(model))), weathers()
    seen: dict[str, list[PictureChange]] = {name: [] for name in found}
    with load(model, guard="off") as restorer:
        for number, photo in enumerate(photos):
            clean = _light(photo, side)
            for place, (name, weather) in enumerate(found.items()):
                source = np.rint(weather(clean, np.random.default_rng((number, place))).clip(0, 1) * 255).astype(np.uint8)
                restored = restorer(source)
                seen[name].append(change(source, restored.image, restored.health))
            if number % 50 == 49:
                say(f"{number + 1} of {len(photos)} photographs")
        facts = {"model": restorer.manifest.name, "backend": restorer.choice.describe()}
    rows = [{"weather": name} | worst_beyond(changes, normal) for name, changes in seen.items()]
    return dated(facts | {"photographs": len(photos), "rows": rows})


def _light(photo: Path, side: int) -> Light:
    return read_picture(photo)[:side, :side].astype(np.float32) / np.float32(255)


def worst_beyond(changes: list[PictureChange], normal: ChangeLimits) -> dict[str, Any]:
    """The farthest of all pictures, beyond what is normal, in the guard's own measures."""
    moved = [float(levels) for seen in changes for levels in seen.brightness]
    return {
        "suspected": sum(fault_in(seen, normal) is not None for seen in changes),
        "share": round(max(max(seen.black - normal.black, seen.white - normal.white) for seen in changes), 3),
        "brightness": round(max(normal.darker - min(moved), max(moved) - normal.brighter), 1),
        "tint": round(max(seen.tint for seen in changes) - normal.tint, 1),
    }


def _photos(folders: list[Path]) -> Iterator[Path]:
    for folder in folders:
        yield from list_pictures(folder)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.measure.model.guard", description=__doc__)
    parser.add_argument("photos", nargs="+", type=Path, metavar="PHOTOS", help="folders of clean photographs")
    parser.add_argument("--model", default="derain")
    parser.add_argument("--side", type=int, default=480, help="the most of a photograph's sides that is used (default: %(default)s)")
    return recorded(
        parser,
        arguments,
        lambda options: measure(options.model, list(_photos(options.photos)), options.side),
        table,
        lambda record: not any(row["suspected"] for row in record["rows"]),
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
