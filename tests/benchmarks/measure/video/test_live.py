"""Measuring live: the table says what the record has."""

from __future__ import annotations

from benchmarks.reports.live import live as table


def test_the_table() -> None:
    stage = {"p50_ms": 31.25, "p95_ms": 40.0, "p99_ms": 52.5}
    machine = {"cpu": "A CPU", "cores": 2, "features": [], "packages": {}}
    live = {"captured": 1250, "restored": 1249, "dropped": {"the network was busy": 1}, "stages": {"to restored": stage}}
    record = {"date": "2026-01-02", "machine": machine, "seconds": 50.0, "size": "1280×720", "model": "derain", "backend": "numpy (fp32)"}
    said = table(record | {"live": live, "minutes": {"minute 1": stage}}).splitlines()
    assert "1,250 frames came in 50 s, 1,249 were restored; dropped: 1 because the network was busy." in said
    assert said[-2:] == ["| to restored | 31 | 40 | 52 |", "| to restored, minute 1 | 31 | 40 | 52 |"]
