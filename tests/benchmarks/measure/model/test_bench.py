"""The bench at a tiny size: every engine is measured or says why not, and the record holds together."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.measure.model.bench import BenchOptions, bench
from benchmarks.record import write_record
from benchmarks.reports.pages import tables
from runtime.errors import ClearwayError
from tests.support.tiny import make_bundle


def test_one_run_measures_everything_and_its_record_holds_together(tmp_path: Path) -> None:
    said: list[str] = []
    record = bench(BenchOptions(str(make_bundle(tmp_path / "tiny")), 96, 128, seconds=0.05, clip_seconds=1), said.append)

    measured = {row["contender"]: row for row in record["latency"]}
    assert {"openvino", "onnxruntime", "onnxruntime, its defaults", "pytorch eager"} <= measured.keys()
    for name in ("openvino", "onnxruntime"):
        assert measured[name]["frames"] >= 5
        assert 0 < measured[name]["p50_ms"] <= measured[name]["p99_ms"]
    assert "no weights" in measured["pytorch eager"]["note"]  # the tiny bundle has none, and the record says so

    run = record["throughput"]
    assert run["frames"] == 25
    assert run["bound_fps"] == pytest.approx(run["cores"] / sum(run["cpu_ms"].values()) * 1e3, rel=0.02)
    assert run["share_of_bound"] == pytest.approx(run["fps"] / run["bound_fps"], abs=0.002)
    assert set(run["stages"]) == {"decode", "restore", "encode"}
    assert record["obvious_loop"]["fps"] is None
    assert said
    assert "| openvino |" in tables(json.loads(json.dumps(record)))


def test_a_record_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ClearwayError, match="cannot be written"):
        write_record(tmp_path / "file" / "record.json", {})
