"""Restoring files: what each step of a frame costs alone, and how near a whole restore comes to their sum.

`python -m benchmarks.measure.video.files [--model M] [--frames N] [--record FILE]`. What is compared is measured in turns, so that a
machine that slows down slows all of it, and each share is of one turn. CPU time is that of the whole process, with the threads of decoders
and encoders: it holds on a busy machine too, where frames a second do not.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.demo.clip import ClipOptions, RainyClip
from benchmarks.measure.video.qualities import qualities, segmented
from benchmarks.measure.video.steps import alone_ms
from benchmarks.peers.loops import bare_loop
from benchmarks.record import Record, dated, recorded, say
from benchmarks.reports.files import table
from benchmarks.rig.passthrough import make_passthrough
from runtime.restorer import Restorer, load
from video.files.encoding import EncodeOptions
from video.files.sources.file import open_video
from video.restore.job import RestoreJob
from video.restore.video import engine_threads, restore_video

TURNS = 3


def turn(clip: Path, frames: int, restorer: Restorer, passthrough: Restorer, scratch: Path) -> dict[str, Any]:
    ways: dict[str, Callable[[], float]] = {
        "restored": lambda: restore_video(RestoreJob(clip, scratch / "restored.mp4", overwrite=True), restorer).fps,
        "bare": lambda: bare_loop(clip, scratch / "bare.mp4"),
        "identity": lambda: restore_video(RestoreJob(clip, scratch / "same.mp4", overwrite=True), passthrough).fps,
    }
    alone = alone_ms(clip, restorer, scratch)
    fps, spent = {"bound": len(os.sched_getaffinity(0)) / sum(alone.values()) * 1e3}, {"bound": sum(alone.values())}
    for name, way in ways.items():
        started = time.process_time()
        fps[name] = way()
        spent[name] = (time.process_time() - started) / frames * 1e3
    return {
        "alone_cpu_ms": alone,
        "fps": {name: round(rate, 2) for name, rate in fps.items()},
        "cpu_ms": {name: round(cost, 2) for name, cost in spent.items()},
        "shares": {
            "restored to the bound": round(fps["restored"] / fps["bound"], 3),
            "identity to the bare loop": round(fps["identity"] / fps["bare"], 3),
        },
    }


def medians(turns: list[dict[str, Any]]) -> dict[str, Any]:
    """Of each figure by itself, so that a share is one that was measured."""
    return {kind: {name: statistics.median(one[kind][name] for one in turns) for name in turns[0][kind]} for kind in turns[0]}


def measure(model: str, options: ClipOptions) -> Record:
    with tempfile.TemporaryDirectory(prefix="clearway-files-") as folder, load(model, threads=engine_threads()) as restorer:
        scratch = Path(folder)
        clip = scratch / "clip.mp4"
        say("drawing the clip")
        RainyClip(options).write(clip)
        with open_video(clip) as video, load(make_passthrough(scratch / "passthrough"), threads=engine_threads()) as passthrough:
            first = next(iter(video)).image
            for used in (restorer, passthrough):
                used(first)  # compiled and warm before the clock runs
            turns = []
            for _ in range(TURNS):
                turns.append(turn(clip, options.frames, restorer, passthrough, scratch))
                say(json.dumps(turns[-1]))
        backend = restorer.choice.describe()
    return dated(
        {
            "model": model,
            "backend": backend,
            "size": f"{options.width}×{options.height}",
            "frames": options.frames,
            "encoder": EncodeOptions().describe(),
            "cores": len(os.sched_getaffinity(0)),
            "turns": turns,
            "medians": medians(turns),
            "qualities": qualities(options),
            "segmented": segmented(options),
        }
    )


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.measure.video.files", description=__doc__)
    parser.add_argument("--model", default="derain", help="a shipped model's name, or the folder of a bundle (default: %(default)s)")
    parser.add_argument("--frames", type=int, default=200, help="of the clip (default: %(default)s)")
    return recorded(parser, arguments, lambda options: measure(options.model, ClipOptions(options.frames)), table)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
