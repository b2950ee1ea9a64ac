"""One engine that was loaded, and how its execution contexts are made. Does not know pictures or streams.

Full TensorRT and TensorRT-RTX differ here alone. Neither gets memory for its layers: contexts that compute one after another share it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import cast

from runtime.backends.tensorrt import rtx_api as rtx
from runtime.backends.tensorrt.api import IExecutionContext
from runtime.backends.tensorrt.package import TensorRtPackage
from runtime.engines.record import EngineRecord
from runtime.errors import BackendError
from runtime.files.atomic import written
from runtime.files.cache_folder import cache_folder, check_private, make_private

_NOTHING_SAID = "it gives no reason"


class LoadedEngine:
    """Made and used inside of `device.current()`."""

    def __init__(self, package: TensorRtPackage, record: EngineRecord, plan: bytes) -> None:
        """`plan` was checked (EngineCache.read): loading one means to run what is in it."""
        self.record = record
        self._package = package
        package.log.take()
        try:
            self._runtime = package.trt.Runtime(package.logger)  # an engine needs it for as long as it lives
        except TypeError as error:  # what pybind11 makes of a null pointer
            raise BackendError(f"{package.target} {package.version} does not start on this machine: {self.said()}") from error
        engine = self._runtime.deserialize_cuda_engine(plan)
        if engine is None:
            again = "build it again with --force"
            raise BackendError(f"{record.model}: {self.said()}, so that its engine for {record.key.target} does not load; {again}")
        self._engine = engine
        self._kernels: _Kernels | None = None
        self._how = _HOW[package.target](self)

    def new_context(self) -> IExecutionContext:
        self._package.log.take()
        context = self._engine.create_execution_context(self._how)
        if context is None:
            raise BackendError(f"{self.record.model}: {self._package.target} makes no execution context ({self.said()}); free some memory")
        return context

    def said(self) -> str:
        """What TensorRT last said was wrong, in one line."""
        return " ".join("; ".join(self._package.log.take()).split()) or _NOTHING_SAID

    def keep(self) -> None:
        """Writes what was compiled for this GPU since it was loaded, if anything was, so that the next process need not compile it."""
        if self._kernels is not None:
            self._kernels.write()

    def _user_managed(self) -> object:
        return self._package.trt.ExecutionContextAllocationStrategy.USER_MANAGED

    def _compiling(self) -> object:
        names, engine = cast(rtx.RtxTensorRT, self._package.trt), cast(rtx.RtxICudaEngine, self._engine)
        config = engine.create_runtime_config()
        config.set_execution_context_allocation_strategy(self._package.trt.ExecutionContextAllocationStrategy.USER_MANAGED)
        config.cuda_graph_strategy = names.CudaGraphStrategy.WHOLE_GRAPH_CAPTURE
        # At once for every size, though the first frame waits for it: what is compared with PyTorch's answers is then what runs, while
        # LAZY would begin with other kernels.
        config.dynamic_shapes_kernel_specialization_strategy = names.DynamicShapesKernelSpecializationStrategy.EAGER
        self._kernels = _Kernels(config, self.record.key.digest())
        return config


_HOW: dict[str, Callable[[LoadedEngine], object]] = {
    "tensorrt": LoadedEngine._user_managed,
    "tensorrt-rtx": LoadedEngine._compiling,
}


class _Kernels:
    """What TensorRT-RTX compiled, in a private folder: it is code that runs on the GPU. TensorRT-RTX itself refuses what was compiled for
    another GPU, driver or version, or is damaged, and begins anew."""

    def __init__(self, config: rtx.IRuntimeConfig, name: str) -> None:
        self._cache = config.create_runtime_cache()
        self._path = _usable_folder(name)
        self._held = b""
        if self._path is not None and self._path.exists():
            check_private(self._path.parent)
            self._held = self._path.read_bytes()
            self._cache.deserialize(self._held)
        if not config.set_runtime_cache(self._cache):
            raise BackendError("tensorrt-rtx takes no runtime cache; install it again: pip install --force-reinstall 'clearway[rtx]'")

    def write(self) -> None:
        kernels = bytes(self._cache.serialize())
        if self._path is not None and kernels != self._held:
            with suppress(OSError), written(self._path, private=True) as part:  # a full disk stops no video
                part.write_bytes(kernels)
            self._held = kernels


def _usable_folder(name: str) -> Path | None:
    """Where the kernels of that engine lie; None where nothing can be kept."""
    try:
        folder = cache_folder("tensorrt-rtx")
        make_private(folder)
    except (OSError, BackendError):  # BackendError: a user without a home
        return None
    return folder / f"{name}.kernels" if os.access(folder, os.W_OK | os.X_OK) else None
