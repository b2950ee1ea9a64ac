"""Owns which NVIDIA cards this machine has, and whether their driver is there; knows nothing of what runs on them."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from runtime.doctor.child import run

_DRIVER, _PCI = Path("/proc/driver/nvidia/version"), Path("/sys/bus/pci/devices")
_NVIDIA, _DISPLAY = "0x10de", "0x03"  # PCI vendor, and how the class of everything that draws or computes begins
_QUERY = "--query-gpu=name,memory.total,compute_cap,driver_version"
_PATIENCE = 15  # seconds; with many cards and no persistence daemon it takes a few


@dataclass(frozen=True)
class Card:
    name: str
    memory_gib: float | None  # None where it shares the machine's
    compute_capability: str


@dataclass(frozen=True)
class Graphics:
    cards: tuple[Card, ...]  # those that can be used
    driver: str  # its version; "" where none answers
    lack: str  # why there is none, and what to do; "" where there is one


def graphics() -> Graphics:
    if shutil.which("nvidia-smi") is None:
        return Graphics((), "", _without_driver())
    ended = run(["nvidia-smi", _QUERY, "--format=csv,noheader,nounits"], _PATIENCE)
    if ended.fault:
        return Graphics((), "", f"nvidia-smi: {ended.fault}; restart the machine, or install the driver again")
    rows = [fields for line in ended.output.splitlines() if len(fields := [field.strip() for field in line.split(",")]) == 4]
    if not rows:
        return Graphics((), "", "an NVIDIA driver is installed, it finds no card; in a container: docker run --gpus all")
    return Graphics(tuple(Card(name, _gib(memory), capability) for name, memory, capability, _ in rows), rows[0][3], "")


def _gib(mib: str) -> float | None:
    return round(float(mib) / 1024, 1) if mib.isdecimal() else None


def _without_driver() -> str:
    if _DRIVER.exists():
        return "an NVIDIA driver is loaded, nvidia-smi is not here to ask it; in a container: docker run --gpus all"
    if _on_the_bus():
        return "an NVIDIA card is in this machine, its driver is not installed; on Ubuntu: sudo ubuntu-drivers install"
    return "no NVIDIA card and no NVIDIA driver"


def _on_the_bus() -> bool:
    return any(_word(device / "vendor") == _NVIDIA and _word(device / "class").startswith(_DISPLAY) for device in _PCI.glob("*"))


def _word(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""
