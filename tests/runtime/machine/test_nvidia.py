"""Which GPU the driver names, asked of drivers that were compiled for the test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from export.engines.targets import TARGETS
from runtime.errors import BackendError
from runtime.machine.nvidia import Gpu, find_gpu, first_gpu
from tests.support.export.stubs import fake_driver

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc, which compiles a driver of a few lines, is not installed")


@pytest.fixture(autouse=True)
def _look_again() -> Iterator[None]:
    find_gpu.cache_clear()
    yield
    find_gpu.cache_clear()


def _with(monkeypatch: pytest.MonkeyPatch, library: Path) -> None:
    monkeypatch.setattr("runtime.machine.nvidia.find_gpu", partial(find_gpu, str(library)))


def test_the_first_gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _with(monkeypatch, fake_driver(tmp_path, major=8, minor=6))
    assert first_gpu() == Gpu("Simulated GPU", "8.6")
    assert TARGETS["tensorrt"].capability() == "8.6"


@pytest.mark.parametrize(
    ("code", "why"),
    [(100, "the NVIDIA driver finds no GPU"), (999, "the NVIDIA driver answers with CUDA error 999; nvidia-smi may say more")],
)
def test_a_driver_without_a_gpu(code: int, why: str, tmp_path: Path) -> None:
    assert find_gpu(str(fake_driver(tmp_path, code=code))) == why


def test_a_machine_without_a_driver_is_told_so_in_three_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _with(monkeypatch, tmp_path / "libcuda.so.1")
    with pytest.raises(BackendError, match=r"^no NVIDIA driver$"):
        first_gpu()
    with pytest.raises(BackendError, match=r"^expected the GPU that .*, got none \(no NVIDIA driver\); build it there, or take --target"):
        TARGETS["tensorrt"].capability()


def test_the_driver_is_asked_once(tmp_path: Path) -> None:
    library = tmp_path / "libcuda.so.1"
    assert find_gpu(str(library)) == "no NVIDIA driver"
    fake_driver(tmp_path, major=8, minor=6)
    assert find_gpu(str(library)) == "no NVIDIA driver"
