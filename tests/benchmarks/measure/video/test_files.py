"""The record of restoring files: every step and every encoder is measured, and the tables show what the record says."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.demo.clip import ClipOptions
from benchmarks.measure.video import files, qualities
from benchmarks.measure.video.files import measure, medians
from benchmarks.reports.files import table
from tests.support.tiny import make_bundle


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "TURNS", 2)
        patch.setattr(qualities, "FRAMES", 3)
        patch.setattr(qualities, "QUALITIES", (40, 100))
        patch.setattr(qualities, "ENCODERS", ("h264", "prores"))
        patch.setattr(qualities, "SECONDS", 2)
        return measure(str(make_bundle(tmp_path_factory.mktemp("bundles") / "tiny", "brighten")), ClipOptions(6, 90, 160))


def test_each_step_and_each_way_is_measured(record: dict[str, Any]) -> None:
    for turn in record["turns"]:
        assert list(turn["alone_cpu_ms"]) == ["decode", "to BGR", "model", "to YUV", "encode"]
        assert all(cost > 0 for costs in (turn["alone_cpu_ms"], turn["cpu_ms"]) for cost in costs.values())
        fps = turn["fps"]
        assert fps["bound"] == pytest.approx(record["cores"] / sum(turn["alone_cpu_ms"].values()) * 1e3, rel=0.01)
        assert turn["shares"]["restored to the bound"] == pytest.approx(fps["restored"] / fps["bound"], abs=0.001)
        assert turn["shares"]["identity to the bare loop"] == pytest.approx(fps["identity"] / fps["bare"], abs=0.001)


def test_the_median_of_each_figure_is_kept() -> None:
    turns = [{"fps": {"bare": one, "bound": other}} for one, other in ((1, 9), (5, 2), (3, 4))]
    assert medians(turns) == {"fps": {"bare": 3, "bound": 4}}


def test_more_quality_is_more_of_everything_and_lossless_is_said(record: dict[str, Any]) -> None:
    low, best, *_, ffv1 = record["qualities"]
    assert (low["encoder"], low["quality"], best["quality"]) == ("h264", 40, 100)
    assert 20 < low["psnr_db"] < 60
    assert low["bytes"] < best["bytes"]
    assert best["psnr_db"] is None
    assert (ffv1["encoder"], ffv1["quality"], ffv1["psnr_db"]) == ("ffv1", None, None)


def test_an_encoder_a_second_makes_more_keyframes(record: dict[str, Any]) -> None:
    rows = record["segmented"]
    encoders = ("h264", "prores", "ffv1")
    assert [(row["encoder"], row["every"]) for row in rows] == [(name, every) for name in encoders for every in (None, 25)]
    one, several = rows[:2]
    assert several["bytes"] > one["bytes"]
    assert f"| h264 | {one['cpu_ms']:.1f} ms, {one['bytes'] / 1000:.0f} kB | {several['cpu_ms']:.1f} ms, " in table(record)


def test_the_tables_say_what_the_record_says(record: dict[str, Any]) -> None:
    page = table(record)
    middle, low = record["medians"], record["qualities"][0]
    figures = f"{middle['fps']['restored']:.1f} | {middle['cpu_ms']['restored']:.1f} | {middle['shares']['restored to the bound']:.2f}"
    assert f"| `clearway restore` | {figures} of the bound |" in page
    assert f"model {middle['alone_cpu_ms']['model']:.1f} + " in page
    assert "| quality | h264 | prores |" in page
    assert f"| 40 | {low['psnr_db']:.1f} dB, " in page
    assert "| 100 | lossless, " in page
    assert "`ffv1` has no quality: lossless, " in page
