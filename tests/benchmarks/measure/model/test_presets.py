"""What presets cost: counted for all, timed where asked, and every figure of the table is one of the record."""

from __future__ import annotations

import json
import re

import pytest

import clearway
from benchmarks.measure.model.presets import measure_presets
from benchmarks.reports.pages import costs
from runtime.errors import UsageError


def test_a_named_preset_is_counted_and_timed() -> None:
    said: list[str] = []
    record = json.loads(json.dumps(measure_presets(["fdrnet-edge"], 64, 96, 0.01, said.append)))
    (row,) = record["presets"]
    assert (row["preset"], row["parameters"], row["sees_whole_picture"]) == ("fdrnet-edge", 210_932, True)
    assert row["latency"]["frames"] >= 5
    assert re.match(r"fdrnet-edge: 210,932 parameters, 23.7 GFLOP at 720p, [\d.,]+ frames a second on ", said[0])
    table = costs(record)
    assert "| `fdrnet-edge` | 210,932 | 23.7 | 4 | yes | all of it |" in table
    assert f"{row['latency']['fps']:.1f} ({row['latency']['contender']}" in table


def test_what_was_not_timed_is_said_to_be_so() -> None:
    row = {"preset": "x", "parameters": 10, "gflops_720p": 1234.5, "stride": 8, "sees_whole_picture": False, "receptive_field": 99}
    record = {"date": "2026-01-02", "size": "1280×720", "machine": {"cpu": "A CPU", "cores": 2, "features": []}}
    assert "| `x` | 10 | 1,234.5 | 8 | no | 99 | not timed |" in costs(record | {"presets": [row | {"latency": None}]})


def test_an_unknown_preset_is_refused_before_anything_is_measured() -> None:
    with pytest.raises(UsageError, match="fdrnet-edge"):
        measure_presets(["resnet"], 64, 96, 0.01, print)


@pytest.mark.parametrize("words", [["bench"], ["bench", "derain", "--preset", "fdrnet-edge"]])
def test_bench_wants_a_model_or_presets(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert clearway.main(words) == 2
    assert "--preset" in capsys.readouterr().err
