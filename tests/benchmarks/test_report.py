"""The tables: every figure comes out of a record, and the README shows the newest record and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.report import BEGIN, END, insert, tables
from runtime.errors import UsageError

ROOT = Path(__file__).parents[2]
RECORD = {
    "date": "2026-01-02",
    "model": {"name": "derain", "version": "1"},
    "size": "1280×720",
    "machine": {"cpu": "A CPU", "cores": 2, "features": ["AVX512"]},
    "latency": [
        {"contender": "openvino", "precision": "bf16", "note": "", "p50_ms": 30.04, "p99_ms": 35.5, "fps": 33.21},
        {"contender": "pytorch eager", "precision": "fp32", "note": "torch is not installed", "p50_ms": None, "p99_ms": None, "fps": None},
    ],
    "throughput": {"encoder": "x264", "fps": 20.5, "cpu_ms": {"model": 60.0, "encode": 20.0}, "cores": 2, "bound_fps": 25.0},
    "obvious_loop": {"fps": None, "note": "not measured: torch is not installed"},
}


def test_the_tables_say_what_the_record_says() -> None:
    table = tables(RECORD)
    assert "| openvino | bf16 | 30.0 | 35.5 | 33.2 |" in table
    assert "| pytorch eager | fp32 | | | torch is not installed |" in table
    assert "(model 60.0 + encode 20.0) | 25.0 |" in table
    assert "2 cores, AVX512" in table


def test_only_what_is_between_the_markers_changes() -> None:
    page = f"above\n{BEGIN}\nold\n{END}\nbelow\n"
    assert insert(page, "new") == f"above\n{BEGIN}\nnew\n{END}\nbelow\n"
    with pytest.raises(UsageError, match="one"):
        insert("no markers", "new")


def test_the_readme_shows_the_newest_record() -> None:
    newest = max((ROOT / "benchmarks" / "results").glob("bench-derain-*.json"), key=lambda path: json.loads(path.read_text())["date"])
    readme = (ROOT / "README.md").read_text()
    assert insert(readme, tables(json.loads(newest.read_text()))) == readme, f"python -m benchmarks.report {newest} README.md"
