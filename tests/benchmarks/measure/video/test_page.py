"""Measuring the page: a latency counts from the last time that a number came."""

from __future__ import annotations

import pytest

from benchmarks.measure.video.page import latencies
from benchmarks.reports.live import page_row


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
