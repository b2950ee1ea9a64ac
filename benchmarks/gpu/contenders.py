"""Who takes part in a GPU check: the engines and peers that this machine can run, and why the others cannot. Does not measure them."""

from __future__ import annotations

import importlib.util
import traceback
from pathlib import Path
from typing import Any, Protocol

from benchmarks.machine import gpus
from benchmarks.peers.defaults import COMPILED, PYTORCH_PEERS
from benchmarks.record import say
from export.engines.engine import BuildOptions, build_engine
from export.engines.profiles import engines_for
from export.engines.targets import TARGETS, open_toolchain
from runtime.backends.choose import PREFERENCE, open_backend
from runtime.backends.protocol import BackendFacts
from runtime.backends.tensorrt.backend import open_gpu
from runtime.backends.tensorrt.package import open_package
from runtime.engines.cache import EngineCache
from runtime.errors import ClearwayError
from runtime.model.bundle import Bundle, open_bundle
from runtime.model.zoo import find, shipped
from runtime.picture import Picture, Tensors

_CPU_ENGINES = ("openvino", "onnxruntime")
_TORCH = "pip install torch==2.13.0 --index-url https://download.pytorch.org/whl/cu130, then pip install 'clearway[export]'"
_RTX = "tensorrt-rtx"


class Contender(Protocol):
    """A backend, or a peer that runs like one."""

    facts: BackendFacts

    def run(self, frames: Picture, into: Tensors | None = None) -> Tensors: ...
    def close(self) -> None: ...


def find_contenders(device: str) -> tuple[list[str], dict[str, str]]:
    """(the names of those that run here, and for the others: why not, with the command that changes it)."""
    there, missing = [], dict[str, str]()
    for name in [name for name in PREFERENCE if (name in _CPU_ENGINES) == (device == "cpu")]:
        try:
            if name in TARGETS:  # its engines are built first
                open_toolchain(name)
                open_gpu(name)
            else:
                open_backend(open_bundle(find(shipped()[0])), name).backend.close()
        except Exception as error:  # noqa: BLE001  the others go on
            missing[name] = explain(error)
            continue
        there.append(name)
    missing |= _missing_peers(device)
    return there + [name for name in PYTORCH_PEERS if name not in missing], missing


def _missing_peers(device: str) -> dict[str, str]:
    if importlib.util.find_spec("torch") is None:
        return dict.fromkeys(PYTORCH_PEERS, f"torch is not installed; {_TORCH}")
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        return dict.fromkeys(PYTORCH_PEERS, f"torch {torch.__version__} sees no GPU; {_TORCH}")
    if device == "cuda" and importlib.util.find_spec("triton") is None:
        return {COMPILED: "triton is not installed; pip install triton"}
    return {}


def open_contender(bundle: Bundle, name: str, device: str) -> tuple[Contender, int]:
    """It, and how many runs at a time it gains from."""
    if name in PYTORCH_PEERS:
        from benchmarks.peers.pytorch import open_peer

        return open_peer(bundle, name, device), 1
    backend = open_backend(bundle, name).backend
    return backend, backend.depth


def explain(error: Exception) -> str:
    """In one line; an error that is not one of Clearway's is also printed in full."""
    if isinstance(error, ClearwayError):
        return str(error)
    say("".join(traceback.format_exception(error)))
    return f"{type(error).__name__}: {next((line.strip() for line in str(error).splitlines() if line.strip()), 'no message')}"


def try_rtx_compiler(bundle: Bundle, scratch: Path) -> dict[str, Any]:
    """Whether TensorRT-RTX compiles an engine for this machine's GPU, with its own messages where it refuses.

    Building the engine needs no GPU; its just-in-time compiler starts as the engine is loaded.
    """
    cache = EngineCache(scratch / "engines")
    built = build_engine(bundle, BuildOptions(_RTX, "fp16", engines_for([], ["640x360"], None)[0]), cache, lambda _: None)
    _, plan = cache.read(built.record.key)
    found = gpus()
    package = open_package(_RTX)
    package.log.take()
    runtime = package.trt.Runtime(package.logger)  # an engine needs it for as long as it lives
    engine: Any = runtime.deserialize_cuda_engine(plan)
    context = engine.create_execution_context() if engine is not None else None
    stopped_at = "deserialising the engine" if engine is None else "making an execution context" if context is None else ""
    return {
        "compute_capability": found[0]["compute_capability"] if found else "none, there is no GPU",
        "builder": built.record.key.builder,
        "accepted": context is not None,
        "stopped_at": stopped_at,
        "said": package.log.take(),
    }
