"""TensorRT and TensorRT-RTX on a real GPU: built here, run here, compared here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from export.engines.engine import BuildOptions, build_engine
from export.parity.cases import read_proof
from export.verify.engine_parity import engine_checks
from runtime.backends.choose import open_backend
from runtime.backends.protocol import EngineOptions
from runtime.backends.tensorrt.backend import TensorRtBackend
from runtime.backends.tensorrt.package import require_installed
from runtime.cuda.device import open_device
from runtime.engines.cache import EngineCache
from runtime.engines.record import Profile, Size
from runtime.errors import BackendError, MissingExtra
from runtime.machine.nvidia import first_gpu
from runtime.model.bundle import PROOF, Bundle, open_bundle
from runtime.restorer import load
from tests.support.tiny import make_bundle

pytestmark = pytest.mark.gpu
PROFILE = Profile("small", Size(1, 64, 64), Size(1, 256, 256), Size(4, 512, 512))
EXACT = EngineOptions(exact=True)  # the tiny graphs have FP32 layers alone


@pytest.fixture(params=["tensorrt", "tensorrt-rtx"])
def target(request: pytest.FixtureRequest) -> str:
    try:
        first_gpu()
        require_installed(request.param)
        open_device()
    except (BackendError, MissingExtra) as error:
        pytest.skip(str(error))
    return str(request.param)


@pytest.fixture
def bundle(target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bundle:
    monkeypatch.setenv("CLEARWAY_CACHE", str(tmp_path / "cache"))
    opened = open_bundle(make_bundle(tmp_path / "tiny", "brighten"))
    build_engine(opened, BuildOptions(target, "fp32", (PROFILE,)), EngineCache(), lambda _now: None)
    return opened


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 246, (height, width, 3), np.uint8)


def test_pictures_of_changing_sizes(bundle: Bundle, target: str) -> None:
    """Inside the profile and padded to it; each several times, so that graphs are captured, launched and dropped."""
    with load(bundle.folder, target, exact=True) as restorer:
        for number in range(60):
            source = picture(64 + number // 3 * 20 % 300, 16 + number // 3 * 37 % 400, number)
            assert np.array_equal(restorer(source).image, source + 10)


@pytest.mark.parametrize("mode", ["latency", "throughput"])
def test_a_stream_keeps_the_order_and_memory_stays(bundle: Bundle, target: str, mode: str) -> None:
    device = open_device()
    with load(bundle.folder, target, mode=mode, exact=True) as restorer:
        pictures = [picture(256, 256, number) for number in range(20)]
        for _ in restorer.stream(pictures):
            pass
        with device.current():
            before = device.driver.mem_get_info()[0]
        for source, restored in zip(pictures * 10, restorer.stream(pictures * 10), strict=True):
            assert np.array_equal(restored.image, source + 10)
        with device.current():
            assert before - device.driver.mem_get_info()[0] < 4e6


def test_graphs_were_captured_and_stages_timed(bundle: Bundle, target: str) -> None:
    backend = open_backend(bundle, target, EXACT).backend
    assert isinstance(backend, TensorRtBackend)
    for number in range(5):
        backend.run(picture(256, 256, number)[None])
    assert "without CUDA graphs" not in backend.facts.detail
    assert all(stage["p50_ms"] > 0 for stage in backend.times.as_dict().values())
    backend.close()


def test_more_than_the_gpu_has_is_refused_and_the_rest_still_runs(bundle: Bundle, target: str) -> None:
    device = open_device()
    with device.current(), pytest.raises(BackendError, match="of GPU memory were asked for"):
        device.allocate(1 << 50)
    backend = open_backend(bundle, target, EXACT).backend
    assert np.array_equal(backend.run(picture(64, 64)[None])["restored"][0], picture(64, 64) + 10)
    backend.close()


def test_it_agrees_with_the_reference_and_is_verified_from_then_on(bundle: Bundle, target: str) -> None:
    (check,) = engine_checks(bundle, target)
    assert check.verdict(read_proof(bundle.folder / PROOF)).problems == ()
    check.close()
    backend = TensorRtBackend(bundle, target, EXACT, proven=True)
    assert backend.facts.detail.endswith("verified on this GPU")
    backend.close()
