"""The part of TensorRT's Python interface that this house calls, as types. Does not know which package implements it.

`tensorrt` and `tensorrt_rtx` bring no types of their own. With these, mypy refuses a name that is not stated here, and
tests/export/engines/test_tensorrt_names.py refuses a name stated here that the real packages do not have. Enumerations are read by the
names of their members: TensorRT 10.8 lacks some that 11 has. What only TensorRT-RTX has is in runtime/backends/tensorrt/rtx_api.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol


class EnumMember(Protocol):
    name: str

    def __int__(self) -> int: ...


class ITensor(Protocol):
    name: str
    dtype: EnumMember  # of DataType
    shape: Sequence[int]  # -1 where it is dynamic


class ILayer(Protocol):
    name: str
    metadata: str  # "[ONNX Layer: …]" for what stands for a node of the file
    type: EnumMember  # of LayerType
    num_inputs: int
    num_outputs: int

    def get_input(self, index: int, /) -> ITensor | None: ...
    def get_output(self, index: int, /) -> ITensor | None: ...


class INetworkDefinition(Protocol):
    num_layers: int
    num_inputs: int

    def get_layer(self, index: int, /) -> ILayer: ...
    def get_input(self, index: int, /) -> ITensor: ...


class ParserError(Protocol):
    def desc(self) -> str: ...
    def node_name(self) -> str: ...
    def node_operator(self) -> str: ...


class OnnxParser(Protocol):
    num_errors: int

    def parse(self, model: bytes, /) -> bool: ...
    def get_error(self, index: int, /) -> ParserError: ...


class IOptimizationProfile(Protocol):
    def set_shape(self, input_name: str, least: Sequence[int], usual: Sequence[int], most: Sequence[int], /) -> None: ...


class IBuilderConfig(Protocol):
    progress_monitor: object
    profiling_verbosity: EnumMember

    def clear_flag(self, flag: EnumMember, /) -> None: ...
    def add_optimization_profile(self, profile: IOptimizationProfile, /) -> int: ...


class IHostMemory(Protocol):
    def __buffer__(self, flags: int, /) -> memoryview: ...  # bytes(memory) copies the plan


class Builder(Protocol):
    def create_network(self, flags: int, /) -> INetworkDefinition | None: ...
    def create_builder_config(self) -> IBuilderConfig: ...
    def create_optimization_profile(self) -> IOptimizationProfile: ...
    def build_serialized_network(self, network: INetworkDefinition, config: IBuilderConfig, /) -> IHostMemory | None: ...


class EngineInspector(Protocol):
    def get_engine_information(self, layout: EnumMember, /) -> str: ...


class IExecutionContext(Protocol):
    def set_optimization_profile_async(self, index: int, stream: int, /) -> bool: ...
    def set_input_shape(self, name: str, shape: tuple[int, ...], /) -> bool: ...
    def set_tensor_address(self, name: str, address: int, /) -> bool: ...
    def update_device_memory_size_for_shapes(self) -> int: ...
    def set_device_memory(self, address: int, size: int, /) -> None: ...
    def execute_async_v3(self, stream: int, /) -> bool: ...


class ICudaEngine(Protocol):
    def create_engine_inspector(self) -> EngineInspector: ...
    def create_execution_context(self, how: object, /) -> IExecutionContext | None: ...


class Runtime(Protocol):
    def deserialize_cuda_engine(self, plan: bytes, /) -> ICudaEngine | None: ...


class NetworkDefinitionCreationFlag(Protocol):
    STRONGLY_TYPED: EnumMember


class BuilderFlag(Protocol):
    TF32: EnumMember


class ProfilingVerbosity(Protocol):
    DETAILED: EnumMember


class LayerInformationFormat(Protocol):
    JSON: EnumMember


class ExecutionContextAllocationStrategy(Protocol):
    USER_MANAGED: EnumMember


# Inside of the class below these names are its own attributes.
_NewBuilder = Callable[[object], Builder]
_NewParser = Callable[[INetworkDefinition, object], OnnxParser]
_NewRuntime = Callable[[object], Runtime]
_Verbosity = ProfilingVerbosity
_InformationFormat = LayerInformationFormat
_NetworkFlags = NetworkDefinitionCreationFlag
_BuilderFlags = BuilderFlag
_Allocation = ExecutionContextAllocationStrategy


class TensorRT(Protocol):
    """The package itself."""

    __version__: str
    Builder: _NewBuilder
    OnnxParser: _NewParser
    Runtime: _NewRuntime
    NetworkDefinitionCreationFlag: _NetworkFlags
    BuilderFlag: _BuilderFlags
    ProfilingVerbosity: _Verbosity
    LayerInformationFormat: _InformationFormat
    ExecutionContextAllocationStrategy: _Allocation
    ILogger: Any  # a base class, with log(severity, message)
    IProgressMonitor: Any  # a base class, with phase_start, step_complete and phase_finish
