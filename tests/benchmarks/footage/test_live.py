"""Measuring live: the camera sends every frame in order, round after round, as one stream without damage."""

from __future__ import annotations

import socket
import threading
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from benchmarks.demo.clip import ClipOptions, RainyClip
from benchmarks.footage.live import camera, encode_as_a_camera
from benchmarks.reports.live import live as table
from video.live.sources.source import CapturedPicture
from video.live.sources.stream import StreamSource

FRAMES = 15


@pytest.mark.network
def test_the_camera_goes_on_without_a_seam(tmp_path: Path) -> None:
    RainyClip(ClipOptions(FRAMES, 90, 160)).write(tmp_path / "clip.mp4")
    encode_as_a_camera(tmp_path / "clip.mp4", tmp_path / "camera.ts")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=camera, args=(tmp_path / "camera.ts", listening), daemon=True).start()
        frames = StreamSource(f"tcp://127.0.0.1:{listening.getsockname()[1]}").frames(threading.Event())
        came = [next(frames) for _ in range(2 * FRAMES + 3)]
        frames.close()
    whole = [item for item in came if isinstance(item, CapturedPicture)]
    assert len(whole) == len(came), "nothing is damaged or held back"
    times = np.array([item.time for item in whole])
    assert set(np.diff(times)) == {Fraction(1, 25)}
    assert all(np.array_equal(item.image, again.image) for item, again in zip(whole, whole[FRAMES:], strict=False))


def test_the_table() -> None:
    stage = {"p50_ms": 31.25, "p95_ms": 40.0, "p99_ms": 52.5}
    machine = {"cpu": "A CPU", "cores": 2, "features": [], "packages": {}}
    live = {"captured": 1250, "restored": 1249, "dropped": {"the network was busy": 1}, "stages": {"to restored": stage}}
    record = {"date": "2026-01-02", "machine": machine, "seconds": 50.0, "size": "1280×720", "model": "derain", "backend": "numpy (fp32)"}
    said = table(record | {"live": live, "minutes": {"minute 1": stage}}).splitlines()
    assert "1,250 frames came in 50 s, 1,249 were restored; dropped: 1 because the network was busy." in said
    assert said[-2:] == ["| to restored | 31 | 40 | 52 |", "| to restored, minute 1 | 31 | 40 | 52 |"]
