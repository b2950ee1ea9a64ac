"""The benchmark of sharing, on a tiny model: every way is measured, and the table says what the record has."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.measure.model.sharing import main
from tests.support.tiny import make_bundle


def test_each_way_has_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, record = make_bundle(tmp_path / "tiny"), tmp_path / "record.json"
    assert main(["--model", str(folder), "--backend", "onnxruntime", "--size", "64", "48", "--rounds", "1", "--record", str(record)]) == 0
    said = capsys.readouterr().out.splitlines()
    written = json.loads(record.read_text())
    assert written["size"] == "64×48"
    assert written["ways"][0] == written["ways"][0] | {"way": "one stream, Restorer.stream", "share": 1.0}
    for row in written["ways"]:
        assert f"| {row['way']} | {row['fps']:.1f} | {row['share']:.1%} | {row['cpu_ms']:.1f} |" in said
    assert f"{written['overhead']['guard_ms']:.2f} ms" in said[-1]
