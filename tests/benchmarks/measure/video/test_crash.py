"""The record of crashes: its clip has a sound, its moments are counted, and what does not hold is not called so."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.measure.video.crash import CrashRun, contents, draw, holds, measure, playable
from tests.support.tiny import make_bundle


def test_moments_are_counted_and_compared(tmp_path: Path) -> None:
    draw(tmp_path / "in.mp4", 2)
    job = CrashRun(tmp_path / "in.mp4", tmp_path / "out.mkv", str(make_bundle(tmp_path / "model")), "onnxruntime")
    record = measure(job, 2, seed=0)
    assert {stream for stream, _, _ in contents(job.target)} == {0, 1}
    assert (record["frames"], playable(job.target)) == (50, 50)
    assert record["kills"] == len(record["moments"]) >= 2
    assert holds(record)


@pytest.mark.parametrize(("lost", "differing", "good"), [(25, 0, True), (26, 0, False), (0, 1, False)])
def test_what_holds(lost: int, differing: int, good: bool) -> None:
    assert holds({"lost_at_most": lost, "segment": 25, "differing": differing}) is good


def test_a_part_without_an_index_plays_nothing(tmp_path: Path) -> None:
    (tmp_path / "out.unfinished.mp4").write_bytes(b"\0\0\0\x18ftypisom" + bytes(12))
    assert playable(tmp_path / "out.unfinished.mp4") == playable(tmp_path / "none.mp4") == 0
