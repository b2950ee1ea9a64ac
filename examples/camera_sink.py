"""Measure how hard it rains at a camera, with a sink of one's own: python examples/camera_sink.py rtsp://camera/stream --seconds 60"""

import argparse

import numpy as np

import clearway
from video.live.run import LiveRun
from video.live.sinks.sink import NullSink, RestoredFrame
from video.live.sources.which import make_live_source

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("source", nargs="?", default="pattern:640x360@25", help="a camera, a stream or a file (default: %(default)s)")
parser.add_argument("--seconds", type=float, default=10)
parser.add_argument("--model", default="derain", help="a shipped model by name, or the folder of a bundle")
options = parser.parse_args()


class RainMeter(NullSink):
    """Gets the newest restored frame, in a thread of its own. NullSink has the other methods of a sink: begin, idle, finish."""

    name = "rain meter"

    def __init__(self) -> None:
        self.levels: list[float] = []

    def write(self, shown: RestoredFrame) -> None:
        self.levels.append(float(np.abs(shown.restored.removed.astype(np.int16) - 128).mean()))


meter = RainMeter()
with clearway.load(options.model) as restore, LiveRun(make_live_source(options.source), restore, [meter]) as live:
    live.wait(options.seconds)
    statistics = live.statistics()
print(f"{statistics.captured} frames came, {len(meter.levels)} were measured: {np.mean(meter.levels):.2f} grey levels of rain")
