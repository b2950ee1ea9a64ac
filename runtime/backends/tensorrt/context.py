"""One execution context that stays with one shape, with its CUDA graph. Does not know pictures.

A graph holds the addresses and the state of the context that it was captured from: a context is changed only after its graph is gone, and
runs once before the next is captured, since TensorRT leaves some of what a change takes to the run after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from runtime.backends.tensorrt.engine import LoadedEngine
from runtime.backends.tensorrt.plan import INPUT
from runtime.cuda.device import DeviceBuffer
from runtime.cuda.graphs import Graph, Graphs
from runtime.engines.record import Size
from runtime.errors import BackendError


class EngineShape(NamedTuple):
    """What computes pictures of one size."""

    engine: LoadedEngine
    profile: int
    size: Size


class ShapedContext:
    """Used inside of `device.current()`, by one thread at a time."""

    def __init__(self, engine: LoadedEngine, graphs: Graphs | None) -> None:
        self._engine = engine
        self._graphs = graphs  # None: TensorRT captures by itself
        self._context = engine.new_context()
        self._profile: int | None = None
        self._bound: tuple[int, ...] = ()
        self._graph: Graph | None = None
        self._warm = False
        self.need = 0  # bytes that its layers compute in

    def fit(self, place: EngineShape, stream: int) -> None:
        """To another shape of the same engine."""
        self.drop_graph()
        self._bound = ()
        if place.profile != self._profile:
            self._check(self._context.set_optimization_profile_async(place.profile, stream), f"profile {place.profile}")
            self._profile = place.profile
        self._check(self._context.set_input_shape(INPUT, (*place.size, 3)), f"frames of {place.size}")
        self.need = self._context.update_device_memory_size_for_shapes()

    def bind(self, addresses: Mapping[str, int], scratch: DeviceBuffer) -> None:
        """Does nothing where it is bound to these already."""
        bound = (*addresses.values(), scratch.address, scratch.size)
        if bound == self._bound:
            return
        self.drop_graph()
        self._bound = ()
        for name, address in addresses.items():
            self._check(self._context.set_tensor_address(name, address), f"an address for {name}")
        self._context.set_device_memory(scratch.address, scratch.size)
        self._bound = bound

    def enqueue(self, stream: int) -> None:
        """The first run after a change prepares what was changed, the second is captured, and from then on the graph is launched."""
        if self._graph is None and self._graphs is not None and self._warm:
            self._graph = self._graphs.capture(stream, lambda: self._execute(stream))
        if self._graph is not None:
            self._graph.launch(stream)
        else:
            self._execute(stream)
            self._warm = True

    def drop_graph(self) -> None:
        graph, self._graph, self._warm = self._graph, None, False
        if graph is not None:
            graph.close()

    def _execute(self, stream: int) -> None:
        self._check(self._context.execute_async_v3(stream), "a run")

    def _check(self, done: bool, what: str) -> None:
        if not done:
            key = self._engine.record.key
            raise BackendError(f"{self._engine.record.model}: {key.target} {key.builder} refuses {what}: {self._engine.said()}")
