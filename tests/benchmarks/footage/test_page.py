"""Measuring the page: every number survives an encoder, what is not one is not read, and a latency is that of a number's last coming."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.demo.clip import ClipOptions, RainyClip
from benchmarks.footage import bars
from benchmarks.footage.live import encode_as_a_camera
from benchmarks.footage.page import latencies
from benchmarks.reports.live import page_row
from video.files.sources.file import open_video


def test_every_number_is_read_as_it_was_written() -> None:
    picture = np.full((360, 640, 3), 90, np.uint8)
    assert [bars.read(bars.write(picture, number)) for number in range(2**bars.BITS)] == list(range(2**bars.BITS))
    assert bars.read(picture) is None
    assert (picture == 90).all(), "the picture that was handed in is left as it was"


def test_the_rest_of_the_picture_is_kept() -> None:
    picture = np.random.default_rng(1).integers(0, 256, (360, 640, 3), np.uint8)
    changed = (bars.write(picture, 85) != picture).any(axis=2)
    assert changed[:32, :128].mean() > 0.9
    assert not changed[32:].any()
    assert not changed[:, 128:].any()


def test_numbers_survive_the_camera(tmp_path: Path) -> None:
    RainyClip(ClipOptions(12, 180, 320)).write(tmp_path / "clip.mp4")
    encode_as_a_camera(tmp_path / "clip.mp4", tmp_path / "camera.ts", bars.write)
    with open_video(tmp_path / "camera.ts") as video:
        assert [bars.read(frame.image) for frame in video] == list(range(12))


def test_a_latency_is_from_the_last_time_that_the_number_came() -> None:
    arrivals = {0: [10.0, 18.0], 1: [10.04, 18.04], 2: [30.0]}
    seen = [(0, 10.1), (0, 10.5), (1, 10.14), (0, 18.2), (1, 18.24), (2, 29.0), (7, 30.0)]
    found = latencies(seen, arrivals)
    assert found.count == 4, "once for each frame; not for one that had not come, or never came"
    assert found.total == pytest.approx(0.1 + 0.1 + 0.2 + 0.2)


def test_the_row() -> None:
    stage = {"p50_ms": 31.25, "p95_ms": 40.0, "p99_ms": 52.5}
    counts = {"came": 250, "restored": 249, "seen": 248}
    row = {"size": "640×360", "model": "derain", "way": "WebRTC", "page": stage, "to_restored": stage, **counts}
    assert page_row(row) == "| 640×360 | derain | WebRTC | 31 | 40 | 52 | 31 | 40 | 250 | 249 | 248 |"
