"""The tables: every figure comes out of a record, and the pages show the newest record and nothing else."""

from __future__ import annotations

import pytest

from benchmarks.reports.pages import insert, pages, tables
from runtime.errors import UsageError

RECORD = {
    "date": "2026-01-02",
    "model": {"name": "derain", "version": "1"},
    "size": "1280×720",
    "machine": {"cpu": "A CPU", "cores": 2, "features": ["AVX512"]},
    "latency": [
        {"contender": "openvino", "precision": "bf16", "note": "", "p50_ms": 30.04, "p99_ms": 35.5, "fps": 33.21},
        {"contender": "pytorch eager", "precision": "fp32", "note": "torch is not installed", "p50_ms": None, "p99_ms": None, "fps": None},
    ],
    "throughput": {"encoder": "x264", "fps": 20.5, "cpu_ms": {"model": 60.0, "encode": 20.0}, "cores": 2}
    | {"bound_fps": 25.0, "share_of_bound": 0.82},
    "ratios": {"openvino to onnxruntime's defaults": 3.04, "file to file to the obvious loop": None},
    "obvious_loop": {"fps": None, "note": "not measured: torch is not installed"},
}


def test_the_tables_say_what_the_record_says() -> None:
    table = tables(RECORD)
    assert "| openvino | bf16 | 30.0 | 35.5 | 33.2 |" in table
    assert "| pytorch eager | fp32 | | | torch is not installed |" in table
    assert "(model 60.0 + encode 20.0) | 25.0 |" in table
    assert "2 cores, AVX512" in table
    assert "Ratios: openvino to onnxruntime's defaults 3.0, file to file to the bound 0.82." in table


def test_only_what_is_between_the_markers_changes() -> None:
    page = "above\n<!-- x: begin -->\nold\n<!-- x: end -->\nbelow\n"
    assert insert(page, "x", "new") == "above\n<!-- x: begin -->\nnew\n<!-- x: end -->\nbelow\n"
    with pytest.raises(UsageError, match="x: begin"):
        insert("no markers", "x", "new")


def test_the_pages_show_the_newest_record_and_the_shipped_model() -> None:
    for path, text in pages().items():
        assert path.read_text(encoding="utf-8") == text, "renew the pages with: python -m benchmarks.reports.pages"
