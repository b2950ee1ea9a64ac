"""Engines as their own documentation starts them, without Clearway's settings. Does not measure them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from runtime.model.bundle import WEIGHTS, Bundle
from runtime.picture import Picture

EAGER, COMPILED = PYTORCH_PEERS = ("pytorch eager", "torch.compile")  # benchmarks/peers/pytorch.py runs them, where torch is installed
ONNXRUNTIME = "onnxruntime, its defaults"


@dataclass(frozen=True)
class DefaultPeer:
    """`run` is None where it cannot run here; `note` then says why."""

    name: str
    precision: str
    note: str
    run: Callable[[Picture], object] | None = None


def default_peers(bundle: Bundle) -> Iterator[DefaultPeer]:
    """Each is opened when it is asked for."""
    yield _onnxruntime(bundle)
    yield _pytorch(EAGER, "fp32", bundle)
    yield _pytorch(f"{EAGER}, channels-last, autocast", "bf16", bundle)


def _onnxruntime(bundle: Bundle) -> DefaultPeer:
    try:
        import onnxruntime
    except ModuleNotFoundError:
        return DefaultPeer(ONNXRUNTIME, "fp32", "onnxruntime is not installed")
    session = onnxruntime.InferenceSession(str(bundle.onnx_path), providers=["CPUExecutionProvider"])
    return DefaultPeer(ONNXRUNTIME, "fp32", onnxruntime.__version__, lambda picture: session.run(None, {"frame": picture[None]}))


def _pytorch(name: str, precision: str, bundle: Bundle) -> DefaultPeer:
    try:
        import torch

        from training.checkpoint import load_checkpoint
        from training.scoring.evaluate import checkpoint_restore
    except ModuleNotFoundError as error:
        return DefaultPeer(name, precision, f"{error.name} is not installed")
    if not (bundle.folder / WEIGHTS).is_file():
        return DefaultPeer(name, precision, f"the bundle has no {WEIGHTS}")
    restore = checkpoint_restore(load_checkpoint(bundle.folder / WEIGHTS), bf16=precision == "bf16")
    return DefaultPeer(name, precision, f"torch {torch.__version__}, {torch.get_num_threads()} threads", restore)
