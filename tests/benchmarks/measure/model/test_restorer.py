"""The record of what the restorer adds to its engine: every figure is measured, and the drawing shows what the record says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.measure.model import restorer
from benchmarks.measure.model.restorer import largest_growth, measure
from benchmarks.reports.runtime import runtime as table
from benchmarks.reports.runtime import timeline
from runtime.picture import PictureMemory
from runtime.restorer import load
from tests.support.tiny import make_bundle


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(restorer, "HEIGHT", 240)
        patch.setattr(restorer, "WIDTH", 320)
        patch.setattr(restorer, "_TURNS", 12)
        patch.setenv("CLEARWAY_CACHE", str(tmp_path_factory.mktemp("cache")))
        return measure(str(make_bundle(tmp_path_factory.mktemp("bundles") / "tiny")), frames=1000)


def test_the_table_has_every_figure(record: dict[str, Any]) -> None:
    lines = table(record).splitlines()
    assert lines[2].endswith("tiny, openvino (bf16) | |") or lines[2].endswith("tiny, openvino (fp32) | |")
    assert f"| through the restorer | {record['overhead']['restorer_ms']:.1f} ms" in table(record)
    assert f"+{record['memory']['mb_per_1000']:.2f} MB" in table(record).replace("-", "+")
    assert len(lines) == 4 + 8


def test_a_stream_allocates_nothing_of_a_frames_size(record: dict[str, Any]) -> None:
    assert 0 < record["largest_growth_bytes"] < record["frame_bytes"] / 2


def test_a_stage_that_allocates_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The measure itself: with arrays that are allocated anew each time, a frame shows."""
    monkeypatch.setattr(PictureMemory, "array", lambda _self, shape: np.empty(shape, np.uint8))
    with load(make_bundle(tmp_path / "tiny"), "onnxruntime") as tiny:
        assert largest_growth(tiny, frames=5) >= 1280 * 720 * 3


def test_the_drawing_has_a_bar_for_each_span(record: dict[str, Any]) -> None:
    drawn = timeline(record)
    assert drawn.count('rx="3"') == len(record["timeline"])
    assert sum(span["stage"] == "restore" for span in record["timeline"]) == 6
    widths = [float(width) for width in re.findall(r'width="([\d.]+)" height="34"', drawn)]
    assert max(widths) <= 860
