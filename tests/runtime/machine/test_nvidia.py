"""Which card the driver names, asked of drivers that were compiled for the test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from export.engines.targets import TARGETS
from runtime.engines.record import Card
from runtime.errors import BackendError
from runtime.machine import nvidia
from runtime.machine.nvidia import card
from tests.support.export.stubs import fake_driver

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc, which compiles a driver of a few lines, is not installed")


@pytest.fixture(autouse=True)
def _look_again() -> Iterator[None]:
    nvidia._looked.cache_clear()
    yield
    nvidia._looked.cache_clear()


def _with(monkeypatch: pytest.MonkeyPatch, library: Path) -> None:
    monkeypatch.setattr(nvidia, "_LIBRARY", str(library))


def test_the_first_card(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _with(monkeypatch, fake_driver(tmp_path, major=8, minor=6))
    assert card() == Card("Paper GPU", "8.6")
    assert TARGETS["tensorrt"].capability() == "8.6"


@pytest.mark.parametrize(
    ("code", "why"),
    [(100, "the NVIDIA driver finds no card"), (999, "the NVIDIA driver answers with CUDA error 999; nvidia-smi may say more")],
)
def test_a_driver_without_a_card(code: int, why: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _with(monkeypatch, fake_driver(tmp_path, code=code))
    with pytest.raises(BackendError, match=f"^{why}$"):
        card()


def test_a_machine_without_a_driver_is_told_so_in_three_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _with(monkeypatch, tmp_path / "libcuda.so.1")
    with pytest.raises(BackendError, match=r"^no NVIDIA driver$"):
        card()
    with pytest.raises(BackendError, match=r"full TensorRT builds on the card .* no NVIDIA driver; build it there, or take --target"):
        TARGETS["tensorrt"].capability()


def test_it_is_looked_for_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _with(monkeypatch, tmp_path / "libcuda.so.1")
    for _ in range(2):
        with pytest.raises(BackendError, match="no NVIDIA driver"):
            card()
        _with(monkeypatch, fake_driver(tmp_path, major=8, minor=6))
