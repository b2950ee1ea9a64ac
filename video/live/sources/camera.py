"""A camera at this machine, through OpenCV. Does not know when it is opened again."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Generator
from fractions import Fraction

import numpy as np

from runtime.errors import SourceLost, needs_extra
from video.live.sources.source import CapturedPicture, make_info

with needs_extra("live"):
    import cv2

_WAITS_MS = 5000  # for one frame; OpenCV's own limit is ten seconds


class CameraSource:
    """A camera by its number or device (/dev/video0). One that is not there is waited for: it may be plugged in."""

    ends = False

    def __init__(self, device: int | str) -> None:
        self.name = f"camera {device}"
        self._device = device

    def frames(self, stopped: threading.Event) -> Generator[CapturedPicture, None, None]:
        camera = cv2.VideoCapture()
        camera.setExceptionMode(False)
        try:
            # Of the drivers' queue only the newest frame is wanted.
            wanted = [cv2.CAP_PROP_READ_TIMEOUT_MSEC, _WAITS_MS] if sys.platform == "linux" else []
            if not camera.open(self._device, cv2.CAP_V4L2 if sys.platform == "linux" else cv2.CAP_ANY, wanted):
                raise SourceLost(f"{self.name}: expected a camera, could not open one; plug it in, or close the program that uses it")
            camera.set(cv2.CAP_PROP_BUFFERSIZE, 1)
            yield from self._read(camera, stopped)
        finally:
            camera.release()

    def _read(self, camera: cv2.VideoCapture, stopped: threading.Event) -> Generator[CapturedPicture, None, None]:
        rate = camera.get(cv2.CAP_PROP_FPS)
        said = Fraction(rate).limit_denominator(1001) if 0 < rate <= 1000 else None
        info = None
        while not stopped.is_set():
            grabbed = camera.grab()
            arrived = time.monotonic()
            came, image = camera.retrieve() if grabbed else (False, None)
            if not came or image is None:
                raise SourceLost(f"{self.name}: expected a frame, got none; check whether the camera was unplugged")
            height, width = image.shape[:2]
            if info is None or (info.width, info.height) != (width, height):
                info = make_info(width, height, "camera", said)
            yield CapturedPicture(np.asarray(image, np.uint8), None, arrived, time.monotonic(), info)
