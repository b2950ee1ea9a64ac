"""The part of TensorRT-RTX's Python interface that full TensorRT does not have, as types; it is checked with the rest of it."""

from __future__ import annotations

from typing import Protocol

from runtime.backends.tensorrt.api import EnumMember, IHostMemory


class IRuntimeCache(Protocol):
    """The kernels that were compiled for this GPU."""

    def serialize(self) -> IHostMemory: ...
    def deserialize(self, kernels: bytes, /) -> bool: ...


class IRuntimeConfig(Protocol):
    cuda_graph_strategy: EnumMember
    dynamic_shapes_kernel_specialization_strategy: EnumMember

    def set_execution_context_allocation_strategy(self, strategy: EnumMember, /) -> None: ...
    def create_runtime_cache(self) -> IRuntimeCache: ...
    def set_runtime_cache(self, cache: IRuntimeCache, /) -> bool: ...


class RtxICudaEngine(Protocol):
    def create_runtime_config(self) -> IRuntimeConfig: ...


class CudaGraphStrategy(Protocol):
    WHOLE_GRAPH_CAPTURE: EnumMember


class DynamicShapesKernelSpecializationStrategy(Protocol):
    EAGER: EnumMember


# Inside of the class below these names are its own attributes.
_GraphStrategies = CudaGraphStrategy
_Specialisation = DynamicShapesKernelSpecializationStrategy


class RtxTensorRT(Protocol):
    """The package itself."""

    CudaGraphStrategy: _GraphStrategies
    DynamicShapesKernelSpecializationStrategy: _Specialisation
