"""What an engine takes is seen from outside, in a process of its own, and the table says what the record has."""

from __future__ import annotations

from pathlib import Path

from benchmarks.measure.model.memory import MemoryRun, run_alone
from benchmarks.reports.runtime import memory
from runtime.model.bundle import open_bundle
from tests.support.tiny import make_bundle

HEIGHT, WIDTH = 2000, 3000


def test_a_process_grows_by_what_its_picture_takes(tmp_path: Path) -> None:
    seen = run_alone(MemoryRun(open_bundle(make_bundle(tmp_path / "tiny")), "onnxruntime", True, (HEIGHT, WIDTH)))
    of_result = HEIGHT * WIDTH * 3
    assert of_result <= seen["grown_bytes"] < 40 * of_result
    assert (seen["precision"], seen["seconds"] > 0) == ("fp32", True)


def test_the_table_has_every_figure() -> None:
    machine = {"cpu": "A CPU", "cores": 2, "features": [], "packages": {}}
    engines = [{"preset": "one", "engine": "OpenVINO", "precision": "bf16", "bytes_a_pixel": 60, "factor": 1.43}]
    whole, cut = {"seconds": 4.45, "grown_bytes": 1_694_000_000}, {"seconds": 3.31, "grown_bytes": 497_000_000}
    tiles = {"preset": "two", "size": "6000×4000", "tiles": 6, "whole": whole, "in_tiles": cut}
    said = memory({"date": "2026-01-02", "machine": machine, "sizes": ["1×1", "2×2"], "engines": engines, "tiles": tiles}).splitlines()
    assert "| `one` | 60 | OpenVINO (bf16) | 1.43 |" in said
    assert said[-1] == "`two` at 6000×4000 took 4.5 s and 1.7 GB whole, 3.3 s and 0.5 GB in 6 tiles."
