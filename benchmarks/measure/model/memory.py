"""How much memory CPU engines take for a picture, and what tiles save and cost. Does not know video.

`python -m benchmarks.measure.model.memory [--record FILE]`. Every figure is from a process of its own: its largest growth while one picture
was restored, after a tiny one had loaded what is loaded once. The backends' memory factors are the largest multiples measured here.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import own_memory
from benchmarks.record import Record, dated, recorded, say
from benchmarks.reports.runtime import memory as table
from runtime.backends.choose import open_backend
from runtime.backends.protocol import EngineOptions
from runtime.model.bundle import Bundle
from runtime.tiles.geometry import plan_tiles
from runtime.tiles.tiled import TiledBackend

_PRESETS = ("fdrnet-edge", "aigan-edge", "physicsgan-edge", "plnlin-edge")
_ENGINES = {"OpenVINO": ("openvino", False), "OpenVINO, FP32": ("openvino", True), "ONNX Runtime": ("onnxruntime", True)}
_SIZES = ((720, 1280), (1080, 1920))
_TILED, _LARGE, _SIDE = "aigan-edge", (4000, 6000), 2304  # 24 megapixels, in tiles of up to so many pixels a side


@dataclass(frozen=True)
class MemoryRun:
    """One engine on one picture, in a process of its own."""

    bundle: Bundle
    engine: str
    exact: bool
    size: tuple[int, int]
    tile: int | None = None


def measure(presets: tuple[str, ...], sizes: tuple[tuple[int, int], ...], large: tuple[int, int], side: int) -> Record:
    rows = []
    with tempfile.TemporaryDirectory(prefix="clearway-memory-") as scratch:
        bundles = {name: _untrained(name, Path(scratch)) for name in {*presets, _TILED}}
        for name in presets:
            for words, (engine, exact) in _ENGINES.items():
                grown = [run_alone(MemoryRun(bundles[name], engine, exact, size)) for size in sizes]
                counted = bundles[name].manifest.graph.bytes_a_pixel
                factor = max(row["grown_bytes"] / (height * width * counted) for row, (height, width) in zip(grown, sizes, strict=True))
                rows.append({"preset": name, "engine": words, "precision": grown[0]["precision"]})
                rows[-1] |= {"bytes_a_pixel": counted, "factor": round(factor, 2)}
                say(f"{rows[-1]}")
        tiled = [run_alone(MemoryRun(bundles[_TILED], "openvino", False, large, tile)) for tile in (None, side)]
        plan = plan_tiles(bundles[_TILED].manifest.graph, *large, side)
    count = len(plan.rows) * len(plan.columns)
    tiles = {"preset": _TILED, "size": f"{large[1]}×{large[0]}", "tiles": count, "whole": tiled[0], "in_tiles": tiled[1]}
    return dated({"sizes": [f"{width}×{height}" for height, width in sizes], "engines": rows, "tiles": tiles})


def _untrained(name: str, scratch: Path) -> Bundle:
    from benchmarks.measure.model.presets import untrained  # torch; the processes that are measured do without
    from training.networks import find_preset

    (scratch / name).mkdir()
    return untrained(find_preset(name), scratch / name)


def run_alone(run: MemoryRun) -> dict[str, Any]:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(run_one, run).result()


def run_one(run: MemoryRun) -> dict[str, Any]:
    """In a process that has done nothing else."""
    os.environ["CLEARWAY_CACHE"] = str(run.bundle.folder / "cache")
    rng = np.random.default_rng(0)
    choice = open_backend(run.bundle, run.engine, EngineOptions(exact=run.exact))
    tiled = TiledBackend(run.bundle.manifest, choice.backend, run.tile, "latency")
    tiled.run(rng.integers(0, 256, (1, 64, 64, 3), np.uint8))
    picture = rng.integers(0, 256, (1, *run.size, 3), np.uint8)
    before = own_memory("VmRSS")
    tiled.run(picture)  # compiles
    started = time.perf_counter()
    tiled.run(picture)
    seconds = time.perf_counter() - started
    return {"grown_bytes": own_memory("VmHWM") - before, "seconds": round(seconds, 2), "precision": choice.backend.facts.precision}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.measure.model.memory", description=__doc__)
    return recorded(parser, arguments, lambda _: measure(_PRESETS, _SIZES, _LARGE, _SIDE), table)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
