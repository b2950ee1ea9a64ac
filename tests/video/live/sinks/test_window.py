"""The window through a stand-in for OpenCV's: what is drawn at which key. No display is needed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from runtime.errors import SinkError
from runtime.restorer import Restored
from video.frame import Frame
from video.live.sinks import window as module
from video.live.sinks.sink import QuitRequested, RestoredFrame
from video.live.sinks.window import WindowSink
from video.live.sources.source import TICK, make_info
from video.live.statistics import FrameStamps, LiveStatistics

BEFORE, AFTER = 50, 200
NUMBERS = LiveStatistics("cam", "running", 1.0, 10, 9, 25.0, None, {"damaged": 2}, 0, 1, 0, 0, (), None, {})


class FakeCv2:
    """Highgui: keys as told, pictures kept. Drawing is OpenCV's own."""

    error = cv2.error

    def __init__(self, keys: Sequence[str | None] = (), *, headless: bool = False) -> None:
        self.pictures: list[NDArray[np.uint8]] = []
        self.sizes: list[tuple[int, int]] = []
        self.visible = 1.0
        self.destroyed = False
        self._keys = list(keys)
        self._headless = headless

    def __getattr__(self, name: str) -> object:
        return getattr(cv2, name)

    def namedWindow(self, title: str, flags: int) -> None:  # noqa: N802
        if self._headless:
            raise cv2.error("The function is not implemented. Rebuild the library with GTK+ support.")

    def imshow(self, title: str, picture: NDArray[np.uint8]) -> None:
        self.pictures.append(picture.copy())

    def resizeWindow(self, title: str, width: int, height: int) -> None:  # noqa: N802
        self.sizes.append((width, height))

    def waitKey(self, milliseconds: int) -> int:  # noqa: N802
        assert milliseconds == 1, "0 waits for ever"
        key = self._keys.pop(0) if self._keys else None
        return -1 if key is None else ord(key)

    def getWindowProperty(self, title: str, what: int) -> float:  # noqa: N802
        assert what == cv2.WND_PROP_VISIBLE
        return self.visible

    def destroyAllWindows(self) -> None:  # noqa: N802
        self.destroyed = True


@pytest.fixture(autouse=True)
def _display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":99")


def opened(monkeypatch: pytest.MonkeyPatch, folder: Path, *keys: str | None) -> tuple[WindowSink, FakeCv2]:
    fake = FakeCv2(keys)
    monkeypatch.setattr(module, "cv2", fake)
    window = WindowSink(folder)
    window.begin(lambda: NUMBERS)
    return window, fake


def shown(after: int = AFTER, scale: int = 1) -> RestoredFrame:
    image = np.full((180 * scale, 320 * scale, 3), after, np.uint8)
    frame = Frame(0, 0, TICK, np.full((180, 320, 3), BEFORE, np.uint8))
    info = make_info(320 * scale, 180 * scale, "test", Fraction(25))
    return RestoredFrame(frame, Restored(image, frame.image, None, np.zeros(3, np.float32)), info, FrameStamps(0, 0, 0, 0))


def middle(picture: NDArray[np.uint8], x: float) -> int:
    """Below the wipe's labels and the numbers."""
    return int(picture[-10, int(x * picture.shape[1]), 0])


def test_it_shows_what_is_restored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    window, fake = opened(monkeypatch, tmp_path)
    for _ in range(2):
        window.write(shown())
    window.finish()
    assert [middle(picture, 0.2) for picture in fake.pictures] == [AFTER, AFTER]
    assert fake.sizes == [(320, 180)], "once: afterwards the size is the user's"
    assert fake.destroyed


@pytest.mark.parametrize("scale", [1, 2])
def test_w_goes_through_the_views(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, scale: int) -> None:
    window, fake = opened(monkeypatch, tmp_path, "w", "w", "w")
    for _ in range(3):
        window.write(shown(scale=scale))
    seen = [(middle(picture, 0.2), middle(picture, 0.8)) for picture in fake.pictures]
    assert seen[0] == (AFTER, AFTER)
    assert seen[1] == seen[2] == (BEFORE, AFTER)
    assert seen[3] == seen[4] == (BEFORE, BEFORE)
    assert seen[5] == (AFTER, AFTER)


def test_a_and_d_move_the_wipe(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    window, fake = opened(monkeypatch, tmp_path, "w", *"d" * 8, *"a" * 30)
    window.write(shown())
    for _ in range(8):
        window.idle()
    assert middle(fake.pictures[-1], 0.85) == BEFORE
    for _ in range(30):
        window.idle()
    assert middle(fake.pictures[-1], 0.02) == AFTER, "to the edge, and no further"


def test_space_holds_the_picture(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    window, fake = opened(monkeypatch, tmp_path, " ", None, " ")
    window.write(shown(100))
    window.write(shown(110))
    assert middle(fake.pictures[-1], 0.5) == 100
    window.write(shown(120))
    window.write(shown(130))
    assert middle(fake.pictures[-1], 0.5) == 130


def test_s_saves_what_is_seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    window, _ = opened(monkeypatch, tmp_path, "s", "w", "s")
    window.idle()
    for _ in range(3):
        window.write(shown())
    (saved,) = tmp_path.glob("clearway_*.png")  # one: before a picture came there was nothing to save
    assert middle(np.asarray(cv2.imread(str(saved)), np.uint8), 0.2) == BEFORE


def test_i_writes_the_numbers_on_a_copy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    window, fake = opened(monkeypatch, tmp_path, "i", "i")
    one = shown()
    window.write(one)
    assert np.all(fake.pictures[0] == AFTER)
    assert fake.pictures[1].min() < 60, "a dark rim around the letters"
    window.idle()
    assert np.all(fake.pictures[2] == AFTER)
    assert np.all(one.restored.image == AFTER), "other sinks hold the same picture"


@pytest.mark.parametrize("key", ["q", chr(27)])
def test_keys_that_quit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, key: str) -> None:
    window, _ = opened(monkeypatch, tmp_path, key)
    with pytest.raises(QuitRequested):
        window.idle()


def test_closing_it_with_the_mouse_quits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    window, fake = opened(monkeypatch, tmp_path)
    fake.visible = 0.0
    window.idle()
    with pytest.raises(QuitRequested):
        window.write(shown())


def test_without_a_display_it_is_refused_before_qt_ends_the_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DISPLAY")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(SinkError, match=r"DISPLAY is not set; leave --window out, or record"):
        WindowSink(tmp_path)


def test_an_opencv_without_windows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "cv2", FakeCv2(headless=True))
    with pytest.raises(SinkError, match=r"pip install opencv-python, not -headless"):
        WindowSink(tmp_path).begin(lambda: NUMBERS)
