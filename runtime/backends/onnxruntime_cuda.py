"""Runs a bundle's graph with ONNX Runtime on an NVIDIA GPU. Does not know other engines.

Two lanes, each with a thread, a stream and buffers of its own: while one computes, the other's bytes move. A size that comes for the first
time, a photo perhaps, is loaded quickly; one that comes again gets the fastest convolutions, which are searched for, and a CUDA graph.
ONNX Runtime keeps a CUDA graph for the thread that recorded it: that is why lanes have threads.
"""

from __future__ import annotations

import queue
import threading
import traceback
import weakref
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from runtime.backends import onnxruntime_gpu as gpu
from runtime.backends.onnxruntime import ERRORS
from runtime.backends.protocol import DEFAULT, BackendFacts, EngineOptions
from runtime.cuda.gate import Gate
from runtime.cuda.pinned import PinnedMemory, keep_forever
from runtime.errors import BackendError, DeviceLost
from runtime.model.bundle import Bundle
from runtime.model.manifest import MINIMUM_SIDE
from runtime.picture import Picture, PictureMemory, Tensors
from runtime.timing import StageTimes

import onnxruntime  # isort: skip  # the imports above silence its telemetry

_LANES = 2
_SIZES_KEPT = 2  # loaded, in each lane: each holds device memory of its own
_SIZES_REMEMBERED = 64
# While a CUDA graph is recorded no other thread may ask CUDA for memory, or give any back, whichever model it works for.
_GPU = Gate()
_lent = PinnedMemory[memoryview](lambda memory: None)  # CUDA is asked when nothing refers to it
_OrtValue = onnxruntime.OrtValue


@contextmanager
def _on_the_gpu() -> Iterator[None]:
    with _GPU.together():
        _lent.free_unheld()
        yield


def _pinned(size: int) -> memoryview:
    try:
        with _on_the_gpu():
            memory = gpu.pinned(size)
    except ERRORS as error:
        raise gpu.not_pinned(error, size) from error
    return _lent.lend(np.frombuffer(memory, np.uint8), memory)


def _abandon_if_lost() -> bool:
    """Whether the GPU is lost. What ONNX Runtime has on it is never let go then."""
    if gpu.answers():
        return False
    keep_forever(_sizes)
    _lent.abandon()
    return True


class _SizedSession:
    """The graph for frames of one shape, with its buffers on the GPU. It belongs to the thread that made it."""

    def __init__(self, path: Path, names: list[str], shape: tuple[int, ...], scale: int, *, fixed: bool) -> None:
        _sizes.add(self)
        self.fixed = fixed
        self._session = gpu.open_session(path, names, shape, fixed=fixed)
        count, height, width, channels = shape
        large = (count, height * scale, width * scale, channels)
        shapes = {output.name: (count, 3) if output.name == "health" else large for output in self._session.get_outputs()}
        self._staged = np.frombuffer(gpu.pinned(count * height * width * channels), np.uint8).reshape(shape)
        self._frame = _OrtValue.ortvalue_from_shape_and_type(shape, np.uint8, gpu.DEVICE, 0)
        self._outputs = {
            name: _OrtValue.ortvalue_from_shape_and_type(sides, np.float32 if name == "health" else np.uint8, gpu.DEVICE, 0)
            for name, sides in shapes.items()
        }
        self._binding = self._session.io_binding()
        self._binding.bind_ortvalue_input("frame", self._frame)
        for name, value in self._outputs.items():
            self._binding.bind_ortvalue_output(name, value)
        self._session.run_with_iobinding(self._binding)  # finds its convolutions, takes its memory, records its CUDA graph

    def run(self, frames: Picture, into: Tensors) -> None:
        np.copyto(self._staged, frames)
        self._frame.update_inplace(self._staged)
        self._session.run_with_iobinding(self._binding)
        for name, array in into.items():
            _OrtValue.ortvalue_from_numpy(array).update_inplace(self._outputs[name])


_sizes: weakref.WeakSet[_SizedSession] = weakref.WeakSet()  # of all models


class _CudaLane:
    """One run at a time, always on the same thread."""

    def __init__(self, path: Path, names: list[str], scale: int) -> None:
        self._path, self._names, self._scale = path, names, scale
        self._sizes: OrderedDict[tuple[int, ...], _SizedSession] = OrderedDict()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="clearway-cuda")

    def run(self, frames: Picture, into: Tensors, again: bool) -> None:
        self._thread.submit(self._run, frames, into, again).result()

    def _run(self, frames: Picture, into: Tensors, again: bool) -> None:
        try:
            size = self._size(frames.shape, again)
            with _on_the_gpu():
                size.run(frames, into)
        except ERRORS as error:
            with _GPU.alone():
                lost = _abandon_if_lost()
                traceback.clear_frames(error.__traceback__)  # what was begun is let go here, not when somebody drops the error
            raise gpu.explained(error, frames.shape, lost=lost) from error

    def _size(self, shape: tuple[int, ...], again: bool) -> _SizedSession:
        held = self._sizes.get(shape)
        if held is None or (again and not held.fixed):
            with _GPU.alone():
                _abandon_if_lost()
                self._sizes.pop(shape, None)
                while len(self._sizes) >= _SIZES_KEPT:
                    self._sizes.popitem(last=False)
                held = self._sizes[shape] = self._opened(shape, again)
        self._sizes.move_to_end(shape)
        return held

    def _opened(self, shape: tuple[int, ...], again: bool) -> _SizedSession:
        """Other sizes make room where there is none."""
        if self._sizes:
            try:
                return _SizedSession(self._path, self._names, shape, self._scale, fixed=again)
            except ERRORS as error:
                if not gpu.ran_out(error):
                    raise
            self._sizes.clear()
        return _SizedSession(self._path, self._names, shape, self._scale, fixed=again)

    def close(self) -> None:
        self._thread.submit(self._let_go).result()
        self._thread.shutdown()

    def _let_go(self) -> None:
        with _GPU.alone():
            _abandon_if_lost()
            self._sizes.clear()


class OnnxRuntimeCudaBackend:
    """FP16, as the graph is typed, unless FP32 is asked for. It computes on the GPU alone, so that threads are never more than asked."""

    depth = _LANES
    memory_factor = None

    def __init__(self, bundle: Bundle, options: EngineOptions = DEFAULT) -> None:
        self._path = bundle.onnx_path if options.exact else bundle.fp16_path
        gpu.prepare_libraries()
        names = gpu.dimensions_of(self._path)
        self._outputs = bundle.manifest.graph.outputs
        self._scale = bundle.manifest.graph.scale
        smallest = (1, MINIMUM_SIDE, MINIMUM_SIDE, 3)
        try:
            with _GPU.alone():  # whether it can be had, and in which precision, is known before the first frame
                precision = gpu.precision_of(self._path, names, smallest)
                gpu.questioned()
        except ERRORS as error:
            raise gpu.not_started(error) from error
        self._met: OrderedDict[tuple[int, ...], None] = OrderedDict()
        self._meeting = threading.Lock()
        self._ended = ""  # why it runs no more
        self._closing = threading.Lock()
        self._closed = False
        self._free: queue.SimpleQueue[_CudaLane] = queue.SimpleQueue()
        for _ in range(_LANES):
            self._free.put(_CudaLane(self._path, names, self._scale))
        self.memory, self.times = PictureMemory(_pinned), StageTimes()
        self.facts = BackendFacts("onnxruntime-cuda", precision, f"ONNX Runtime {onnxruntime.__version__}, CUDA {onnxruntime.cuda_version}")

    def run(self, frames: Picture, into: Tensors | None = None) -> Tensors:
        _check(frames)
        wanted = self._empty(frames.shape) if into is None else into
        with self._lane() as lane:
            try:
                lane.run(frames, wanted, self._again(frames.shape))
            except DeviceLost:
                self._ended = "was closed when the GPU failed; load the model in a new process"
                raise
        return wanted

    def close(self) -> None:
        with self._closing:
            if self._closed:
                return
            self._closed = True
            lanes = [self._free.get() for _ in range(_LANES)]  # what is running ends first
            self._ended = self._ended or "was closed; open it again"
            for lane in lanes:
                lane.close()
                self._free.put(lane)  # for those who wait: they hear that it is closed

    @contextmanager
    def _lane(self) -> Iterator[_CudaLane]:
        lane = self._free.get()
        try:
            if self._ended:
                raise BackendError(f"this ONNX Runtime backend {self._ended}")
            yield lane
        finally:
            self._free.put(lane)

    def _again(self, shape: tuple[int, ...]) -> bool:
        with self._meeting:
            again = shape in self._met
            self._met[shape] = None
            self._met.move_to_end(shape)
            if len(self._met) > _SIZES_REMEMBERED:
                self._met.popitem(last=False)
        return again

    def _empty(self, shape: tuple[int, ...]) -> Tensors:
        count, height, width, channels = shape
        large = (count, height * self._scale, width * self._scale, channels)
        empty: Tensors = {name: self.memory.array(large) for name in self._outputs if name != "health"}
        return empty | {"health": np.empty((count, 3), np.float32)}


def _check(frames: Picture) -> None:
    """Before any session is made for such a shape."""
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 3 or not frames.size:
        raise BackendError(f"expected frames of uint8 [N, H, W, 3], got {frames.dtype} {list(frames.shape)}; stack BGR pictures")
