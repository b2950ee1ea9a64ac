"""Owns the question whether TensorRT-RTX compiles an engine for the card that is here, with its own words where it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.machine import gpus
from export.engines.engine import Order, build_engine
from export.engines.profiles import engines_for
from runtime.backends.tensorrt.package import open_package
from runtime.engines.cache import EngineCache
from runtime.model.bundle import Bundle

_TARGET = "tensorrt-rtx"


def measure_jit(bundle: Bundle, scratch: Path) -> dict[str, Any]:
    """An engine is built, which needs no card, then loaded for this one: that is where its JIT starts."""
    cache = EngineCache(scratch / "engines")
    built = build_engine(bundle, Order(_TARGET, "fp16", engines_for([], ["640x360"], None)[0]), cache, lambda _: None)
    _, plan = cache.read(built.record.key)
    cards = gpus()
    package = open_package(_TARGET)
    package.log.take()
    runtime = package.trt.Runtime(package.logger)  # an engine needs it for as long as it lives
    engine: Any = runtime.deserialize_cuda_engine(plan)
    context = engine.create_execution_context() if engine is not None else None
    stopped_at = "deserialising the engine" if engine is None else "making an execution context" if context is None else ""
    return {
        "compute_capability": cards[0]["compute_capability"] if cards else "none, there is no card",
        "builder": built.record.key.builder,
        "accepted": context is not None,
        "stopped_at": stopped_at,
        "said": package.log.take(),
    }
