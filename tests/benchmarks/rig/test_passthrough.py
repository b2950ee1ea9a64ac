"""The bundle that changes nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.rig.passthrough import make_passthrough
from runtime.restorer import load


def test_every_picture_comes_back_unchanged(tmp_path: Path) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (70, 50, 3), np.uint8)
    with load(make_passthrough(tmp_path / "passthrough"), "onnxruntime") as restore:
        assert np.array_equal(restore(picture).image, picture)
