"""What OpenVINO alone needs: precision read back, the compile caches, and silence on the network."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import runtime.backends.openvino as leaf
from runtime.backends.openvino import OpenVinoBackend
from runtime.errors import BackendError
from runtime.model.bundle import Bundle, open_bundle
from runtime.restorer import load
from tests.support.tiny import make_bundle


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return open_bundle(make_bundle(tmp_path / "tiny"))


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CLEARWAY_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "openvino"


def _run(backend: OpenVinoBackend, width: int) -> None:
    frame = np.random.default_rng(width).integers(0, 256, (1, 16, width, 3), np.uint8)
    assert np.array_equal(backend.run(frame)["restored"], frame)


def _blobs(cache: Path) -> set[Path]:
    return set(cache.glob("*.blob"))


def test_bf16_where_the_cpu_has_it(bundle: Bundle) -> None:
    native = "BF16" in leaf.shared_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    precision = OpenVinoBackend(bundle).facts.precision
    assert (precision == "bf16") is native


def test_the_precision_is_that_of_the_layers(bundle: Bundle) -> None:
    core = leaf.shared_core()
    compiled = core.compile_model(core.read_model(bundle.onnx_path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    assert leaf._precision_of(compiled) == "fp32"


def test_the_second_start_compiles_nothing(bundle: Bundle, cache: Path) -> None:
    _run(OpenVinoBackend(bundle), 20)
    first = _blobs(cache)
    assert len(first) == 2  # the smallest size, and this one
    backend = OpenVinoBackend(bundle)
    _run(backend, 20)
    assert _blobs(cache) == first
    assert all(compiled.model.get_property("LOADED_FROM_CACHE") for compiled in backend._compiled.values())


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({"CLEARWAY_CACHE": "own", "XDG_CACHE_HOME": "xdg", "HOME": "home"}, "own/openvino"),
        ({"XDG_CACHE_HOME": "xdg", "HOME": "home"}, "xdg/clearway/openvino"),
        ({"HOME": "home"}, "home/.cache/clearway/openvino"),
    ],
)
def test_where_the_cache_lies(variables: dict[str, str], folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CLEARWAY_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, str(tmp_path / value))
    assert leaf._usable_cache() == tmp_path / folder
    assert (tmp_path / folder).is_dir()


def test_a_changed_model_is_never_taken_from_the_cache(cache: Path, tmp_path: Path) -> None:
    """Same place, same name, same shapes, other numbers."""
    frame = np.full((1, 16, 20, 3), 50, np.uint8)
    for kind, level in (("identity", 50), ("brighten", 60)):
        backend = OpenVinoBackend(open_bundle(make_bundle(tmp_path / "tiny", kind)))
        assert np.all(backend.run(frame)["restored"] == level)
    assert len(_blobs(cache)) == 4


def test_the_cache_is_private(bundle: Bundle, cache: Path) -> None:
    OpenVinoBackend(bundle)
    assert cache.stat().st_mode & 0o077 == 0


def test_a_damaged_cache_is_compiled_again(bundle: Bundle, cache: Path) -> None:
    _run(OpenVinoBackend(bundle), 20)
    for blob in _blobs(cache):
        blob.chmod(0o600)
        blob.write_bytes(b"damaged")
    _run(OpenVinoBackend(bundle), 20)


def test_the_cache_on_disk_does_not_grow_for_ever(bundle: Bundle, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaf, "_BLOBS_KEPT", 3)
    backend = OpenVinoBackend(bundle)
    for width in range(20, 25):
        _run(backend, width)
    assert len(_blobs(cache)) == 3
    _run(OpenVinoBackend(bundle), 24)


def test_without_a_writable_cache_it_runs_and_says_so(bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CLEARWAY_CACHE", str(tmp_path / "file"))
    backend = OpenVinoBackend(bundle)
    _run(backend, 20)
    assert "no compile cache" in backend.facts.detail


def test_a_few_sizes_stay_compiled(bundle: Bundle) -> None:
    backend = OpenVinoBackend(bundle)
    for width in (20, 21, 22, 20, 23, 24, 20):
        _run(backend, width)
    assert [shape[2] for shape, _ in backend._compiled] == [22, 23, 24, 20]


_ALONE = """
import sys, threading
import runtime.backends.openvino
assert not [name for name in sys.modules if name.startswith("openvino_telemetry")], "the telemetry was loaded"
assert threading.active_count() == 1, threading.enumerate()
import openvino_telemetry  # whoever asks for it by name gets it
"""


def test_importing_it_calls_nobody(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "CI"} | {"HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", _ALONE], check=True, env=environment, cwd=Path(__file__).parents[3])
    assert list(tmp_path.iterdir()) == []


def test_nan_may_come_of_a_spoilt_cache(tmp_path: Path, cache: Path) -> None:
    model = make_bundle(tmp_path / "nan", "nan")
    with load(model, "openvino") as restorer, pytest.raises(BackendError, match=f"NaN or Inf.*or delete {cache} "):
        restorer(np.zeros((16, 16, 3), np.uint8))


def test_a_signal_after_two_models_came_and_went_is_only_a_signal(tmp_path: Path) -> None:
    """With a Core for each model, closed in the order in which they were opened, this process died of SIGSEGV."""
    code = """
import gc, signal, sys
from pathlib import Path
from runtime.backends.openvino import OpenVinoBackend
from runtime.model.bundle import open_bundle
first, second = (OpenVinoBackend(open_bundle(Path(folder))) for folder in sys.argv[1:])
first.close(); del first; gc.collect()
second.close(); del second; gc.collect()
signal.signal(signal.SIGTERM, lambda *_: print("only a signal"))
signal.raise_signal(signal.SIGTERM)
"""
    folders = [str(make_bundle(tmp_path / kind, kind)) for kind in ("identity", "brighten")]
    done = subprocess.run([sys.executable, "-c", code, *folders], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "only a signal\n"), done.stderr
