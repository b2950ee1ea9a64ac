"""Which processor this machine has, and how much of it this process may use. Does not know what it computes."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

from runtime.machine.control_group import ROOT, core_limit, facts_of

# What decides how fast a network runs on a CPU, by the kernel's names for it. The last one is ARM's.
_FEATURES = {
    "amx_bf16": "AMX-BF16",
    "amx_int8": "AMX-INT8",
    "avx512_bf16": "AVX512-BF16",
    "avx512f": "AVX512",
    "avx2": "AVX2",
    "bf16": "ARM-BF16",
}


@dataclass(frozen=True)
class Processor:
    name: str
    cores: int  # those that this process may be scheduled on
    limit: float | None  # how many cores' worth of time a container grants; None where it has no limit
    features: tuple[str, ...]
    bf16: bool  # in hardware


def processor(root: Path = ROOT) -> Processor:
    """Name and features as Linux tells them; macOS tells the name at best."""
    facts = facts_of(root / "proc/cpuinfo")
    flags = set(facts.get("flags", facts.get("Features", "")).split())
    features = tuple(name for flag, name in _FEATURES.items() if flag in flags)
    name = facts.get("model name") or platform.processor() or platform.machine()
    return Processor(name, _scheduled_cores(), core_limit(root), features, any(feature.endswith("BF16") for feature in features))


def usable_cores(root: Path = ROOT) -> int:
    """As many threads as can compute at once. A container's limit is rounded down: a thread beyond it stops all for part of each period."""
    limit = core_limit(root)
    return _scheduled_cores() if limit is None else max(1, min(_scheduled_cores(), int(limit)))


def _scheduled_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
