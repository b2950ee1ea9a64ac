"""A camera through a stand-in for OpenCV's: there is none on a test machine."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from runtime.errors import SourceLost
from video.live.sources import camera
from video.live.sources.camera import CameraSource
from video.live.sources.source import CapturedPicture


class FakeCapture:
    """Gives its pictures, and then none, as a camera that was unplugged."""

    def __init__(self, pictures: Sequence[NDArray[np.uint8]], *, opens: bool = True, rate: float = 30.0) -> None:
        self.released = False
        self.opened_with: tuple[object, ...] = ()
        self._pictures = list(pictures)
        self._opens, self._rate = opens, rate

    def open(self, *arguments: object) -> bool:
        self.opened_with = arguments
        return self._opens

    def setExceptionMode(self, wanted: bool) -> None:  # noqa: N802  OpenCV's name
        assert not wanted

    def set(self, what: int, value: float) -> bool:
        assert (what, value) == (cv2.CAP_PROP_BUFFERSIZE, 1)
        return True

    def get(self, what: int) -> float:
        assert what == cv2.CAP_PROP_FPS
        return self._rate

    def grab(self) -> bool:
        return bool(self._pictures)

    def retrieve(self) -> tuple[bool, NDArray[np.uint8]]:
        return True, self._pictures.pop(0)

    def release(self) -> None:
        self.released = True


def plugged(monkeypatch: pytest.MonkeyPatch, fake: FakeCapture) -> FakeCapture:
    names = ("CAP_V4L2", "CAP_ANY", "CAP_PROP_FPS", "CAP_PROP_BUFFERSIZE", "CAP_PROP_READ_TIMEOUT_MSEC")
    constants = {name: getattr(cv2, name) for name in names}
    monkeypatch.setattr(camera, "cv2", SimpleNamespace(VideoCapture=lambda: fake, **constants))
    return fake


def picture(size: tuple[int, int], level: int) -> NDArray[np.uint8]:
    return np.full((size[1], size[0], 3), level, np.uint8)


def test_frames_until_it_is_unplugged(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = plugged(monkeypatch, FakeCapture([picture((64, 48), 1), picture((64, 48), 2), picture((32, 24), 3)]))
    came: list[CapturedPicture] = []
    with pytest.raises(SourceLost, match=r"^camera 3: .*unplugged"):
        came.extend(CameraSource(3).frames(threading.Event()))
    assert fake.opened_with[0] == 3
    assert fake.released


def test_what_a_frame_says_of_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = plugged(monkeypatch, FakeCapture([picture((64, 48), 1), picture((64, 48), 2), picture((32, 24), 3)], rate=29.97))
    stopped = threading.Event()
    frames = CameraSource("/dev/video0").frames(stopped)
    came = [next(frames) for _ in range(3)]
    assert [int(item.image[0, 0, 0]) for item in came] == [1, 2, 3]
    assert [(item.info.width, item.info.height) for item in came] == [(64, 48), (64, 48), (32, 24)]
    assert came[0].info is came[1].info
    assert came[0].info.average_rate == pytest.approx(29.97)
    assert came[0].time is None, "V4L2's times are not to be had through OpenCV"
    stopped.set()
    assert next(frames, None) is None
    assert fake.released


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), 90000.0])
def test_a_rate_that_cannot_be_is_none(monkeypatch: pytest.MonkeyPatch, rate: float) -> None:
    plugged(monkeypatch, FakeCapture([picture((64, 48), 1)], rate=rate))
    assert next(CameraSource(0).frames(threading.Event())).info.average_rate is None


def test_a_camera_that_is_not_there_may_come(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = plugged(monkeypatch, FakeCapture([], opens=False))
    with pytest.raises(SourceLost, match=r"^camera 0: expected a camera, could not open one; plug it in"):
        next(CameraSource(0).frames(threading.Event()))
    assert fake.released


def test_the_real_opencv_has_none_here_and_says_so_quietly(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SourceLost, match="could not open one"):
        next(CameraSource("/dev/video987").frames(threading.Event()))
    assert capfd.readouterr().out == ""
