"""The record of flicker reduction: every figure is measured, and the table shows what the record says."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.measure.video import flicker
from benchmarks.measure.video.flicker import measure
from benchmarks.reports.flicker import table
from tests.support.tiny import make_bundle


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """With a network that does nothing, all of the rain is left."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flicker, "SIZES", ((96, 160),))
        patch.setenv("CLEARWAY_CACHE", str(tmp_path_factory.mktemp("cache")))
        return measure(str(make_bundle(tmp_path_factory.mktemp("bundles") / "tiny", "identity")), 8)


def test_every_scene_is_measured(record: dict[str, Any]) -> None:
    assert [row["scene"] for row in record["scenes"]] == list(flicker.SCENES)
    by_name = {row["scene"]: row for row in record["scenes"]}
    for row in record["scenes"]:
        assert row["psnr_db"]["source"] == row["psnr_db"]["restored"], "nothing was restored"
        assert row["flicker"]["source"] == row["flicker"]["restored"]
    rain, dry = by_name["standing in rain"], by_name["standing, dry"]
    assert rain["psnr_db"]["source"] < dry["psnr_db"]["source"]
    assert rain["flicker"]["truth"] < rain["flicker"]["steady"] < rain["flicker"]["restored"]
    assert by_name["driving, dry"]["flicker"]["truth"] > dry["flicker"]["truth"]


def test_the_table_says_what_the_record_says(record: dict[str, Any]) -> None:
    lines = table(record).splitlines()
    assert len(lines) == 4 + len(flicker.SCENES)
    row = record["scenes"][0]
    gain = row["psnr_db"]["steady"] - row["psnr_db"]["restored"]
    assert f"| {row['psnr_db']['steady']:.2f} | {gain:+.2f} | {row['flicker']['source']:.2f} |" in lines[4]
