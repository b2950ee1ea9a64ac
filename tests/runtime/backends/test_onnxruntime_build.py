"""Whether ONNX Runtime could run on a card: each thing that may be missing has its own line, and nothing heavy is loaded to know."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from runtime.backends import onnxruntime_build as build
from runtime.errors import BackendError, MissingExtra
from tests.support.export.stubs import compiled


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "_DRIVER", str(compiled(tmp_path / "libdriver.so", "int nothing;")))


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An onnxruntime that is found and cannot be imported."""
    folder = tmp_path / "onnxruntime"
    (folder / "capi").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise ImportError('it was loaded')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "onnxruntime", raising=False)
    return folder


def test_no_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "_DRIVER", "libthere_is_no_such_driver.so.1")
    with pytest.raises(BackendError, match="no NVIDIA driver"):
        build.require_gpu_build()


@pytest.mark.usefixtures("driver")
def test_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtra, match=r"onnxruntime-gpu is not installed; .* pip install 'clearway\[gpu\]'"):
        build.require_gpu_build()


@pytest.mark.usefixtures("driver", "package")
def test_the_cpu_build_says_how_to_change_it() -> None:
    command = r"pip uninstall -y onnxruntime && pip install 'onnxruntime-gpu\[cuda,cudnn\]'"
    with pytest.raises(BackendError, match=f"the CPU build of onnxruntime is installed.*{command}$"):
        build.require_gpu_build()


@pytest.mark.usefixtures("driver")
def test_the_gpu_build_passes(package: Path) -> None:
    (package / "capi" / build._PROVIDER).touch()
    build.require_gpu_build()


def test_passing_it_over_loads_nothing() -> None:
    code = """
import sys
from runtime.backends import onnxruntime_build as build
from runtime.backends.choose import _onnxruntime_cuda
from runtime.errors import BackendError
build._DRIVER = "libthere_is_no_such_driver.so.1"
try:
    _onnxruntime_cuda(None, None)
except BackendError:
    print(*{"onnxruntime", "runtime.backends.onnxruntime_cuda"} & sys.modules.keys())
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"
