"""Owns how much memory is free, and how much a picture would take; knows nothing of tiles.

What an engine takes grows with a picture's pixels. Export counts how many bytes of FP32 the graph holds at once for each (`bytes_a_pixel`);
an engine takes more, as it lays tensors out for its kernels and keeps what it has. By what multiple of that count a process grows, `python
-m benchmarks.measure.memory` measures and docs/runtime.md shows. bf16 takes between two thirds of FP32 and all of it, by network: so it has
no factor of its own. An estimate is a little above what the worst of these networks took; another may take half of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from runtime.model.manifest import GraphFacts

_FACTORS = {"openvino": 1.7, "onnxruntime": 5.2}
# Where a control group's files lie, below the root of its hierarchy: version 2, and version 1 of older machines.
_GROUPS = (
    ("sys/fs/cgroup", "", "memory.max", "memory.current", "inactive_file"),
    ("sys/fs/cgroup/memory", "memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)


def engine_bytes_a_pixel(graph: GraphFacts, backend: str) -> float | None:
    """What an engine takes for each pixel that it is given in one run. None: it computes in memory of its own."""
    factor = _FACTORS.get(backend)
    return None if factor is None else graph.bytes_a_pixel * factor


def bytes_of_results(graph: GraphFacts, pixels: int) -> int:
    """Of the pictures that come of one with so many pixels, be they asked for or not."""
    return (len(graph.outputs) - 1) * 3 * graph.scale**2 * pixels


def free_memory(root: Path = Path("/")) -> int | None:
    """Bytes that can be had without swapping, here and in the control group of this process. None where the system does not say."""
    try:
        lines = (root / "proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    available = next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)
    return min([*_left_by_groups(root), *([] if available is None else [available])], default=None)


def _left_by_groups(root: Path) -> Iterator[int]:
    """By each group that has a limit, from that of this process up: any of them may be the tightest."""
    try:
        memberships = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in memberships:
        _, controllers, path = line.split(":", 2)
        for top, controller, limit, used, cached in _GROUPS:
            if controller in controllers.split(","):
                # In a container the path may be one of the host's, which is not there; its own group is then at the top.
                own = Path(path.lstrip("/"))
                for group in (own, *own.parents):
                    yield from _left_by(root / top / group, limit, used, cached)


def _left_by(group: Path, limit: str, used: str, cached: str) -> Iterator[int]:
    """Its limit less what is used; files that lie in memory and that nobody reads make room when it is needed."""
    try:
        most, taken = (group / limit).read_text().strip(), int((group / used).read_text())
        counters = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    except OSError:
        return
    if most != "max":
        yield max(0, int(most) - taken + int(counters.get(cached, "0")))
