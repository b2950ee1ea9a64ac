"""Which NVIDIA GPUs this machine has, and whether their driver works. Does not know what runs on them."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from runtime.doctor.child import run
from runtime.machine.control_group import ROOT, text_of

_NVIDIA, _DISPLAY = "0x10de", "0x03"  # PCI vendor, and how the class of everything that draws or computes begins
_QUERY = "--query-gpu=name,memory.total,compute_cap,driver_version"
_PATIENCE = 15  # seconds; with many GPUs and no persistence daemon it takes a few


@dataclass(frozen=True)
class InstalledGpu:
    name: str
    memory_gib: float | None  # None where it shares the machine's
    compute_capability: str


@dataclass(frozen=True)
class GpuSurvey:
    found: tuple[InstalledGpu, ...]  # those that can be used
    driver: str  # its version; "" where none answers
    lack: str  # why there is none, and what to do; "" where there is one


def survey_gpus(root: Path = ROOT, patience: float = _PATIENCE) -> GpuSurvey:
    """`root` is where /proc and /sys are, `patience` how many seconds nvidia-smi may take."""
    if shutil.which("nvidia-smi") is None:
        return GpuSurvey((), "", _without_nvidia_smi(root))
    ended = run(["nvidia-smi", _QUERY, "--format=csv,noheader,nounits"], patience)
    if ended.fault:
        return GpuSurvey((), "", f"nvidia-smi: {ended.fault}; restart the machine, or install the driver again")
    rows = [fields for line in ended.output.splitlines() if len(fields := [field.strip() for field in line.split(",")]) == 4]
    if not rows:
        return GpuSurvey((), "", "an NVIDIA driver is installed, but finds no GPU; in a container: docker run --gpus all")
    return GpuSurvey(tuple(InstalledGpu(name, _gib(memory), capability) for name, memory, capability, _ in rows), rows[0][3], "")


def _gib(mib: str) -> float | None:
    return round(float(mib) / 1024, 1) if mib.isdecimal() else None


def _without_nvidia_smi(root: Path) -> str:
    if (root / "proc/driver/nvidia/version").exists():
        return "an NVIDIA driver is loaded, but nvidia-smi is not installed; in a container: docker run --gpus all"
    devices = (root / "sys/bus/pci/devices").glob("*")
    if any(text_of(device / "vendor") == _NVIDIA and text_of(device / "class").startswith(_DISPLAY) for device in devices):
        return "an NVIDIA GPU is in this machine, but its driver is not installed; on Ubuntu: sudo ubuntu-drivers install"
    return "no NVIDIA GPU and no NVIDIA driver"
