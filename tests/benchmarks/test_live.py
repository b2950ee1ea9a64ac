"""Measuring live: the camera sends every frame in order, round after round, as one stream without damage."""

from __future__ import annotations

import socket
import threading
from fractions import Fraction
from pathlib import Path

import numpy as np

from benchmarks.clip import ClipOptions, RainyClip
from benchmarks.live import camera, encode_as_a_camera, table
from video.sources.live import Captured
from video.sources.stream import StreamSource

FRAMES = 15


def test_the_camera_goes_on_without_a_seam(tmp_path: Path) -> None:
    RainyClip(ClipOptions(FRAMES, 90, 160)).write(tmp_path / "clip.mp4")
    encode_as_a_camera(tmp_path / "clip.mp4", tmp_path / "camera.ts")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=camera, args=(tmp_path / "camera.ts", listening), daemon=True).start()
        frames = StreamSource(f"tcp://127.0.0.1:{listening.getsockname()[1]}").frames(threading.Event())
        came = [next(frames) for _ in range(2 * FRAMES + 3)]
        frames.close()
    whole = [item for item in came if isinstance(item, Captured)]
    assert len(whole) == len(came), "nothing is damaged or held back"
    times = np.array([item.time for item in whole])
    assert set(np.diff(times)) == {Fraction(1, 25)}
    assert all(np.array_equal(item.image, again.image) for item, again in zip(whole, whole[FRAMES:], strict=False))


def test_the_table() -> None:
    stage = {"p50_ms": 31.25, "p95_ms": 40.0, "p99_ms": 52.5}
    live = {"captured": 250, "restored": 249, "dropped": {"the network was busy": 1}, "stages": {"to restored": stage}}
    said = table({"size": "1280×720", "model": "derain", "backend": "numpy", "live": live, "minutes": {"minute 1": stage}})
    assert "250 frames came, 249 were restored; dropped: {'the network was busy': 1}" in said
    assert said.splitlines()[-1] == "  minute 1          31.2    40.0    52.5"
