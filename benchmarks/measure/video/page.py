"""The latency of the page: from a packet's arrival at `clearway live --serve` to its pixels in a browser's canvas.

`python -m benchmarks.measure.video.page --seconds 60`. A simulated camera sends the rainy street with each frame's number in it as bars;
the page's own script draws them in a headless Chromium, and they are read back from its canvas. Camera, restoring, server and browser
share this machine's cores. The way from the canvas to the screen, one or two refreshes, is not in the figures.
"""

from __future__ import annotations

import argparse
import bisect
import itertools
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Generator
from contextlib import ExitStack, closing
from pathlib import Path

from selenium import webdriver

from benchmarks.demo.clip import ClipOptions
from benchmarks.demo.scene import RATE
from benchmarks.record import Record, dated, recorded, say
from benchmarks.reports.live import page as table
from benchmarks.reports.live import page_row
from benchmarks.rig.browser import chromium, run_first
from benchmarks.rig.camera import ACROSS, BITS, read_number, simulated_camera, write_number
from benchmarks.rig.passthrough import make_passthrough
from runtime.errors import ClearwayError
from runtime.restorer import load
from runtime.timing import Durations
from video.live.model import LiveModel
from video.live.run import LiveRun
from video.live.sources.source import CapturedPicture, DroppedFrame
from video.live.sources.stream import StreamSource
from video.page.address import Address
from video.page.camera import Camera
from video.page.server import PageServer
from video.page.sink import PageSink

SIZES = ((360, 640), (720, 1280))
WAYS = ("WebRTC", "MJPEG")
_FRAMES = 8 * RATE  # of the clip, fewer than there are numbers
_WARM_UP_S = 5.0
_LONGEST_S = 60.0  # for the first picture
# What the page draws is read at once, and the time is the machine's own clock.
_READ = """
const draw = CanvasRenderingContext2D.prototype.drawImage;
window.seen = [];
CanvasRenderingContext2D.prototype.drawImage = function (...all) {
  draw.apply(this, all);
  const {width} = this.canvas, side = Math.floor(width / ACROSS);
  const data = this.getImageData(0, 0, BITS * side, 2 * side).data;
  const white = (x, y) => data[4 * (Math.floor((y + 0.5) * side) * BITS * side + Math.floor((x + 0.5) * side)) + 1] > 127;
  let number = 0;
  for (let bit = 0; bit < BITS; bit++) {
    if (white(bit, 0) === white(bit, 1)) return;
    number |= white(bit, 0) << bit;
  }
  window.seen.push([number, performance.timeOrigin + performance.now()]);
};
""".replace("ACROSS", str(ACROSS)).replace("BITS", str(BITS))
_ALL_AFTER = 'const wipe = document.getElementById("wipe"); wipe.value = 0; wipe.dispatchEvent(new Event("input"))'


class NumberedSource:
    """A source whose frames' numbers and arrivals are kept."""

    ends = False

    def __init__(self, source: StreamSource) -> None:
        self.name = source.name
        self.arrivals: defaultdict[int, list[float]] = defaultdict(list)  # number → seconds of time.time(), rising
        self._source = source

    def frames(self, stopped: threading.Event) -> Generator[CapturedPicture | DroppedFrame, None, None]:
        with closing(self._source.frames(stopped)) as items:
            for item in items:
                if isinstance(item, CapturedPicture) and (number := read_number(item.image)) is not None:
                    self.arrivals[number].append(time.time() - (time.monotonic() - item.arrived))
                yield item


def latencies(seen: list[tuple[int, float]], arrivals: dict[int, list[float]]) -> Durations:
    """Each number that was seen, for the first time since it came last: in seconds of one clock."""
    found, before = Durations(), -1
    for number, at in seen:
        came = arrivals.get(number, [])
        last = bisect.bisect_right(came, at) - 1
        if number != before and last >= 0:
            found.add(at - came[last])
        before = number
    return found


def measure_one(driver: webdriver.Chrome, address: str, model: str, way: str, seconds: float) -> Record:
    with ExitStack() as stack:
        source, sink = NumberedSource(StreamSource(address)), PageSink()
        live_model = LiveModel(load, [model])
        server = stack.enter_context(PageServer(Address(port=0), [Camera(source.name, sink, live_model)]))
        restorer = stack.enter_context(live_model).restorer
        live = stack.enter_context(LiveRun(source, live_model, [sink]))
        stack.enter_context(run_first(driver, _READ + ("" if way == "WebRTC" else "delete window.RTCPeerConnection;")))
        driver.get(server.address.url)
        stack.callback(driver.get, "about:blank")
        _until(lambda: driver.execute_script('return document.getElementById("by").textContent') == way, f"a picture by {way}")
        driver.execute_script(_ALL_AFTER)
        time.sleep(_WARM_UP_S)
        driver.execute_script("window.seen = []")
        before = live.statistics()
        time.sleep(seconds)
        seen = [(number, at / 1e3) for number, at in driver.execute_script("return window.seen")]
        after = live.statistics()
        return {
            "model": restorer.manifest.name,
            "backend": restorer.choice.describe(),
            "way": way,
            "came": after.captured - before.captured,
            "restored": after.restored - before.restored,
            "seen": len(seen),
            "page": latencies(seen, source.arrivals).as_dict(),
            "to_restored": after.stages["to restored"],
        }


def _until(holds: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + _LONGEST_S
    while not holds():
        if time.monotonic() > until:
            raise ClearwayError(f"expected {what} within {_LONGEST_S:.0f} s, got none")
        time.sleep(0.1)


def measure(seconds: float, models: list[str]) -> Record:
    rows = []
    with tempfile.TemporaryDirectory(prefix="clearway-page-") as scratch, chromium() as driver:
        driver.set_window_size(1440, 900)
        models = models or [str(make_passthrough(Path(scratch, "passthrough"))), "derain"]
        for height, width in SIZES:
            with simulated_camera(ClipOptions(_FRAMES, height, width), Path(scratch), write_number) as address:
                for model, way in itertools.product(models, WAYS):
                    rows.append({"size": f"{width}×{height}"} | measure_one(driver, address, model, way, seconds))
                    say(page_row(rows[-1]))
        browser = str(driver.capabilities["browserVersion"])
    return dated({"seconds": seconds, "browser": f"Chromium {browser}", "rows": rows})


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.measure.video.page", description="Measures the latency of the page.")
    parser.add_argument("--seconds", type=float, default=30.0, help="of each row (default: %(default)s)")
    parser.add_argument("--model", action="append", help="once for each (default: one that changes nothing, and derain)")
    return recorded(parser, arguments, lambda options: measure(options.seconds, options.model or []), table)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
