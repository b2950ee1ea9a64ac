"""NVIDIA GPUs as a recorded nvidia-smi tells them, and every way in which there is none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runtime.doctor.gpus import GpuSurvey, InstalledGpu, survey_gpus
from tests.support.runtime.linux import write

_PROBLEM = "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver."


@pytest.fixture
def linux(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No driver, no GPU; and no programs but those of the test."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path


def _nvidia_smi(linux: Path, script: str) -> None:
    program = linux / "bin" / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def _on_the_bus(linux: Path, vendor: str, kind: str) -> None:
    devices = linux / "sys/bus/pci/devices"
    device = devices / f"0000:00:0{len(list(devices.glob('*')))}.0"
    write(device / "vendor", f"{vendor}\n")
    write(device / "class", f"{kind}\n")


def test_gpus(linux: Path) -> None:
    _nvidia_smi(linux, "echo 'NVIDIA H200, 143771, 9.0, 570.86.15'; echo 'NVIDIA GB10, [N/A], 12.1, 570.86.15'")
    found = (InstalledGpu("NVIDIA H200", 140.4, "9.0"), InstalledGpu("NVIDIA GB10", None, "12.1"))
    assert survey_gpus(linux) == GpuSurvey(found, "570.86.15", "")


def test_it_is_asked_for_what_is_read(linux: Path) -> None:
    _nvidia_smi(linux, 'echo "$@" > "$0.asked"')
    survey_gpus(linux)
    asked = (linux / "bin" / "nvidia-smi.asked").read_text()
    assert asked == "--query-gpu=name,memory.total,compute_cap,driver_version --format=csv,noheader,nounits\n"


def test_neither_gpu_nor_driver(linux: Path) -> None:
    _on_the_bus(linux, "0x8086", "0x030000")  # Intel's graphics
    _on_the_bus(linux, "0x10de", "0x0c0330")  # a USB controller of NVIDIA's
    assert survey_gpus(linux) == GpuSurvey((), "", "no NVIDIA GPU and no NVIDIA driver")


def test_a_gpu_without_a_driver(linux: Path) -> None:
    _on_the_bus(linux, "0x8086", "0x030000")
    _on_the_bus(linux, "0x10de", "0x030200")
    assert (
        survey_gpus(linux).lack
        == "an NVIDIA GPU is in this machine, but its driver is not installed; on Ubuntu: sudo ubuntu-drivers install"
    )


def test_a_container_that_was_not_given_the_gpu(linux: Path) -> None:
    _on_the_bus(linux, "0x10de", "0x030200")
    write(linux / "proc/driver/nvidia/version", "")
    assert survey_gpus(linux).lack == "an NVIDIA driver is loaded, but nvidia-smi is not installed; in a container: docker run --gpus all"


@pytest.mark.parametrize("script", ["echo 'No devices were found'", "true"])
def test_a_driver_without_a_gpu(script: str, linux: Path) -> None:
    _nvidia_smi(linux, script)
    assert survey_gpus(linux) == GpuSurvey((), "", "an NVIDIA driver is installed, but finds no GPU; in a container: docker run --gpus all")


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
    assert survey_gpus(linux) == GpuSurvey((), "", f"nvidia-smi: {said}; restart the machine, or install the driver again")


def test_a_driver_that_hangs(linux: Path) -> None:
    _nvidia_smi(linux, f"PATH={os.defpath} exec sleep 1000")
    assert survey_gpus(linux, 0.5).lack.startswith("nvidia-smi: it gave no answer within 0.5 s; restart the machine")
