"""Streams from another program: a stand-in for ffmpeg, which writes a stream and stays, and the screen's grabber."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import pytest

from runtime.errors import SourceError, SourceLost
from tests.support.video.clips import moving
from tests.support.video.servers import ENDS_WITHIN, stream
from video.live.sources import program
from video.live.sources.program import ProgramSource, srt
from video.live.sources.screen import write
from video.live.sources.source import CapturedPicture, DroppedFrame
from video.live.sources.which import make_live_source

ADDRESS = "srt://host:9000?passphrase=hunter2"


@pytest.fixture
def ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Its file of arguments; what it gives is in `stream`, what it does then in `then`."""
    (tmp_path / "stream").write_bytes(stream(50))
    (tmp_path / "then").write_text("true")
    stand_in = tmp_path / "bin" / "ffmpeg"
    stand_in.parent.mkdir()
    stand_in.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/arguments\ncat {tmp_path}/stream\n. {tmp_path}/then\n')
    stand_in.chmod(0o755)
    monkeypatch.setenv("PATH", f"{stand_in.parent}:/usr/bin:/bin")
    return tmp_path / "arguments"


def test_what_ffmpeg_receives_comes_out(ffmpeg: Path) -> None:
    source, came = make_live_source(ADDRESS), list[CapturedPicture | DroppedFrame]()
    assert isinstance(source, ProgramSource)
    with pytest.raises(SourceLost, match=r"^srt://host:9000\?passphrase=\*\*\*: expected a stream without end, it ended$"):
        came.extend(source.frames(threading.Event()))
    frames = list(source_frames(source))
    assert [item.image.shape for item in frames] == [(64, 96, 3)] * 50
    assert f"-i {ADDRESS} " in ffmpeg.read_text()


def source_frames(source: ProgramSource) -> list[CapturedPicture]:
    came: list[CapturedPicture] = []
    with pytest.raises(SourceLost):
        came.extend(item for item in source.frames(threading.Event()) if isinstance(item, CapturedPicture))
    return came


def test_an_ffmpeg_that_receives_nothing(ffmpeg: Path) -> None:
    (ffmpeg.parent / "stream").write_bytes(b"")
    assert source_frames(srt(ADDRESS)) == []


def test_being_stopped_ends_an_ffmpeg_that_is_silent(ffmpeg: Path) -> None:
    (ffmpeg.parent / "then").write_text(f"exec sleep {10 * ENDS_WITHIN:.0f}")
    stopped, nearly_all = threading.Event(), threading.Event()

    def consume() -> None:
        with contextlib.suppress(SourceLost):
            for count, _ in enumerate(srt(ADDRESS).frames(stopped)):
                if count == 45:  # the last ones stay in the demuxer, which waits for more
                    nearly_all.set()

    reader = threading.Thread(target=consume, daemon=True)
    reader.start()
    assert nearly_all.wait(ENDS_WITHIN)
    stopped.set()
    reader.join(ENDS_WITHIN)
    assert not reader.is_alive()


def test_without_ffmpeg_it_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SourceError, match=r"expected an ffmpeg with SRT on the PATH, found none"):
        make_live_source(ADDRESS)


def test_a_screen_that_cannot_be_reached_is_a_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", "127.0.0.1:987")
    source = make_live_source("screen")
    with pytest.raises(SourceLost, match=r"^screen 127\.0\.0\.1:987: expected a stream"):
        next(source.frames(threading.Event()))


def test_the_grabber_loads_neither_opencv_nor_anything_of_ours() -> None:
    """OpenCV's X libraries beside PyAV's end the process with a segmentation fault."""
    code = "import runpy, sys\nrunpy.run_path(sys.argv[1])\nprint(*({'cv2', 'video', 'runtime'} & sys.modules.keys()))"
    grabber = Path(program.__file__).with_name("screen.py")
    done = subprocess.run([sys.executable, "-P", "-c", code, str(grabber)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_grabbed_pictures_keep_their_colours(tmp_path: Path) -> None:
    """In the format that X servers have, which a raw packet would not say."""
    pictures = [moving(index, 96, 64) for index in range(3)]

    def grabbed() -> Iterator[av.VideoFrame]:
        for index, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24").reformat(format="bgr0")
            frame.pts, frame.time_base = 1_700_000_000_000_000 + index * 66_667, Fraction(1, 1_000_000)
            yield frame

    with (tmp_path / "screen.nut").open("wb") as out:
        write(grabbed(), 15, out)
    command = [sys.executable, "-c", "import sys; sys.stdout.buffer.write(open(sys.argv[1], 'rb').read())", str(tmp_path / "screen.nut")]
    came = source_frames(ProgramSource("screen", command, "nut"))
    assert [item.image.tolist() for item in came] == [picture.tolist() for picture in pictures]
