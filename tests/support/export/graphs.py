"""Traced graphs that several tests start from. Tracing the smallest network takes seconds, so each is traced once in a test session."""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
from torch import nn

from export.onnx.graph import fp32_of, traced
from tests.support.export.toys import drawn_network


class TracedGraphs:
    """The graph of each network that was asked for, in memory and in a folder that the test processes of a session share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._graphs: dict[str, ir.Model] = {}

    def of(self, make: Callable[..., nn.Module], *arguments: Any) -> ir.Model:
        """A copy, to be changed at will, of the FP32 graph of `make(*arguments)`, which must give the same network every time."""
        key = f"{make.__module__}.{make.__qualname__}{arguments}"
        if key not in self._graphs:
            self._graphs[key] = self._shared(self._folder / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}.onnx", make, arguments)
        return self._graphs[key].clone()

    def fp32(self, make: Callable[..., nn.Module], *arguments: Any) -> bytes:
        """What `export_graph` makes of it."""
        return fp32_of(self.of(make, *arguments))

    def of_checkpoint(self, strength: float = 1.0) -> ir.Model:
        """The graph of `a_checkpoint(strength)`; all of them share one trace."""
        graph = self.of(drawn_network, "fdrnet-small")
        tail = graph.graph.initializers["network.tail.weight"].const_value
        assert tail is not None
        return with_constant(graph, "network.tail.weight", tail.numpy() * np.float32(strength))

    @staticmethod
    def _shared(path: Path, make: Callable[..., nn.Module], arguments: tuple[Any, ...]) -> ir.Model:
        with path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not path.exists():
                ir.save(traced(make(*arguments)), path)
            return ir.serde.from_proto(ir.to_proto(ir.load(path)))  # in memory, whatever becomes of the file


def with_constant(graph: ir.Model, name: str, value: float | np.ndarray) -> ir.Model:
    """The graph, with another number or array of the same shape in the place of that weight."""
    constant = graph.graph.initializers[name]
    assert constant.const_value is not None
    constant.const_value = ir.tensor(np.full(constant.const_value.shape.numpy(), value, np.float32), name=name)
    return graph
