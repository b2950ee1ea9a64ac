"""One buffer set: what a picture needs on its way through the GPU, in a stream of its own. Does not know which engine is best.

While one lane's picture computes, the next one's bytes go up in another lane, and the one's before come down.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection
from contextlib import suppress
from typing import cast

from runtime.backends.tensorrt.context import EngineShape, ShapedContext
from runtime.backends.tensorrt.plan import INPUT, Tensor, as_tensor, bytes_of, planned, put_padded, shapes_of
from runtime.cuda.device import Device, DeviceBuffer, PinnedBuffer
from runtime.cuda.graphs import Graphs
from runtime.cuda.stream import Stream
from runtime.errors import BackendError
from runtime.picture import Picture, Tensors

_SIZES_KEPT = 4  # with a context and a graph each; as many as other engines keep


class Scratch:
    """What the layers compute in. Lanes that share one compute one after another, in the order in which they take its lock."""

    def __init__(self, device: Device) -> None:
        self.lock = threading.Lock()
        self.buffer = DeviceBuffer(device)
        self._needs: dict[ShapedContext, int] = {}
        self._last: Stream | None = None  # that computed in it

    def reserve(self, context: ShapedContext) -> None:
        """Enough for every context that may compute in it."""
        self._needs[context] = context.need
        size = planned(self.buffer.size, self._needs.values())
        if size != self.buffer.size:
            if self._last is not None:
                self._last.wait_until("computed")
            self.buffer.resize(size)

    def release(self, context: ShapedContext) -> None:
        with self.lock:
            self._needs.pop(context, None)

    def turn_of(self, stream: Stream) -> None:
        if self._last is not None and self._last is not stream:
            stream.follow(self._last)
        self._last = stream

    def close(self) -> None:
        self._last = None
        self._needs.clear()
        self.buffer.free()


class Lane:
    """Used inside of `device.current()`, by one thread at a time."""

    def __init__(self, device: Device, scratch: Scratch, graphs: Graphs | None, outputs: Collection[str], scale: int) -> None:
        self._device = device
        self._scratch = scratch
        self._graphs = graphs
        self._outputs = tuple(outputs)
        self._scale = scale
        self._stream = Stream(device)
        self._buffers = {name: DeviceBuffer(device) for name in (INPUT, *self._outputs)}
        self._staged = {name: PinnedBuffer(device) for name in (INPUT, *self._outputs)}  # for arrays that are not pinned
        self._contexts: OrderedDict[EngineShape, ShapedContext] = OrderedDict()

    def holds(self, place: EngineShape) -> bool:
        return place in self._contexts

    def run(self, place: EngineShape, frames: Picture, into: Tensors) -> dict[str, float]:
        """Fills `into`; seconds on the GPU by stage. Whatever is raised, nothing reads or writes the caller's arrays any more."""
        stream, known = self._stream, self.holds(place)
        try:
            context = self._shaped(place)
            shapes = self._grown(place)
            source = self._pinned_source(frames, shapes[INPUT])
            stream.mark("started")
            stream.upload(source, self._buffers[INPUT].address)
            stream.mark("uploaded")
            self._compute(context)
            waiting = self._download(into, shapes)
            times = stream.finish()
        except BaseException:
            stream.settle()
            with suppress(BackendError):  # the first error is the telling one
                self._drop(place)
            raise
        for name, came in waiting.items():
            wanted = into[name]
            wanted[...] = came[tuple(map(slice, wanted.shape))]
        if not known:
            place.engine.keep()
        return times

    def close(self) -> None:
        self._stream.settle()
        for place in tuple(self._contexts):
            self._drop(place)
        for name in self._buffers:
            self._buffers[name].free()
            self._staged[name].free()
        self._stream.close()

    def _shaped(self, place: EngineShape) -> ShapedContext:
        if place in self._contexts:
            self._contexts.move_to_end(place)
            return self._contexts[place]
        context = None
        if len(self._contexts) == _SIZES_KEPT:
            oldest = next(iter(self._contexts))
            context = self._drop(oldest, keep=oldest.engine is place.engine)
        context = context or ShapedContext(place.engine, self._graphs)
        context.fit(place, self._stream.handle)
        self._contexts[place] = context
        return context

    def _drop(self, place: EngineShape, *, keep: bool = False) -> ShapedContext | None:
        """The context, to be used again, where it is to be kept."""
        context = self._contexts.pop(place, None)
        if context is not None:
            self._scratch.release(context)
            context.drop_graph()
        return context if keep else None

    def _grown(self, place: EngineShape) -> dict[str, tuple[int, ...]]:
        """The shapes of this run, after the buffers hold each that is in use."""
        in_use = [bytes_of(shapes_of(self._outputs, other.size, self._scale)) for other in self._contexts]
        for name, buffer in self._buffers.items():
            buffer.resize(planned(buffer.size, (sizes[name] for sizes in in_use)))
        return shapes_of(self._outputs, place.size, self._scale)

    def _staging(self, name: str, shape: tuple[int, ...]) -> Tensor:
        staged = self._staged[name]
        staged.resize(planned(staged.bytes.size, [self._buffers[name].size]))
        return as_tensor(name, staged.bytes, shape)

    def _pinned_source(self, frames: Picture, shape: tuple[int, ...]) -> Picture:
        if frames.shape == shape and self._device.is_pinned(frames):
            return frames
        staged = cast(Picture, self._staging(INPUT, shape))
        put_padded(frames, staged)
        return staged

    def _compute(self, context: ShapedContext) -> None:
        stream, scratch = self._stream, self._scratch
        with scratch.lock:
            scratch.reserve(context)
            context.bind({name: buffer.address for name, buffer in self._buffers.items()}, scratch.buffer)
            scratch.turn_of(stream)
            try:
                stream.mark("computing")
                context.enqueue(stream.handle)
                stream.mark("computed")
            except BaseException:
                stream.settle()  # what was begun ends before another lane computes there
                raise

    def _download(self, into: Tensors, shapes: dict[str, tuple[int, ...]]) -> Tensors:
        """What is to be copied from there when all is done: pinned arrays of the caller's are written to by the GPU itself."""
        waiting: Tensors = {}
        for name, wanted in into.items():
            direct = wanted.shape == shapes[name] and self._device.is_pinned(wanted)
            target = wanted if direct else self._staging(name, shapes[name])
            if not direct:
                waiting[name] = target
            self._stream.download(self._buffers[name].address, target)
        return waiting
