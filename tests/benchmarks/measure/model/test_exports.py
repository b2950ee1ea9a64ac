"""The record of exports: what is measured of a preset, and that what does not hold is not called so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.measure.model.exports import SIZES, drawn, holds, measure_export, unmeasured_rows
from benchmarks.reports.export import exports, fusions, plans
from runtime.errors import UsageError
from training.networks import PRESETS


@pytest.fixture(scope="module")
def row(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLEARWAY_CACHE", str(tmp_path_factory.mktemp("cache")))
        return measure_export(drawn(PRESETS["physicsgan-edge"]), tmp_path_factory.mktemp("exports"))


def test_drawn_weights_do_something_and_are_the_same_each_time() -> None:
    first, second = (drawn(PRESETS["fdrnet-edge"]).weights for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert first["tail.weight"].any()


def test_a_row_has_every_engine_and_every_way_of_running(row: dict[str, Any]) -> None:
    assert holds(row)
    assert row["weights"] == "drawn"
    assert {(engine["precision"], engine["sizes"]) for engine in row["engines"]} == {(p, s) for p in ("fp16", "fp32") for s in SIZES}
    assert {name for engine in row["engines"] for name in engine["layers"]} == {"fp16", "fp32"}
    assert not any(engine["ran"] for engine in row["engines"])
    assert {entry["backend"] for entry in row["parity"]} == {"onnxruntime", "openvino", "node-by-node"}
    assert row["verified"].keys() >= {"onnxruntime fp32", "node-by-node fp16"}


def test_some_presets_of_a_record_are_renewed(tmp_path: Path) -> None:
    machine = {"date": "2026-11-21", "machine": {"cpu": "a CPU"}}
    old = [{"preset": "aigan", "export_s": 1.0}, {"preset": "plnlin", "export_s": 9.0}]
    path = tmp_path / "record.json"
    assert unmeasured_rows(path, machine | {"exports": []}) == []
    path.write_text(json.dumps(machine | {"exports": old}))
    assert unmeasured_rows(path, machine | {"exports": [{"preset": "plnlin"}]}) == old[:1]
    with pytest.raises(UsageError, match="expected a record of this day, machine and packages"):
        unmeasured_rows(path, machine | {"date": "2026-11-22", "exports": []})


def test_what_does_not_verify_or_build_does_not_hold(row: dict[str, Any]) -> None:
    assert not holds(row | {"verified": {"onnxruntime fp32": False}})
    assert not holds(row | {"engines": [*row["engines"], {"error": "it does not build"}]})
    assert not holds(row | {"fp32_share": 0.11})
    assert not holds({"preset": "physicsgan-edge", "error": "it does not agree"})


def test_the_tables_show_failures_too(row: dict[str, Any]) -> None:
    failed = {"target": "tensorrt-rtx", "precision": "fp16", "sizes": "1280×720", "error": "no kernel"}
    record = {"date": "2026-11-21", "machine": {"cpu": "a CPU", "cores": 2, "features": [], "packages": {}}}
    table = plans(record | {"exports": [row | {"engines": [*row["engines"], failed]}]})
    assert "| `physicsgan-edge` | fp16 | 1280×720 | | | no kernel | |" in table
    assert exports(record | {"exports": [row]}).splitlines()[-1].startswith("| `physicsgan-edge` | drawn | ")
    refused = row | {"parity": [entry for entry in row["parity"] if entry["precision"] != "bf16"], "bf16_refused": "it loses"}
    assert " | refused | " in exports(record | {"exports": [refused]}).splitlines()[-1]
    broken = exports(record | {"exports": [{"preset": "plnlin", "error": "it does not agree"}]}).splitlines()
    assert broken[-1].startswith("| `plnlin` | it does not agree |")
    assert broken[-1].count("|") == broken[-2].count("|")
    cell = {"heads": 2, "size": 16, "form": "fused", "precision": "fp16", "blocks": 2}
    found = [cell | {"sizes": name, "fused": fused} for name, fused in (("a", 2), ("b", 1), ("c", None))]
    assert fusions(record | {"fusions": found}).splitlines()[-1] == "| 2 | 16 | fused | fused | not fused | refused |"
