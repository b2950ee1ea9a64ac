"""What the machine is, read from recorded files of Linux: processors with and without bf16, and containers."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.machine import computer as machine
from runtime.machine.computer import memory, processor

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


@pytest.fixture
def linux(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(machine, "_PROC", tmp_path)
    monkeypatch.setattr(machine, "_CONTROL_GROUP", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("cpuinfo", "name", "features", "bf16"),
    [
        (_SAPPHIRE_RAPIDS, "Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz", "AMX-BF16 AMX-INT8 AVX512-BF16 AVX512 AVX2", True),
        (_TURIN, "AMD EPYC", "AVX512-BF16 AVX512 AVX2", True),
        (_HASWELL, "Intel(R) Core(TM) i7-4770 CPU @ 3.40GHz", "AVX2", False),
    ],
)
def test_a_processor(cpuinfo: str, name: str, features: str, bf16: bool, linux: Path) -> None:
    (linux / "cpuinfo").write_text(cpuinfo)
    found = processor()
    assert (found.name, " ".join(found.features), found.bf16) == (name, features, bf16)
    assert found.cores >= 1
    assert found.limit is None


def test_a_processor_without_a_name(linux: Path) -> None:
    (linux / "cpuinfo").write_text(_GRAVITON)
    found = processor()
    assert found.name
    assert (found.features, found.bf16) == (("ARM-BF16",), True)


def test_a_system_that_tells_nothing(linux: Path) -> None:
    assert processor().name
    assert processor().features == ()
    assert (memory().free, memory().limit) == (None, None)


@pytest.mark.parametrize(("quota", "limit"), [("250000 100000", 2.5), ("max 100000", None)])
def test_what_a_container_leaves_of_the_cores(quota: str, limit: float | None, linux: Path) -> None:
    (linux / "cpu.max").write_text(f"{quota}\n")
    assert processor().limit == limit


@pytest.mark.parametrize(("most", "limit"), [(str(3 * 2**30), 3.0), ("max", None)])
def test_memory(most: str, limit: float | None, linux: Path) -> None:
    (linux / "meminfo").write_text("MemTotal:       24684084 kB\nMemFree:        20875076 kB\nMemAvailable:   23062344 kB\n")
    (linux / "memory.max").write_text(f"{most}\n")
    assert (memory().free, memory().limit) == (22.0, limit)
