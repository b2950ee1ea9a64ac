"""Which card the driver names, asked of drivers that were compiled for the test."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from export import device
from export.device import compute_capability
from runtime.errors import BackendError
from tests.export.stubs import fake_driver

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc, which compiles a driver of a few lines, is not installed")


def _with(monkeypatch: pytest.MonkeyPatch, library: Path) -> None:
    monkeypatch.setattr(device, "_LIBRARY", str(library))


def test_the_first_cards_numbers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _with(monkeypatch, fake_driver(tmp_path, major=8, minor=6))
    assert compute_capability() == "8.6"


@pytest.mark.parametrize(("code", "why"), [(100, "the driver finds no card"), (999, "the driver answers with CUDA error 999")])
def test_a_driver_without_a_card(code: int, why: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _with(monkeypatch, fake_driver(tmp_path, code=code))
    with pytest.raises(BackendError, match=f"builds on the card that will run the engine, and {why}.*--target tensorrt-rtx"):
        compute_capability()


def test_a_machine_without_a_driver(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _with(monkeypatch, tmp_path / "libcuda.so.1")
    with pytest.raises(BackendError, match="this machine has no NVIDIA driver; build it there, or take --target tensorrt-rtx here"):
        compute_capability()
