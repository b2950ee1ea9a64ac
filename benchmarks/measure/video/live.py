"""The latency of `clearway live`, measured against a simulated camera: the rainy street at 25 frames a second over TCP.

`python -m benchmarks.measure.video.live --seconds 600`. The camera is a process of its own, which sends what was encoded before; its small
share of the CPU is in the figures. Latency is from the packet's arrival to the restored picture, by minute, so that a growing one shows.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.demo.clip import ClipOptions
from benchmarks.record import Record, dated, recorded
from benchmarks.reports.live import live as table
from benchmarks.rig.camera import simulated_camera
from runtime.restorer import Restorer, load
from runtime.timing import StageTimes
from video.live.run import LiveRun
from video.live.sinks.sink import RestoredFrame
from video.live.sources.stream import StreamSource
from video.live.statistics import LiveStatistics


class LatencySink:
    """A sink that keeps how old each picture was when it was ready, by minute."""

    name, depth = "measure", 8

    def __init__(self) -> None:
        self.times = StageTimes()
        self._began = time.monotonic()

    def begin(self, statistics: Callable[[], LiveStatistics]) -> None:
        pass

    def write(self, shown: RestoredFrame) -> None:
        minute = int((shown.stamps.restored - self._began) / 60) + 1
        self.times.add(f"minute {minute}", shown.stamps.restored - shown.stamps.arrived)

    def idle(self) -> None:
        pass

    def finish(self) -> None:
        pass


def measure(restorer: Restorer, seconds: float, clip: ClipOptions) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder, simulated_camera(clip, Path(folder)) as address:
        numbers, minutes = _run(restorer, address, seconds)
    measured = {
        "seconds": seconds,
        "size": f"{clip.width}×{clip.height}",
        "model": restorer.manifest.name,
        "backend": restorer.choice.describe(),
        "live": numbers.as_dict(),
        "minutes": minutes,
    }
    return dated(measured)


def _run(restorer: Restorer, address: str, seconds: float) -> tuple[LiveStatistics, dict[str, dict[str, float]]]:
    sink = LatencySink()
    with LiveRun(StreamSource(address), restorer, [sink]) as live:
        live.wait(seconds)
        return live.statistics(), sink.times.as_dict()


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.measure.video.live", description="Measures the latency of clearway live.")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long (default: %(default)s)")
    parser.add_argument("--height", type=int, default=720, help="of the camera's picture, 16:9 (default: %(default)s)")
    parser.add_argument("--model", default="derain", help="a shipped model's name, or the folder of a bundle (default: %(default)s)")
    parser.add_argument("--backend", default="auto", help="which engine runs it (default: the fastest that this machine has)")
    return recorded(parser, arguments, _measure, table)


def _measure(options: argparse.Namespace) -> Record:
    clip = dataclasses.replace(ClipOptions(), height=options.height, width=options.height * 16 // 9)
    with load(options.model, options.backend) as restorer:
        return measure(restorer, options.seconds, clip)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
