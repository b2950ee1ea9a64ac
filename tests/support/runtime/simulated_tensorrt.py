"""Owns a simulated TensorRT, on a simulated GPU: the package's names over numpy, and engines in the cache that fit a bundle.

A plan is JSON. Its engine does what tests/support/tiny.py's graphs do, and refuses a run that was not prepared as TensorRT wants it.
"""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from runtime.backends.tensorrt import log as tensorrt_log
from runtime.cuda import device as cuda
from runtime.engines.cache import EngineCache
from runtime.engines.record import ANY_GPU, EngineKey, EngineRecord, Profile, Size, precision_map
from runtime.machine import nvidia
from runtime.model.bundle import GRAPHS, Bundle
from tests.support.runtime.simulated_gpu import SimulatedDriver, SimulatedGpu, SimulatedGraphs
from tests.support.runtime.stored_engines import GPU, record

VERSIONS = {"tensorrt": "11.4.0", "tensorrt-rtx": "1.7.1"}
ADDED = {"identity": 0, "brighten": 10, "separate": 10, "enlarge": 0, "dark": -20}
ANY_SIZE = Profile("any", Size(1, 16, 16), Size(1, 64, 64), Size(4, 256, 256))
BYTES_A_PIXEL = 40  # that the layers compute in


def _answer(kind: str, frames: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
    levels = frames.astype(np.float32) + ADDED[kind]
    restored = levels.clip(0, 255).astype(np.uint8)
    if kind == "enlarge":
        restored = restored.repeat(2, 1).repeat(2, 2)
    answer = {"restored": restored, "health": (levels.mean((1, 2)) / 256).astype(np.float32)}
    return answer | ({"interference": 255 - restored} if kind == "separate" else {})


class _Context:
    def __init__(self, gpu: SimulatedGpu, kind: str, how: object) -> None:
        self._gpu, self._kind = gpu, kind
        assert how == "user managed" or (isinstance(how, _Config) and how.allocation == "user managed")
        self._profile = False
        self._shape: tuple[int, ...] = ()
        self._addresses: dict[str, int] = {}
        self._scratch = (0, 0)
        self._need = 0
        self._ran = False  # since it was last changed

    def set_optimization_profile_async(self, index: int, stream: int) -> bool:
        self._profile, self._ran = True, False
        return not self._gpu.fails()

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        assert self._profile
        assert name == "frame"
        self._shape, self._need, self._ran = shape, 0, False
        return not self._gpu.fails()

    def update_device_memory_size_for_shapes(self) -> int:
        self._need = int(np.prod(self._shape[:3])) * BYTES_A_PIXEL
        return self._need

    def set_tensor_address(self, name: str, address: int) -> bool:
        self._addresses[name], self._ran = address, False
        return not self._gpu.fails()

    def set_device_memory(self, address: int, size: int) -> None:
        assert 0 < self._need <= size
        self._scratch, self._ran = (address, size), False

    def execute_async_v3(self, handle: int) -> bool:
        if self._gpu.fails():
            return False
        shape, addresses, (scratch, size) = self._shape, dict(self._addresses), self._scratch
        assert self._need, "the memory for this shape was not asked for"
        stream = self._gpu.streams[handle]
        assert self._ran or stream.captured is None, "what TensorRT does once after a change would be captured"
        self._ran = True

        def compute() -> None:
            self._gpu.at(scratch, size)
            frames = self._gpu.at(addresses["frame"], int(np.prod(shape))).reshape(shape)
            for name, array in _answer(self._kind, frames).items():
                self._gpu.at(addresses[name], array.nbytes)[:] = array.reshape(-1).view(np.uint8)
            self._gpu.computed.append(int(frames[0, 0, 0, 0]))

        stream.give(compute)
        return True


class _Cache:
    def __init__(self) -> None:
        self.kernels = b"compiled for this GPU"
        self.taken = b""

    def serialize(self) -> bytes:
        return self.kernels

    def deserialize(self, kernels: bytes) -> bool:
        self.taken = kernels
        return True


class _Config:
    allocation = cuda_graph_strategy = dynamic_shapes_kernel_specialization_strategy = ""
    cache: _Cache | None = None

    def set_execution_context_allocation_strategy(self, strategy: str) -> None:
        self.allocation = strategy

    def create_runtime_cache(self) -> _Cache:
        return _Cache()

    def set_runtime_cache(self, cache: _Cache) -> bool:
        self.cache = cache
        return True


class _Engine:
    def __init__(self, gpu: SimulatedGpu, kind: str) -> None:
        self._gpu, self._kind = gpu, kind
        self.config = _Config()

    def create_execution_context(self, how: object) -> _Context | None:
        return None if self._gpu.fails() else _Context(self._gpu, self._kind, how)

    def create_runtime_config(self) -> _Config:
        return self.config


class SimulatedTensorRT(ModuleType):
    """The package `tensorrt` or `tensorrt_rtx`."""

    ExecutionContextAllocationStrategy = SimpleNamespace(USER_MANAGED="user managed")
    CudaGraphStrategy = SimpleNamespace(WHOLE_GRAPH_CAPTURE="whole")
    DynamicShapesKernelSpecializationStrategy = SimpleNamespace(EAGER="eager")

    class ILogger:
        pass

    def __init__(self, gpu: SimulatedGpu, target: str) -> None:
        super().__init__(target.replace("-", "_"))
        self.__spec__ = ModuleSpec(self.__name__, None)
        self.__version__ = VERSIONS[target]
        self.gpu = gpu
        self.engines: list[_Engine] = []

    def Runtime(self, logger: Any) -> Any:  # noqa: N802
        return SimpleNamespace(deserialize_cuda_engine=functools.partial(self._deserialize, logger))

    def _deserialize(self, logger: Any, plan: bytes) -> _Engine | None:
        if plan == b"broken":
            logger.log(SimpleNamespace(name="ERROR"), "IRuntime::deserializeCudaEngine: Error Code 1:\n  a broken plan")
            return None
        self.engines.append(_Engine(self.gpu, json.loads(plan)["kind"]))
        return self.engines[-1]


@contextmanager
def simulated_machine(folder: Path, total: int = 1 << 30) -> Iterator[SimulatedGpu]:
    """A machine with a simulated GPU, both TensorRTs and an empty cache in `folder`."""
    gpu = SimulatedGpu(total)
    with pytest.MonkeyPatch.context() as patch:
        modules: dict[str, Any] = {name: ModuleType(name) for name in ("pycuda", "cuda", "cuda.bindings")}
        modules |= {"pycuda.driver": SimulatedDriver(gpu), "cuda.bindings.driver": SimulatedGraphs(gpu)}
        modules |= {target.replace("-", "_"): SimulatedTensorRT(gpu, target) for target in VERSIONS}
        modules["pycuda"].driver, modules["cuda.bindings"].driver = modules["pycuda.driver"], modules["cuda.bindings.driver"]
        for name, module in modules.items():
            patch.setitem(sys.modules, name, module)
        patch.setattr(nvidia, "find_gpu", lambda: GPU)
        patch.setenv("CLEARWAY_CACHE", str(folder))
        for cached in (cuda.open_device, tensorrt_log.logger_of):
            cached.cache_clear()
        yield gpu
        for cached in (cuda.open_device, tensorrt_log.logger_of):
            cached.cache_clear()


def engine_for(
    bundle: Bundle,
    target: str = "tensorrt",
    *,
    kind: str = "brighten",
    precision: str = "fp16",
    profiles: Sequence[Profile] = (ANY_SIZE,),
    plan: bytes | None = None,
    **changes: Any,
) -> EngineRecord:
    """Stores an engine of this bundle that this machine can run."""
    key = EngineKey(
        bundle.manifest.files[GRAPHS[precision]],
        target,
        VERSIONS[target],
        ANY_GPU if target == "tensorrt-rtx" else GPU.compute_capability,
        tuple(profiles),
        precision,
        precision_map(bundle.manifest.precision, precision),
    )
    plan = plan or json.dumps({"kind": kind}).encode()
    stored = record(key, plan, layers={precision: 3}, **changes)
    EngineCache().store(stored, plan)
    return stored
