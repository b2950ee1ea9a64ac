"""The way from a bundle's ONNX file to a TensorRT engine: parse, check, build, record. Does not know torch, onnx or the GPU.

It runs on a deployment box: engines are built on the machine that runs them and never shipped. Every network is strongly typed, so
that FP16 is what the graph says and nothing that a builder may or may not do; what the sidecar says is read back from the network.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from export.engines.audit import ParsedNetwork, module_of
from export.engines.profiles import fixed_shape
from export.engines.targets import Toolchain, open_toolchain
from export.progress import Say, monitored_build
from runtime.backends.tensorrt.api import Builder, IBuilderConfig, INetworkDefinition, OnnxParser
from runtime.engines.cache import EngineCache
from runtime.engines.record import ENGINE_SCHEMA, EngineKey, EngineRecord, Profile, Size, precision_map
from runtime.errors import BackendError, ExportError
from runtime.model.bundle import GRAPHS, Bundle

_INPUT = "frame"
_REASON_LENGTH = 300  # characters of what TensorRT says that still make one line


@dataclass(frozen=True)
class BuildOptions:
    target: str
    precision: str  # a key of GRAPHS
    profiles: tuple[Profile, ...]
    force: bool = False  # build even where the cache has it


@dataclass(frozen=True)
class EngineBuild:
    record: EngineRecord
    found: bool  # it was there already


@dataclass(frozen=True)
class _Parsed:
    """Held together: the network's weights lie in the parser."""

    builder: Builder
    network: INetworkDefinition
    parser: OnnxParser


def build_engine(bundle: Bundle, order: BuildOptions, cache: EngineCache, say: Say) -> EngineBuild:
    """The engine's record, from the cache where that has it. An interrupt ends the build at its next step and leaves nothing."""
    model = bundle.folder / GRAPHS[order.precision]
    tools = open_toolchain(order.target)
    key = EngineKey(
        model_sha256=bundle.manifest.files[model.name],
        target=order.target,
        builder=tools.version,
        compute_capability=tools.compute_capability,
        profiles=order.profiles,
        precision=order.precision,
        precision_map=precision_map(bundle.manifest.precision, order.precision),
    )
    with cache.building(key, waiting=lambda: say("another process is building the same engine")):
        found = None if order.force else cache.find(key)
        if found is not None:
            return EngineBuild(found, found=True)
        record, plan = _build(bundle, model, key, tools, say)
        cache.store(record, plan)
    return EngineBuild(record, found=False)


def _build(bundle: Bundle, model: Path, key: EngineKey, tools: Toolchain, say: Say) -> tuple[EngineRecord, bytes]:
    started = time.perf_counter()
    parsed = _parse(model, tools)
    config = _configure(parsed, key.profiles, tools)
    network = ParsedNetwork(parsed.network)
    layers = network.precisions()
    _require_precision(model, key.precision, layers)
    plan = monitored_build(tools.trt, parsed.builder, parsed.network, config, say)
    if plan is None:
        raise _refused(bundle, key, network, tools.log.take())
    record = EngineRecord(
        schema=ENGINE_SCHEMA,
        key=key,
        model=bundle.manifest.name,
        plan_sha256=hashlib.sha256(plan).hexdigest(),
        plan_bytes=len(plan),
        built=datetime.now(UTC).isoformat(timespec="seconds"),
        build_s=round(time.perf_counter() - started, 3),
        layers=layers,
        attention=network.attention(tools.kernels(plan), len(key.profiles)),
        parity=(),  # it has not run yet, and there may be no GPU
    )
    return record, plan


def _parse(model: Path, tools: Toolchain) -> _Parsed:
    tools.log.take()
    try:
        builder = tools.trt.Builder(tools.logger)
    except TypeError as error:  # what pybind11 makes of a null pointer
        raise BackendError(f"{tools.target} {tools.version} does not start on this machine: {_reason(tools.log.take())}") from error
    network = builder.create_network(1 << int(tools.trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    if network is None:
        raise BackendError(f"{tools.target} {tools.version} makes no strongly typed network: {_reason(tools.log.take())}")
    parser = tools.trt.OnnxParser(network, tools.logger)
    if not parser.parse(model.read_bytes()):
        elsewhere = "restore with --backend openvino or onnxruntime, or export a network without them"
        raise ExportError(f"{model}: {tools.target} {tools.version} cannot take {_unsupported(parser)}; {elsewhere}")
    inputs = [network.get_input(index) for index in range(network.num_inputs)]
    if [(tensor.name, tensor.dtype.name, len(tensor.shape)) for tensor in inputs] != [(_INPUT, "UINT8", 4)]:
        came = ", ".join(f"{tensor.name} {tensor.dtype.name}{list(tensor.shape)}" for tensor in inputs) or "none"
        raise ExportError(f"{model}: expected one input, {_INPUT} UINT8[N, H, W, 3], got {came}; export the bundle again")
    return _Parsed(builder, network, parser)


def _unsupported(parser: OnnxParser) -> str:
    """Every node, by operator, with the PyTorch modules that they came from."""
    found: dict[str, list[str]] = {}
    for error in (parser.get_error(index) for index in range(parser.num_errors)):
        operator, node, reason = error.node_operator(), error.node_name(), _reason([error.desc()])
        what = f"{operator} ({reason})" if operator and reason else operator or reason
        found.setdefault(what, []).extend([module_of(node)] if node else [])
    return "; ".join(f"{what} in {', '.join(dict.fromkeys(modules))}" if modules else what for what, modules in found.items())


def _configure(parsed: _Parsed, profiles: Sequence[Profile], tools: Toolchain) -> IBuilderConfig:
    config = parsed.builder.create_builder_config()
    config.profiling_verbosity = tools.trt.ProfilingVerbosity.DETAILED  # or TensorRT does not say which kernels it took
    config.clear_flag(tools.trt.BuilderFlag.TF32)  # on by default: FP32 products of numbers cut to ten bits
    shape = fixed_shape(profiles)
    parsed.network.get_input(0).shape = shape
    if -1 not in shape:
        return config
    for profile in profiles:
        asked = parsed.builder.create_optimization_profile()
        asked.set_shape(_INPUT, *map(_tensor_shape, (profile.least, profile.usual, profile.most)))
        if config.add_optimization_profile(asked) < 0:
            raise ExportError(f"{tools.target} refuses the profile {profile}: {_reason(tools.log.take())}; ask for other sizes")
    return config


def _tensor_shape(size: Size) -> tuple[int, int, int, int]:
    return (*size, 3)


def _require_precision(model: Path, asked: str, layers: dict[str, int]) -> None:
    """Most of what computes must compute in what was asked for; islands may not."""
    if 2 * layers.get(asked, 0) <= sum(layers.values()):
        came = ", ".join(f"{count} layers in {precision}" for precision, count in layers.items()) or "no layer that computes"
        why = "the engine would not be what it is called"
        raise ExportError(f"{model}: expected a network in {asked}, got {came}: {why}; export the bundle again")


def _refused(bundle: Bundle, key: EngineKey, network: ParsedNetwork, said: Sequence[str]) -> ExportError:
    target = f"{key.target} {key.builder}"
    blocks = network.unfusable()
    if blocks and any("attention" in line.lower() for line in said):
        listed = "; ".join(f"{block} ({why})" for block, why in blocks)
        fp32 = f"take the FP32 graph, which has it in explicit form: clearway build {bundle.folder} --target {key.target} --precision fp32"
        again = "export it again: clearway export CHECKPOINT -o BUNDLE --force"
        other = fp32 if key.precision == "fp16" else again
        return ExportError(f"{bundle.folder}: {target} has no fused kernel for attention in {listed}; {other}")
    sizes = ", ".join(map(str, key.profiles))
    elsewhere = "ask for a smaller size or batch, or restore with --backend openvino or onnxruntime"
    return ExportError(f"{bundle.folder}: {target} could not build it in {key.precision} for {sizes}: {_reason(said)}; {elsewhere}")


def _reason(said: Sequence[str]) -> str:
    """What TensorRT says, in one line: without C++ conditions that only say `false`, and the missing driver that RTX does not need."""
    lines = [line.strip() for text in said for line in text.splitlines()]
    telling = [line for line in lines if line and line != "false" and not line.startswith(("Invalid Node", "[checkMacros"))]
    text = re.sub(r"\s*In \S+ at /_src/\S+", "", "; ".join(telling)) or ("" if "false" in lines else "it gives no reason")
    return text if len(text) <= _REASON_LENGTH else f"{text[:_REASON_LENGTH]}…"
