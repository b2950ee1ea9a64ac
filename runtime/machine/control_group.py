"""What Linux control groups, and so containers, leave of the machine to this process. Does not know what the machine has.

A group's limit holds for all groups below it, so that any of them, from this process's own up to the top, may be the tightest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/")


@dataclass(frozen=True)
class MemoryShare:
    """One group's memory, in bytes."""

    limit: int
    used: int  # without files that lie in memory and that nobody reads: they make room when it is needed

    @property
    def free(self) -> int:
        return max(0, self.limit - self.used)


def memory_shares(root: Path = ROOT) -> Iterator[MemoryShare]:
    """Of each group that has a limit."""
    for version, group in _groups(root, "memory"):
        if version == 2:
            limit, used, cached = "memory.max", "memory.current", "inactive_file"
        else:
            limit, used, cached = "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
        most, taken = text_of(group / limit), text_of(group / used)
        if most.isdecimal() and taken.isdecimal():
            counters = dict(line.split() for line in text_of(group / "memory.stat").splitlines())
            yield MemoryShare(int(most), int(taken) - int(counters.get(cached, "0")))


def core_limit(root: Path = ROOT) -> float | None:
    """How many cores' worth of time the tightest group grants. None where none is limited."""
    return min(_core_limits(root), default=None)


def _core_limits(root: Path) -> Iterator[float]:
    for version, group in _groups(root, "cpu"):
        if version == 2:  # `docker run --cpus 2.5` writes "250000 100000": microseconds in each period of so many
            quota, _, period = text_of(group / "cpu.max").partition(" ")
        else:
            quota, period = text_of(group / "cpu.cfs_quota_us"), text_of(group / "cpu.cfs_period_us")
        if quota.isdecimal() and period.isdecimal() and int(period):
            yield int(quota) / int(period)


def _groups(root: Path, controller: str) -> Iterator[tuple[int, Path]]:
    """The version of the hierarchy and the folder of each group that this process is in."""
    for line in text_of(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        version, top = (1, root / "sys/fs/cgroup" / controller) if controllers else (2, root / "sys/fs/cgroup")
        # In a container the path may be one of the host's, which is not there; its own group is then at the top.
        own = Path(path.lstrip("/"))
        yield from ((version, top / group) for group in (own, *own.parents))


def text_of(path: Path) -> str:
    """Of a file of the kernel's; empty where there is none."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def facts_of(path: Path) -> dict[str, str]:
    """`name : value`, the first of each name."""
    lines = reversed(text_of(path).splitlines())
    return {name.strip(): value.strip() for name, colon, value in (line.partition(":") for line in lines) if colon}
