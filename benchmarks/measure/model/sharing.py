"""What sharing a restorer costs, what batches gain, and how much of a frame's time the guard and the clocks take. Does not know video.

`python -m benchmarks.measure.model.sharing [--record FILE]`. The ways take turns in a new order each round, a few frames each, so that
other load on the machine hits all alike; the fastest round of each counts. CPU time, of all threads, holds on a machine that is never idle.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from benchmarks.measure.model.latency import rainy_frame
from benchmarks.record import Record, dated, recorded
from benchmarks.reports.runtime import sharing as table
from runtime.guard.faults import change, fault_in, limits_for
from runtime.model.bundle import open_bundle
from runtime.model.zoo import find
from runtime.picture import Picture
from runtime.restorer import Restored, Restorer, load
from runtime.sharing.sharing import SharedRestorer
from runtime.timing import StageTimes

_ONE = "one stream, Restorer.stream"
_FRAMES = 8  # of each way in each round: 1, 2 and 4 divide it
_REPEATS = 200  # of what takes microseconds
_WITHIN = 60.0  # seconds: nothing is late, so that batches are as large as they may be


def measure(model: str, backend: str, width: int, height: int, rounds: int) -> dict[str, Any]:
    frame = rainy_frame(height, width)
    with load(model, backend) as restorer, load(model, backend, mode="throughput") as busy:
        with SharedRestorer(restorer) as alone, SharedRestorer(restorer, most=4) as together:
            seconds = _in_turns(_ways(restorer, busy, alone, together, [frame] * _FRAMES), rounds)
        overhead = _overhead(model, restorer, frame)
        facts = {"model": restorer.manifest.name, "backend": restorer.choice.describe()}
    first = min(wall for wall, _ in seconds[_ONE])
    rows = []
    for way, took in seconds.items():
        fastest, cpu = min(wall for wall, _ in took), statistics.median(cpu for _, cpu in took)
        fps, cpu_ms = round(_FRAMES / fastest, 2), round(1e3 * cpu / _FRAMES, 2)
        rows.append({"way": way, "fps": fps, "share": round(first / fastest, 3), "cpu_ms": cpu_ms})
    return facts | {"size": f"{width}×{height}", "rounds": rounds, "ways": rows, "overhead": overhead}


def _ways(
    restorer: Restorer, busy: Restorer, alone: SharedRestorer, together: SharedRestorer, pictures: list[Picture]
) -> dict[str, Callable[[], object]]:
    return {
        _ONE: lambda: deque(restorer.stream(pictures), maxlen=0),
        "one stream, mode throughput": lambda: deque(busy.stream(pictures), maxlen=0),
        "one stream, shared": _fed(alone, 1, pictures),
        "two streams, shared": _fed(alone, 2, pictures),
        "four streams, shared": _fed(alone, 4, pictures),
        "four streams, shared, 4 a run": _fed(together, 4, pictures),
        **{f"batches of {count}": _in_batches(restorer, count, pictures) for count in (1, 2, 4)},
    }


def _fed(sharing: SharedRestorer, count: int, pictures: list[Picture]) -> Callable[[], None]:
    """As many streams in turn, two frames of each on their way at any time."""
    streams = [sharing.stream(f"{count} streams, {number}", _WITHIN) for number in range(count)]

    def feed() -> None:
        pending: deque[Future[Restored]] = deque()
        for number, picture in enumerate(pictures):
            pending.append(streams[number % count].submit(picture))
            if len(pending) > 2 * count:
                pending.popleft().result()
        while pending:
            pending.popleft().result()

    return feed


def _in_batches(restorer: Restorer, count: int, pictures: list[Picture]) -> Callable[[], None]:
    def run() -> None:
        for start in range(0, len(pictures), count):
            restorer.batch(pictures[start : start + count])

    return run


def _in_turns(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[tuple[float, float]]]:
    """What each round of each took, on the wall's clock and of the cores' time."""
    seconds: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    order = random.Random(0)
    for _ in range(1 + rounds):
        for way in order.sample(list(ways), len(ways)):
            wall, cpu = time.perf_counter(), time.process_time()
            ways[way]()
            seconds[way].append((time.perf_counter() - wall, time.process_time() - cpu))
    return {way: took[1:] for way, took in seconds.items()}  # the first round warms up


def _overhead(model: str, restorer: Restorer, frame: Picture) -> dict[str, float]:
    """Milliseconds: the fastest frame, the guard's look at one that has just come, and a stage clock."""
    normal, times = limits_for(open_bundle(find(model))), StageTimes()
    of_frame, of_guard = [], []
    for _ in range(_REPEATS // 10):
        started = time.perf_counter()
        restored = restorer(frame)
        between = time.perf_counter()
        fault_in(change(frame, restored.image, restored.health), normal)
        of_frame.append(between - started)
        of_guard.append(time.perf_counter() - between)
    started = time.perf_counter()
    for _ in range(_REPEATS):
        with times.stage("nothing"):
            pass
    clock = (time.perf_counter() - started) / _REPEATS
    frame_ms, guard_ms = 1e3 * min(of_frame), 1e3 * statistics.median(of_guard)
    shares = {"guard_percent": round(100 * guard_ms / frame_ms, 3), "clock_percent": round(100 * 1e3 * clock / frame_ms, 4)}
    return {"frame_ms": round(frame_ms, 2), "guard_ms": round(guard_ms, 4), "clock_ms": round(1e3 * clock, 5)} | shares


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.measure.model.sharing", description=__doc__)
    parser.add_argument("--model", default="derain")
    parser.add_argument("--backend", default="auto")
    parser.add_argument("--size", type=int, nargs=2, default=(1280, 720), metavar=("W", "H"), help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=10, metavar="N", help="how often each way has its turn (default: %(default)s)")

    def measured(options: argparse.Namespace) -> Record:
        width, height = options.size
        return dated(measure(options.model, options.backend, width, height, options.rounds))

    return recorded(parser, arguments, measured, table)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
