"""NVIDIA cards as a recorded nvidia-smi tells them, and every way in which there is none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runtime.doctor import cards
from runtime.doctor.cards import Card, Graphics, graphics

_PROBLEM = "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver."


@pytest.fixture
def linux(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No driver, no card; and no programs but those of the test."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(cards, "_DRIVER", tmp_path / "version")
    monkeypatch.setattr(cards, "_PCI", tmp_path / "pci")
    return tmp_path


def _nvidia_smi(linux: Path, script: str) -> None:
    program = linux / "bin" / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def _on_the_bus(linux: Path, vendor: str, kind: str) -> None:
    device = linux / "pci" / f"0000:00:0{len(list(linux.glob('pci/*')))}.0"
    device.mkdir(parents=True)
    (device / "vendor").write_text(f"{vendor}\n")
    (device / "class").write_text(f"{kind}\n")


def test_cards(linux: Path) -> None:
    _nvidia_smi(linux, "echo 'NVIDIA H200, 143771, 9.0, 570.86.15'; echo 'NVIDIA GB10, [N/A], 12.1, 570.86.15'")
    assert graphics() == Graphics((Card("NVIDIA H200", 140.4, "9.0"), Card("NVIDIA GB10", None, "12.1")), "570.86.15", "")


def test_it_is_asked_for_what_is_read(linux: Path) -> None:
    _nvidia_smi(linux, 'echo "$@" > "$0.asked"')
    graphics()
    asked = (linux / "bin" / "nvidia-smi.asked").read_text()
    assert asked == "--query-gpu=name,memory.total,compute_cap,driver_version --format=csv,noheader,nounits\n"


def test_neither_card_nor_driver(linux: Path) -> None:
    _on_the_bus(linux, "0x8086", "0x030000")  # Intel's graphics
    _on_the_bus(linux, "0x10de", "0x0c0330")  # a USB controller of NVIDIA's
    assert graphics() == Graphics((), "", "no NVIDIA card and no NVIDIA driver")


def test_a_card_without_a_driver(linux: Path) -> None:
    _on_the_bus(linux, "0x8086", "0x030000")
    _on_the_bus(linux, "0x10de", "0x030200")
    assert graphics().lack == "an NVIDIA card is in this machine, its driver is not installed; on Ubuntu: sudo ubuntu-drivers install"


def test_a_container_that_was_not_given_the_card(linux: Path) -> None:
    _on_the_bus(linux, "0x10de", "0x030200")
    (linux / "version").touch()
    assert graphics().lack == "an NVIDIA driver is loaded, nvidia-smi is not here to ask it; in a container: docker run --gpus all"


@pytest.mark.parametrize("script", ["echo 'No devices were found'", "true"])
def test_a_driver_without_a_card(script: str, linux: Path) -> None:
    _nvidia_smi(linux, script)
    assert graphics() == Graphics((), "", "an NVIDIA driver is installed, it finds no card; in a container: docker run --gpus all")


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (f'echo "{_PROBLEM}"; exit 9', _PROBLEM),
        ("echo 'out of order' >&2; exit 255", "out of order"),
        ("kill -SEGV $$", "it crashed: Segmentation fault"),
    ],
)
def test_a_driver_that_fails(script: str, said: str, linux: Path) -> None:
    _nvidia_smi(linux, script)
    assert graphics() == Graphics((), "", f"nvidia-smi: {said}; restart the machine, or install the driver again")


def test_a_driver_that_hangs(linux: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cards, "_PATIENCE", 0.5)
    _nvidia_smi(linux, f"PATH={os.defpath} exec sleep 1000")
    assert graphics().lack.startswith("nvidia-smi: it gave no answer within 0.5 s; restart the machine")
