"""What a test may ask a browser about the page. Does not know how either is started."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from selenium import webdriver

from benchmarks.rig.browser import run_first
from tests.support.video.servers import ENDS_WITHIN

# The mean of a part of the picture, and a sum over all of it that changes as anything moves.
_MEAN = """
const [left, right] = arguments, canvas = document.getElementById("picture");
const width = Math.max(1, Math.round((right - left) * canvas.width)), from = Math.round(left * canvas.width);
const data = canvas.getContext("2d").getImageData(from, 0, width, canvas.height).data;
let sum = 0;
for (let i = 0; i < data.length; i += 4) sum += data[i] + data[i + 1] + data[i + 2];
return sum / (data.length / 4 * 3);
"""
_COLORED = """
const canvas = document.getElementById(arguments[0]);
const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
let count = 0;
for (let i = 0; i < data.length; i += 4) count += data[i + 2] > 200 && data[i + 3] > 200 && data[i] < 160;
return count;
"""


class Browser:
    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def open(self, url: str, width: int = 1280, height: int = 800) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.driver.get(url)

    def leave(self) -> None:
        self.driver.get("about:blank")

    @contextmanager
    def without(self, name: str) -> Iterator[None]:
        """As a browser that does not know it."""
        with run_first(self.driver, f"delete window.{name}"):
            yield

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def text(self, name: str) -> str:
        return str(self.run("return document.getElementById(arguments[0]).textContent", name))

    def mean(self, left: float = 0.0, right: float = 1.0) -> float:
        """Of a vertical part of the live picture."""
        return float(self.run(_MEAN, left, right))

    def accented(self, chart: str) -> int:
        """How many pixels of a chart have the accent's colour."""
        return int(self.run(_COLORED, chart))

    def soon(self, holds: Callable[[], bool], what: str) -> None:
        until = time.monotonic() + ENDS_WITHIN
        while not holds():
            assert time.monotonic() < until, f"never came: {what}; the console: {self.console()}"
            time.sleep(0.05)

    def console(self) -> list[str]:
        """What it complained of since the last time."""
        own = "willReadFrequently"  # advice about this file's own reading of pixels
        return [entry["message"] for entry in self.driver.get_log("browser") if own not in entry["message"]]

    def asked(self) -> set[str]:
        """The hosts of every request since the last time."""
        messages = (json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance"))
        sent = (message["params"]["request"]["url"] for message in messages if message["method"] == "Network.requestWillBeSent")
        return {urlsplit(url).netloc for url in sent}
