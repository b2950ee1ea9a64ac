"""Owns what computer this is: processor, memory, and what a container leaves of them; knows nothing of engines or measurements."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

# What decides how fast a network runs on a CPU, by the kernel's names for it. The last one is ARM's.
_FEATURES = {
    "amx_bf16": "AMX-BF16",
    "amx_int8": "AMX-INT8",
    "avx512_bf16": "AVX512-BF16",
    "avx512f": "AVX512",
    "avx2": "AVX2",
    "bf16": "ARM-BF16",
}
_PROC, _CONTROL_GROUP = Path("/proc"), Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Processor:
    name: str
    cores: int  # those that this process may be scheduled on
    limit: float | None  # how many of them a container's limit is worth; None where there is none
    features: tuple[str, ...]
    bf16: bool  # in hardware


@dataclass(frozen=True)
class Memory:
    """In GiB; None where the system does not say."""

    total: float | None  # the machine's
    free: float | None  # what can still be had
    limit: float | None  # of a container


def processor() -> Processor:
    """Name and features as Linux tells them; other systems tell the name at best."""
    facts = _facts(_PROC / "cpuinfo")
    flags = set(facts.get("flags", facts.get("Features", "")).split())
    features = tuple(name for flag, name in _FEATURES.items() if flag in flags)
    name = facts.get("model name") or platform.processor() or platform.machine()
    return Processor(name, _cores(), _granted_cores(), features, any(feature.endswith("BF16") for feature in features))


def memory() -> Memory:
    try:
        total: float | None = _gib(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):
        total = None
    free = _facts(_PROC / "meminfo").get("MemAvailable", "").removesuffix(" kB")
    limit = _text(_CONTROL_GROUP / "memory.max")
    return Memory(total, _gib(int(free) * 1024) if free else None, _gib(int(limit)) if limit.isdecimal() else None)


def _facts(path: Path) -> dict[str, str]:
    """`name : value`, of the first of each name: the first core's."""
    lines = reversed(_text(path).splitlines())
    return {name.strip(): value.strip() for name, colon, value in (line.partition(":") for line in lines) if colon}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _granted_cores() -> float | None:
    """`docker run --cpus 2.5` writes "250000 100000": microseconds of CPU in each period of so many."""
    quota, _, period = _text(_CONTROL_GROUP / "cpu.max").partition(" ")
    return int(quota) / int(period) if quota.isdecimal() and period.isdecimal() else None


def _gib(count: int) -> float:
    return round(count / 2**30, 1)
