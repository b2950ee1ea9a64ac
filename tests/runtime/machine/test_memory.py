"""How much memory is free: what the machine says, and what a control group leaves of it, read from files as they lie on a system."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.machine.memory import free_memory, memory
from tests.support.runtime.linux import write
from training.data.stills import MEMORY, half_of_free_memory

MB = 1_000_000
V1 = "4:cpuset:/\n3:memory:/jobs/one\n0::/\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path / "proc/meminfo", f"MemTotal: 9000000 kB\nMemFree: 1 kB\nMemAvailable:  {800 * MB // 1024} kB\n")
    return tmp_path


def _group(folder: Path, limit: str, used: int, *, cached: int = 0, version: int = 2) -> None:
    names = ("memory.max", "memory.current") if version == 2 else ("memory.limit_in_bytes", "memory.usage_in_bytes")
    write(folder / names[0], f"{limit}\n")
    write(folder / names[1], f"{used}\n")
    write(folder / "memory.stat", f"anon {used - cached}\n{'' if version == 2 else 'total_'}inactive_file {cached}\nfile 7\n")


def test_this_machine_says(root: Path) -> None:
    assert free_memory(root) == 800 * MB // 1024 * 1024
    assert (free_memory() or 0) > 10 * MB, "where the tests run"


def test_a_system_that_does_not_say(tmp_path: Path) -> None:
    assert free_memory(tmp_path) is None


def test_the_tightest_group_of_version_2(root: Path) -> None:
    write(root / "proc/self/cgroup", "0::/machine/session\n")
    _group(root / "sys/fs/cgroup/machine/session", "max", 100 * MB)
    _group(root / "sys/fs/cgroup/machine", str(500 * MB), 300 * MB, cached=50 * MB)
    _group(root / "sys/fs/cgroup/elsewhere", str(2 * MB), MB)
    assert free_memory(root) == 250 * MB
    _group(root / "sys/fs/cgroup/machine/session", str(400 * MB), 390 * MB)
    assert free_memory(root) == 10 * MB
    _group(root / "sys/fs/cgroup/machine/session", str(4000 * MB), 390 * MB)
    _group(root / "sys/fs/cgroup/machine", str(5000 * MB), 390 * MB)
    assert free_memory(root) == 800 * MB // 1024 * 1024, "a limit that is beyond what the machine has"


def test_a_container_whose_path_is_one_of_the_hosts(root: Path) -> None:
    write(root / "proc/self/cgroup", "0::/system.slice/docker-1234\n")
    _group(root / "sys/fs/cgroup", str(300 * MB), 120 * MB)
    assert free_memory(root) == 180 * MB


def test_version_1(root: Path) -> None:
    write(root / "proc/self/cgroup", V1)
    _group(root / "sys/fs/cgroup/memory/jobs/one", "9223372036854771712", 10 * MB, version=1)
    assert free_memory(root) == 800 * MB // 1024 * 1024
    _group(root / "sys/fs/cgroup/memory/jobs", str(90 * MB), 40 * MB, cached=15 * MB, version=1)
    assert free_memory(root) == 65 * MB


def test_a_group_beyond_its_limit_leaves_nothing(root: Path) -> None:
    write(root / "proc/self/cgroup", "0::/\n")
    _group(root / "sys/fs/cgroup", str(90 * MB), 95 * MB)
    assert free_memory(root) == 0


def test_the_limit_of_a_container_is_its_tightest_groups(root: Path) -> None:
    assert (memory(root).total, memory(root).free, memory(root).limit) == (8.6, 0.7, None)
    write(root / "proc/self/cgroup", "0::/machine/session\n")
    _group(root / "sys/fs/cgroup/machine/session", str(3 * 2**30), 2**28)
    _group(root / "sys/fs/cgroup/machine", str(2 * 2**30), 2**31 - 2**29)
    assert (memory(root).free, memory(root).limit) == (0.5, 2.0)


def test_the_huge_number_that_version_1_writes_is_no_limit(root: Path) -> None:
    write(root / "proc/self/cgroup", V1)
    _group(root / "sys/fs/cgroup/memory/jobs/one", "9223372036854771712", 10 * MB, version=1)
    assert memory(root).limit is None


def test_training_keeps_half_of_what_its_container_leaves(root: Path, tmp_path: Path) -> None:
    assert half_of_free_memory(root) == free_memory(root) // 2  # type: ignore[operator]
    write(root / "proc/self/cgroup", "0::/\n")
    _group(root / "sys/fs/cgroup", str(90 * MB), 30 * MB)
    assert half_of_free_memory(root) == 30 * MB
    assert half_of_free_memory(tmp_path / "another system") == MEMORY
