"""What flicker reduction does to restored video: PSNR, flicker and cost, before and after.

`python -m benchmarks.measure.video.flicker [--model M] [--frames N] [--record FILE]`. The clips are drawn, so that the clean truth of each
frame is known; they are written and read as H.264, as a camera records. Everything runs one after the other in one process, so that its CPU
time says what each step costs, on a busy machine too.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.demo.clip import ClipOptions, RainyClip
from benchmarks.record import Record, dated, recorded, say
from benchmarks.reports.flicker import table
from runtime.picture import Picture
from runtime.restorer import Restorer, load
from training.scoring.metrics import psnr
from video.files.sources.file import open_video
from video.finish.flicker import FlickerMeter, FlickerScore
from video.finish.flicker_reduction import FlickerReducer

SIZES = ((360, 640), (720, 1280))
SCENES = {  # name → standing camera, rain
    "driving in rain": (False, True),
    "driving, dry": (False, False),
    "standing in rain": (True, True),
    "standing, dry": (True, False),
}


class _Costs:
    """CPU-seconds of the whole process by step."""

    def __init__(self) -> None:
        self._seconds: dict[str, list[float]] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        started = time.process_time()
        yield
        self._seconds.setdefault(name, []).append(time.process_time() - started)

    def median_ms(self) -> dict[str, float]:
        return {name: round(float(np.median(seconds)) * 1e3, 2) for name, seconds in self._seconds.items()}


def measure_scene(restorer: Restorer, options: ClipOptions) -> dict[str, Any]:
    """The key "steady", of records that exist, is what flicker reduction made."""
    costs, reduced, clip = _Costs(), FlickerReducer(), RainyClip(options)
    scores: dict[str, list[float]] = {"source": [], "restored": [], "steady": []}
    meters = {name: FlickerMeter() for name in ("restored", "steady", "truth")}
    for index, source in enumerate(_recorded(clip)):
        with costs.step("model"):
            restored = restorer(source).image
        with costs.step("steady"):
            calm = reduced(restored)
        pictures = {"source": source, "restored": restored, "steady": calm, "truth": clip.truth(index)}
        for name, found in scores.items():
            found.append(psnr(pictures[name], pictures["truth"]))
        for name, meter in meters.items():
            with costs.step("flicker"):
                meter.add(source, pictures[name])
    flicker = {name: _score(meter) for name, meter in meters.items()}
    return {
        "frames": options.frames,
        "psnr_db": {name: round(float(np.mean(found)), 3) for name, found in scores.items()},
        "flicker": {"source": round(flicker["truth"].source, 3)} | {name: round(score.result, 3) for name, score in flicker.items()},
        "compared": round(flicker["truth"].compared, 3),
        "cpu_ms": costs.median_ms(),
    }


def _recorded(clip: RainyClip) -> list[Picture]:
    """All at once, so that no decoder's thread runs beside what is measured."""
    with tempfile.TemporaryDirectory(prefix="clearway-flicker-") as scratch:
        path = Path(scratch) / "clip.mp4"
        clip.write(path)
        with open_video(path) as video:
            return [frame.image for frame in video]


def _score(meter: FlickerMeter) -> FlickerScore:
    score = meter.score()
    assert score is not None, "the drawn scenes have no cuts"
    return score


def measure(model: str, frames: int) -> Record:
    rows = []
    with load(model) as restorer:
        for height, width in SIZES:
            for scene, (standing, rain) in SCENES.items():
                options = ClipOptions(frames, height, width, standing=standing, rain=rain)
                rows.append({"scene": scene, "size": f"{width}×{height}"} | measure_scene(restorer, options))
                say(json.dumps(rows[-1], ensure_ascii=False))
        backend = restorer.choice.describe()
    return dated({"model": model, "backend": backend, "scenes": rows})


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.measure.video.flicker", description=__doc__)
    parser.add_argument("--model", default="derain")
    parser.add_argument("--frames", type=int, default=75, help="of each scene (default: 75)")
    return recorded(parser, arguments, lambda options: measure(options.model, options.frames), table)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
