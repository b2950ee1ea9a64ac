"""Opening TensorRT and TensorRT-RTX: what must be installed, which versions, which GPU."""

from __future__ import annotations

import importlib
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest

from export.engines import targets
from export.engines.targets import open_toolchain
from runtime.backends.tensorrt.package import PACKAGES
from runtime.engines.record import ANY_GPU
from runtime.errors import BackendError, MissingExtra, UsageError


class _Logger:
    """What stands in for TensorRT's base class."""


def _installed(monkeypatch: pytest.MonkeyPatch, version: str, capability: str = "8.6") -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", SimpleNamespace(__version__=version, ILogger=_Logger))
    target = replace(targets.TARGETS["tensorrt"], capability=lambda: capability)
    monkeypatch.setitem(targets.TARGETS, "tensorrt", target)


def test_tensorrt_rtx_opens_without_a_gpu_and_builds_for_any() -> None:
    tensorrt_rtx = pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx-cu13 is not installed")
    tools = open_toolchain("tensorrt-rtx")
    assert (tools.target, tools.version, tools.compute_capability) == ("tensorrt-rtx", tensorrt_rtx.__version__, ANY_GPU)
    assert open_toolchain("tensorrt-rtx").logger is tools.logger, "TensorRT would ignore a second one"


@pytest.mark.parametrize("version", ["10.8.0.43", "10.16.1", "11.4.0.106"])
def test_full_tensorrt_opens_for_the_gpu_that_is_there(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _installed(monkeypatch, version)
    tools = open_toolchain("tensorrt")
    assert (tools.version, tools.compute_capability) == (version, "8.6")


@pytest.mark.parametrize("version", ["8.6.1", "10.7.0", "12.0.0", "dev"])
def test_another_version_is_refused_with_the_range(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _installed(monkeypatch, version)
    with pytest.raises(
        BackendError, match=rf"expected tensorrt 10\.8 or newer, below 12\.0, but {version} is installed; .*clearway\[gpu\]"
    ):
        open_toolchain("tensorrt")


@pytest.mark.parametrize(("target", "extra"), [("tensorrt", "gpu"), ("tensorrt-rtx", "rtx")])
def test_a_package_that_is_not_there_is_named_with_its_extra(target: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = PACKAGES[target].module
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtra, match=rf"{module} is not installed; it comes with: pip install 'clearway\[{extra}\]'"):
        open_toolchain(target)


@pytest.mark.parametrize(
    "error", [ImportError("libnvinfer.so.11: cannot open"), ModuleNotFoundError("no tensorrt_libs", name="tensorrt_libs")]
)
def test_a_package_without_its_libraries_is_not_called_absent(error: ImportError, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> None:
        raise error

    monkeypatch.setattr(importlib, "import_module", broken)
    with pytest.raises(BackendError, match=r"tensorrt is installed and cannot be loaded \(.*\); install it again: .*clearway\[gpu\]"):
        open_toolchain("tensorrt")


def test_a_target_that_does_not_exist_is_wrong_use() -> None:
    with pytest.raises(
        UsageError, match=r"no target is called 'tensorrt-rxt'; did you mean tensorrt-rtx\? there are: tensorrt-rtx, tensorrt"
    ):
        open_toolchain("tensorrt-rxt")
