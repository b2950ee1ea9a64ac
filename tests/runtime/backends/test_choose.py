"""Choosing a backend: `auto` says what it took and what it passed over, an explicit choice is delivered or raises."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import onnx
import pytest

from runtime.backends.choose import PREFERENCE, open_backend
from runtime.backends.protocol import EngineOptions
from runtime.errors import BackendError, MissingExtra, UsageError
from runtime.machine import nvidia
from runtime.model.bundle import MODEL, Bundle, open_bundle
from tests.support.engines import CPU
from tests.support.tiny import make_bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return open_bundle(make_bundle(tmp_path_factory.mktemp("bundles") / "tiny"))


@pytest.fixture(autouse=True)
def _no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvidia, "find_gpu", lambda: "no NVIDIA driver")


@pytest.fixture
def without() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


def _uninstall(patch: pytest.MonkeyPatch, package: str) -> None:
    patch.delitem(sys.modules, f"runtime.backends.{package}", raising=False)
    patch.setitem(sys.modules, package, None)


def test_auto_takes_the_first_that_runs(bundle: Bundle) -> None:
    choice = open_backend(bundle)
    assert choice.backend.facts.name == "openvino"
    assert [name for name, _ in choice.passed_over] == list(PREFERENCE[: PREFERENCE.index("openvino")])
    assert "the fastest that this machine can run" in choice.describe()


def test_auto_says_what_it_passed_over_and_how_to_get_it(bundle: Bundle, without: pytest.MonkeyPatch) -> None:
    _uninstall(without, "openvino")
    choice = open_backend(bundle)
    assert choice.backend.facts.name == "onnxruntime"
    assert choice.passed_over[-1][0] == "openvino"
    assert "passed over openvino: openvino is not installed; it comes with: pip install 'clearway[cpu]'" in choice.describe()


def test_auto_passes_over_an_engine_that_cannot_start(bundle: Bundle, without: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RuntimeError("Exception from src/core.cpp:1:\nno plugin for this CPU")

    without.setattr("runtime.backends.openvino.shared_core", broken)
    assert "passed over openvino: OpenVINO cannot start on this CPU (no plugin for this CPU)" in open_backend(bundle).describe()
    with pytest.raises(BackendError, match="cannot start"):
        open_backend(bundle, "openvino")


@pytest.mark.parametrize("package", ["openvino", "onnxruntime"])
def test_an_engine_whose_library_does_not_load_is_not_called_missing(package: str, without: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / package).mkdir()
    (tmp_path / package / "__init__.py").write_text("raise OSError('libgomp.so.1: cannot open shared object file')")
    without.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.split(".")[0] == package or name == f"runtime.backends.{package}"]:
        without.delitem(sys.modules, name)
    with pytest.raises(BackendError, match=rf"{package} is installed and cannot be loaded \(libgomp.*; install it again: pip"):
        importlib.import_module(f"runtime.backends.{package}")


@pytest.mark.parametrize("name", CPU)
def test_a_graph_that_breaks_the_contract(tmp_path: Path, name: str) -> None:
    folder = make_bundle(tmp_path / "tiny")
    bundle, graph = open_bundle(folder), onnx.load(folder / MODEL)
    graph.graph.input[0].name = graph.graph.node[0].input[0] = "image"
    onnx.save(graph, folder / MODEL)
    with pytest.raises(BackendError, match=r"expected one input, frame, got image"):
        open_backend(bundle, name)


def test_nothing_installed(bundle: Bundle, without: pytest.MonkeyPatch) -> None:
    for package in CPU:
        _uninstall(without, package)
    with pytest.raises(BackendError, match=r"openvino: .*pip install.*; onnxruntime: .*pip install"):
        open_backend(bundle)


@pytest.mark.parametrize("name", CPU)
def test_an_explicit_choice_is_delivered_or_raises(bundle: Bundle, without: pytest.MonkeyPatch, name: str) -> None:
    choice = open_backend(bundle, name, EngineOptions(threads=1))
    assert choice.backend.facts.name == name
    assert ", 1 thread" in choice.backend.facts.detail
    assert choice.describe().endswith("as asked")
    _uninstall(without, name)
    with pytest.raises(MissingExtra, match=f"{name} is not installed"):
        open_backend(bundle, name)


def test_wrong_use(bundle: Bundle) -> None:
    with pytest.raises(UsageError, match=r"did you mean openvino\? there are: auto, .*openvino, onnxruntime"):
        open_backend(bundle, "openvin")
    with pytest.raises(UsageError, match="at least 1 thread"):
        EngineOptions(threads=0)


@pytest.mark.parametrize("name", ["auto", *CPU])
def test_a_graph_that_no_engine_can_load(tmp_path: Path, name: str) -> None:
    folder = make_bundle(tmp_path / "tiny")
    bundle = open_bundle(folder)
    (folder / MODEL).write_bytes(b"\x08\x0a\x12\x00")  # an ONNX file with a version and nothing else
    with pytest.raises(BackendError) as error:
        open_backend(bundle, name)
    assert "\n" not in str(error.value)
    assert str(folder / MODEL) in str(error.value)


@pytest.mark.parametrize("name", ["tensorrt", "tensorrt-rtx"])
def test_a_gpu_that_is_not_there_is_told_first(bundle: Bundle, name: str) -> None:
    with pytest.raises(BackendError, match=r"^no NVIDIA driver$"):
        open_backend(bundle, name)


def test_on_a_machine_without_a_gpu_nothing_of_a_gpu_is_loaded(bundle: Bundle) -> None:
    before = set(sys.modules)
    open_backend(bundle)
    assert not {name.partition(".")[0] for name in set(sys.modules) - before} & {"pycuda", "cuda", "tensorrt", "tensorrt_rtx"}


@pytest.mark.parametrize("name", CPU)
def test_an_engine_of_the_cpu_says_what_memory_it_takes(bundle: Bundle, name: str) -> None:
    assert (open_backend(bundle, name).backend.memory_factor or 0) > 1
