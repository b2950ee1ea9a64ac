"""How near the guard comes: nothing is beyond normal for a model that changes nothing, and what is beyond the limits is counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.measure.model.guard import main, weathers, worst_beyond
from runtime.files.pictures import write_picture
from runtime.guard.faults import ChangeLimits, PictureChange
from tests.support.tiny import make_bundle


def test_a_model_that_changes_nothing_is_beyond_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "photos").mkdir()
    for number in range(2):
        picture = np.random.default_rng(number).integers(0, 256, (72, 96, 3), np.uint8)
        write_picture(tmp_path / "photos" / f"{number}.png", picture)
    bundle = make_bundle(tmp_path / "tiny", "identity")
    assert main([str(tmp_path / "photos"), "--model", str(bundle)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("2 photographs, tiny on ")
    assert [line.split(" | ")[0] for line in said[4:]] == [f"| {name}" for name in weathers()]
    for line in said[4:]:
        suspected, share, *levels = line.strip("| ").split(" | ")[1:]
        assert (suspected, share) == ("0", "0.00"), line
        assert all(abs(int(level)) <= 4 for level in levels), line  # bf16 takes the means of noise so well and no better


def test_what_is_beyond_the_limits_is_counted() -> None:
    usual = PictureChange(0.0, 0.0, False, np.array([-3, 2], np.float32), 5.0)
    far = PictureChange(0.5, 0.0, False, np.array([-3, 80], np.float32), 9.0)
    seen = worst_beyond([usual, far], ChangeLimits(black=0.1, darker=-1.0, brighter=4.0, tint=6.0))
    assert seen == {"suspected": 1, "share": 0.4, "brightness": 76.0, "tint": 3.0}
