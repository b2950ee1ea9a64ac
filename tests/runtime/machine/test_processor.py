"""What the machine is, read from recorded files of Linux: processors with and without bf16, and containers."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.machine.memory import memory
from runtime.machine.processor import processor, usable_cores
from tests.support.runtime.linux import write

_SAPPHIRE_RAPIDS = """processor\t: 0
vendor_id\t: GenuineIntel
model name\t: Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz
flags\t\t: fpu sse4_2 avx avx2 avx512f avx512_bf16 avx512_fp16 amx_bf16 amx_tile amx_int8
bogomips\t: 5400.00

processor\t: 1
vendor_id\t: GenuineIntel
model name\t: the second core
flags\t\t: fpu
"""
_TURIN = """model name\t: AMD EPYC
flags\t\t: fpu sse4_2 avx avx2 avx512f avx512dq avx512cd avx512bw avx512vl avx_vnni avx512_bf16 avx512vbmi
"""
_HASWELL = """model name\t: Intel(R) Core(TM) i7-4770 CPU @ 3.40GHz
flags\t\t: fpu sse4_2 avx avx2 bmi2
"""
_GRAVITON = """processor\t: 0
BogoMIPS\t: 2100.00
Features\t: fp asimd evtstrm sve asimdfhm i8mm bf16 dgh rng
CPU implementer\t: 0x41
"""


@pytest.mark.parametrize(
    ("cpuinfo", "name", "features", "bf16"),
    [
        (_SAPPHIRE_RAPIDS, "Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz", "AMX-BF16 AMX-INT8 AVX512-BF16 AVX512 AVX2", True),
        (_TURIN, "AMD EPYC", "AVX512-BF16 AVX512 AVX2", True),
        (_HASWELL, "Intel(R) Core(TM) i7-4770 CPU @ 3.40GHz", "AVX2", False),
    ],
)
def test_a_processor(cpuinfo: str, name: str, features: str, bf16: bool, tmp_path: Path) -> None:
    write(tmp_path / "proc/cpuinfo", cpuinfo)
    found = processor(tmp_path)
    assert (found.name, " ".join(found.features), found.bf16) == (name, features, bf16)
    assert found.cores >= 1
    assert found.limit is None


def test_a_processor_without_a_name(tmp_path: Path) -> None:
    write(tmp_path / "proc/cpuinfo", _GRAVITON)
    found = processor(tmp_path)
    assert found.name
    assert (found.features, found.bf16) == (("ARM-BF16",), True)


def test_a_system_that_tells_nothing(tmp_path: Path) -> None:
    assert processor(tmp_path).name
    assert processor(tmp_path).features == ()
    assert (memory(tmp_path).free, memory(tmp_path).limit) == (None, None)


def test_nothing_limits_a_machine_without_control_groups(tmp_path: Path) -> None:
    assert processor(tmp_path).limit is None
    assert usable_cores(tmp_path) == processor(tmp_path).cores >= 1


@pytest.mark.parametrize(("quota", "limit"), [("250000 100000", 2.5), ("max 100000", None)])
def test_what_a_container_leaves_of_the_cores(quota: str, limit: float | None, tmp_path: Path) -> None:
    write(tmp_path / "proc/self/cgroup", "0::/system.slice/docker-1234\n")  # the host's path, which is not here
    write(tmp_path / "sys/fs/cgroup/cpu.max", f"{quota}\n")
    assert processor(tmp_path).limit == limit


def test_the_tightest_group_of_version_2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _process: set(range(8)))
    write(tmp_path / "proc/self/cgroup", "0::/machine/session\n")
    write(tmp_path / "sys/fs/cgroup/machine/session/cpu.max", "600000 100000\n")
    assert (processor(tmp_path).limit, usable_cores(tmp_path)) == (6.0, 6)
    write(tmp_path / "sys/fs/cgroup/machine/cpu.max", "250000 100000\n")
    assert (processor(tmp_path).limit, usable_cores(tmp_path)) == (2.5, 2)
    write(tmp_path / "sys/fs/cgroup/machine/cpu.max", "20000 100000\n")
    assert (processor(tmp_path).limit, usable_cores(tmp_path)) == (0.2, 1), "no fewer than one"
    write(tmp_path / "sys/fs/cgroup/machine/cpu.max", "max 100000\n")
    write(tmp_path / "sys/fs/cgroup/machine/session/cpu.max", "6400000 100000\n")
    assert usable_cores(tmp_path) == 8, "a limit that is beyond what the machine has"


def test_version_1(tmp_path: Path) -> None:
    write(tmp_path / "proc/self/cgroup", "4:memory:/jobs\n3:cpuacct,cpu:/jobs/one\n0::/\n")
    for group, quota in (("jobs/one", -1), ("jobs", 150000)):
        write(tmp_path / "sys/fs/cgroup/cpu" / group / "cpu.cfs_quota_us", f"{quota}\n")
        write(tmp_path / "sys/fs/cgroup/cpu" / group / "cpu.cfs_period_us", "100000\n")
    assert processor(tmp_path).limit == 1.5
