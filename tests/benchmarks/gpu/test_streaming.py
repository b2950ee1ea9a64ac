"""How busy a GPU is: its own clock against the wall's, on a simulated GPU, where every mark is a millisecond after the last."""

from __future__ import annotations

from pathlib import Path

from benchmarks.gpu.streaming import measure_stream
from runtime.model.bundle import open_bundle
from runtime.restorer import load
from tests.support.runtime.simulated_tensorrt import engine_for, simulated_machine
from tests.support.tiny import make_bundle


def test_a_stream(tmp_path: Path) -> None:
    with simulated_machine(tmp_path / "cache"):
        bundle = open_bundle(make_bundle(tmp_path / "tiny", "brighten"))
        engine_for(bundle)
        with load(bundle.folder, "tensorrt") as restorer:
            came = measure_stream("tiny", restorer, (48, 64), 0.05)
    assert (came.model, came.contender, came.size) == ("tiny", "tensorrt", "64×48")
    assert came.computing >= 0.95 * came.frames_per_s / 1e3
    assert came.host_ms > 0
