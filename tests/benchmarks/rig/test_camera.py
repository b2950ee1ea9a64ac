"""The simulated camera: it sends every frame in order, round after round, and every number survives its encoder."""

from __future__ import annotations

import socket
import threading
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from benchmarks.demo.clip import ClipOptions, RainyClip
from benchmarks.rig.camera import BITS, encode_as_camera, read_number, send_for_ever, write_number
from video.files.sources.file import open_video
from video.live.sources.source import CapturedPicture
from video.live.sources.stream import StreamSource

FRAMES = 15


@pytest.mark.network
def test_the_camera_goes_on_without_a_seam(tmp_path: Path) -> None:
    RainyClip(ClipOptions(FRAMES, 90, 160)).write(tmp_path / "clip.mp4")
    encode_as_camera(tmp_path / "clip.mp4", tmp_path / "camera.ts")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=send_for_ever, args=(tmp_path / "camera.ts", listening), daemon=True).start()
        frames = StreamSource(f"tcp://127.0.0.1:{listening.getsockname()[1]}").frames(threading.Event())
        came = [next(frames) for _ in range(2 * FRAMES + 3)]
        frames.close()
    whole = [item for item in came if isinstance(item, CapturedPicture)]
    assert len(whole) == len(came), "nothing is damaged or held back"
    times = np.array([item.time for item in whole])
    assert set(np.diff(times)) == {Fraction(1, 25)}
    assert all(np.array_equal(item.image, again.image) for item, again in zip(whole, whole[FRAMES:], strict=False))


def test_every_number_is_read_as_it_was_written() -> None:
    picture = np.full((360, 640, 3), 90, np.uint8)
    assert [read_number(write_number(picture, number)) for number in range(2**BITS)] == list(range(2**BITS))
    assert read_number(picture) is None
    assert (picture == 90).all(), "the picture that was handed in is left as it was"


def test_the_rest_of_the_picture_is_kept() -> None:
    picture = np.random.default_rng(1).integers(0, 256, (360, 640, 3), np.uint8)
    changed = (write_number(picture, 85) != picture).any(axis=2)
    assert changed[:32, :128].mean() > 0.9
    assert not changed[32:].any()
    assert not changed[:, 128:].any()


def test_numbers_survive_the_camera(tmp_path: Path) -> None:
    RainyClip(ClipOptions(12, 180, 320)).write(tmp_path / "clip.mp4")
    encode_as_camera(tmp_path / "clip.mp4", tmp_path / "camera.ts", write_number)
    with open_video(tmp_path / "camera.ts") as video:
        assert [read_number(frame.image) for frame in video] == list(range(12))
