"""Whether ONNX Runtime could run on a GPU: each thing that may be missing has its own line, and nothing heavy is loaded to know."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from runtime.backends.onnxruntime_build import CUDA_PROVIDER, require_gpu_build
from runtime.errors import BackendError, MissingExtra
from tests.support.export.stubs import compiled


@pytest.fixture
def driver(tmp_path: Path) -> str:
    return str(compiled(tmp_path / "libdriver.so", "int nothing;"))


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An onnxruntime that is found and cannot be imported."""
    folder = tmp_path / "onnxruntime"
    (folder / "capi").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise ImportError('it was loaded')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "onnxruntime", raising=False)
    return folder


def test_no_driver() -> None:
    with pytest.raises(BackendError, match="no NVIDIA driver"):
        require_gpu_build("libthere_is_no_such_driver.so.1")


def test_not_installed(driver: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtra, match=r"onnxruntime-gpu is not installed; .* pip install 'clearway\[gpu\]'"):
        require_gpu_build(driver)


@pytest.mark.usefixtures("package")
def test_the_cpu_build_says_how_to_change_it(driver: str) -> None:
    command = r"pip uninstall -y onnxruntime && pip install 'onnxruntime-gpu\[cuda,cudnn\]'"
    with pytest.raises(BackendError, match=f"the CPU build of onnxruntime is installed.*{command}$"):
        require_gpu_build(driver)


def test_the_gpu_build_passes(driver: str, package: Path) -> None:
    (package / "capi" / CUDA_PROVIDER).touch()
    require_gpu_build(driver)


def test_passing_it_over_loads_nothing() -> None:
    code = """
import sys
from runtime.backends.choose import open_backend
from runtime.errors import BackendError
try:
    open_backend(None, "onnxruntime-cuda")
except BackendError:
    print(*{"onnxruntime", "runtime.backends.onnxruntime_cuda"} & sys.modules.keys())
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"
