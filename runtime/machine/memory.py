"""How much memory this process may use. Does not know what it is used for."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from runtime.machine.control_group import ROOT, facts_of, memory_shares


@dataclass(frozen=True)
class Memory:
    """In GiB; None where the system does not say."""

    total: float | None  # the machine's
    free: float | None  # for this process, without swapping
    limit: float | None  # of a container


def memory(root: Path = ROOT) -> Memory:
    total, limit = _total(root), min((share.limit for share in memory_shares(root)), default=None)
    if limit is not None and total is not None and limit >= total:  # version 1 writes a huge number for none
        limit = None
    return Memory(_gib(total), _gib(free_memory(root)), _gib(limit))


def free_memory(root: Path = ROOT) -> int | None:
    """Bytes that can be had without swapping, on the machine and in the control groups of this process. None where the system does not
    say."""
    available = _bytes(root, "MemAvailable")
    return None if available is None else min([available, *(share.free for share in memory_shares(root))])


def _total(root: Path) -> int | None:
    if (total := _bytes(root, "MemTotal")) is not None:
        return total
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return None


def _bytes(root: Path, name: str) -> int | None:
    kib = facts_of(root / "proc/meminfo").get(name, "").removesuffix(" kB")
    return int(kib) * 1024 if kib.isdecimal() else None


def _gib(count: int | None) -> float | None:
    return None if count is None else round(count / 2**30, 1)
