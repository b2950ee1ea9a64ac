"""What the restorer adds to its engine: time, memory, and how the stages of a video overlap.

`python -m benchmarks.measure.model.restorer [--model M] [--frames N] [--record FILE]`. What is compared is measured in the same run and in
turns, so that a machine that slows down slows both.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.demo.clip import write_clip
from benchmarks.machine import own_memory
from benchmarks.measure.model.latency import rainy_frame
from benchmarks.record import dated, recorded
from runtime.picture import Tensors
from runtime.restorer import Restorer, load
from runtime.timing import StageTimes
from video.files.encoding import EncodeOptions
from video.files.sinks.file import VideoSink
from video.files.sources.file import open_video
from video.frame import Frame
from video.pipeline import run_pipeline

HEIGHT, WIDTH = 720, 1280
_TURNS = 60
_SIZES = [(96 + 16 * (n % 4), 128 + 16 * (n // 4)) for n in range(16)]  # small, so that ten thousand frames take a minute
_EACH = 50  # frames of a size before the next

_FIRST = """
import sys, time
import numpy as np
frame = np.zeros((720, 1280, 3), np.uint8)
started = time.perf_counter()
import clearway
with clearway.load(sys.argv[1]) as restore:
    restore(frame)
    print(time.perf_counter() - started)
"""


def overhead(restorer: Restorer) -> dict[str, float]:
    """Medians of single calls, in turns: the engine into arrays that stand ready, and the restorer."""
    frame, backend = rainy_frame(HEIGHT, WIDTH), restorer.choice.backend
    scale = restorer.manifest.graph.scale
    into: Tensors = {"restored": np.zeros((1, HEIGHT * scale, WIDTH * scale, 3), np.uint8), "health": np.zeros((1, 3), np.float32)}
    ways: dict[str, Callable[[], object]] = {"engine": lambda: backend.run(frame[None], into), "restorer": lambda: restorer(frame)}
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(_TURNS):
        for name, way in ways.items():
            took[name].append(_seconds(way))
    medians = {name: statistics.median(values[5:]) for name, values in took.items()}
    return {f"{name}_ms": round(value * 1e3, 3) for name, value in medians.items()} | {
        "restorer to engine": round(medians["restorer"] / medians["engine"], 4)
    }


def streams(restorer: Restorer) -> dict[str, float]:
    """Frames a second: calls one after the other, one stream, and two streams of two threads, in turns."""
    frame = rainy_frame(HEIGHT, WIDTH)

    def calls() -> None:
        for _ in range(_TURNS // 2):
            restorer(frame)

    def stream() -> None:
        for _ in restorer.stream([frame] * (_TURNS // 2)):
            pass

    def two() -> None:
        threads = [threading.Thread(target=stream) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    ways = {"calls": (calls, 1), "one stream": (stream, 1), "two streams": (two, 2)}
    best = dict.fromkeys(ways, 0.0)
    for _ in range(3):
        for name, (way, count) in ways.items():
            best[name] = max(best[name], count * (_TURNS // 2) / _seconds(way))
    return {name: round(fps, 2) for name, fps in best.items()} | {"two to one": round(best["two streams"] / best["one stream"], 3)}


def first_picture(model: str) -> float:
    """Seconds from `import clearway` to the first restored frame in a new process; the second of two, when everything is in its cache."""
    run = [sys.executable, "-c", _FIRST, model]
    times = [float(subprocess.run(run, check=True, capture_output=True, text=True).stdout) for _ in range(2)]
    return round(times[-1], 3)


def largest_growth(restorer: Restorer, frames: int = 20) -> int:
    """Bytes that Python and numpy allocate anew for one frame of a stream, at most, once it is under way."""
    frame = rainy_frame(HEIGHT, WIDTH)
    stream = restorer.stream(frame for _ in range(frames + 10))
    for _ in range(10):
        next(stream)
    tracemalloc.start()
    try:
        growths = []
        for _ in range(frames):
            before, _peak = tracemalloc.get_traced_memory()
            tracemalloc.reset_peak()
            next(stream)
            growths.append(tracemalloc.get_traced_memory()[1] - before)
    finally:
        tracemalloc.stop()
    return max(growths)


def memory_slope(restorer: Restorer, frames: int) -> dict[str, float]:
    """MB by which the process grows for 1,000 frames of changing sizes, by least squares over the second half."""
    seen: list[tuple[int, float]] = []
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (*size, 3), np.uint8) for size in _SIZES]
    for number in range(frames):
        restorer(pictures[number // _EACH % len(pictures)])
        if number % 250 == 0:
            seen.append((number, own_memory("VmRSS") / 1e6))
    late = np.array(seen[len(seen) // 2 :])
    slope = float(np.polyfit(late[:, 0] / 1000, late[:, 1], 1)[0])
    return {"frames": frames, "sizes": len(_SIZES), "mb_per_1000": round(slope, 3), "mb": round(seen[-1][1], 1)}


def timeline(restorer: Restorer, frames: int = 48) -> list[dict[str, Any]]:
    """When each stage of a video worked on which frame, in milliseconds: while six frames are restored, later in a clip."""
    spans: list[dict[str, Any]] = []

    def timed(stage: str, frame: Frame, started: float) -> None:
        spans.append({"stage": stage, "frame": frame.index, "from": started, "to": time.perf_counter()})

    with tempfile.TemporaryDirectory(prefix="clearway-timeline-") as scratch:
        clip = Path(scratch) / "clip.mp4"
        write_clip(clip, frames / 25, HEIGHT, WIDTH)
        with open_video(clip) as video, VideoSink(Path(scratch) / "out.mp4", video.info, EncodeOptions(), overwrite=True) as sink:

            def decoded() -> Iterator[Frame]:
                started = time.perf_counter()
                for frame in video:
                    timed("decode", frame, started)
                    yield frame
                    started = time.perf_counter()

            def restored(frame: Frame) -> Frame:
                started = time.perf_counter()
                image = restorer(frame.image).image
                timed("restore", frame, started)
                return Frame(frame.index, frame.pts, frame.time_base, image, frame.duration)

            def encoded(frame: Frame) -> None:
                started = time.perf_counter()
                sink.write(frame)
                timed("encode", frame, started)

            run_pipeline(decoded(), restored, encoded, times=StageTimes())
    restores = [span for span in spans if span["stage"] == "restore" and span["frame"] >= frames * 2 // 3][:6]
    zero, end = restores[0]["from"], restores[-1]["to"]
    return [
        span | {"from": round((span["from"] - zero) * 1e3, 2), "to": round((span["to"] - zero) * 1e3, 2)}
        for span in spans
        if zero <= span["from"] and span["to"] <= end
    ]


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def measure(model: str, frames: int) -> dict[str, Any]:
    with load(model) as restorer:
        restorer(rainy_frame(HEIGHT, WIDTH))
        measured = {
            "model": model,
            "backend": restorer.choice.describe(),
            "size": f"{WIDTH}×{HEIGHT}",
            "overhead": overhead(restorer),
            "streams": streams(restorer),
            "first_picture_s": first_picture(model),
            "largest_growth_bytes": largest_growth(restorer),
            "frame_bytes": HEIGHT * WIDTH * 3,
            "timeline": timeline(restorer),
            "memory": memory_slope(restorer, frames),
        }
    return dated(measured)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.measure.model.restorer", description=__doc__)
    parser.add_argument("--model", default="derain")
    parser.add_argument("--frames", type=int, default=10_000, help="of changing sizes, for the memory (default: 10000)")
    return recorded(parser, arguments, lambda options: measure(options.model, options.frames))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
