"""A bundle's network run by PyTorch alone, as fast as PyTorch can: what Clearway's engines are compared with.

On a GPU: FP16, channels-last, the fastest convolutions searched for, pinned memory both ways, no gradient; eager, or compiled with
max-autotune and CUDA graphs. The work is the same, from bytes in host memory to bytes in host memory.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.peers.defaults import COMPILED
from export.onnx.graph import OUTPUTS, FrameGraph, traits_of
from export.onnx.trained import trained
from runtime.backends.protocol import BackendFacts
from runtime.errors import BackendError
from runtime.model.bundle import WEIGHTS, Bundle
from runtime.picture import Picture, Tensors
from training.checkpoint import load_checkpoint


class TypedNetwork(nn.Module):
    """Computes in a type of its own, from and to pictures in FP32."""

    def __init__(self, network: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        traits = traits_of(network)
        self.stride, self.scale = traits.stride, traits.scale
        self.sees_whole_picture, self.receptive_field = traits.sees_whole_picture, traits.receptive_field
        self.network = network.to(dtype=dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks it
        self._dtype = dtype

    def forward(self, picture: Tensor) -> Tensor | tuple[Tensor, ...]:
        answer = self.network(picture.to(self._dtype, memory_format=torch.channels_last))
        return tuple(part.float() for part in answer) if isinstance(answer, tuple) else answer.float()


@dataclass
class PytorchPeer:
    """Runs like a backend, one run at a time."""

    facts: BackendFacts
    _run: Callable[[Tensor], tuple[Tensor, ...]]
    _device: str

    def run(self, frames: Picture, into: Tensors | None = None) -> Tensors:
        batch = torch.from_numpy(np.ascontiguousarray(frames))
        if self._device == "cuda":
            batch = batch.pin_memory().to("cuda", non_blocking=True)
        with torch.inference_mode():
            outputs = [output.to("cpu", non_blocking=True) for output in self._run(batch)]
        if self._device == "cuda":
            torch.cuda.synchronize()
        came: Tensors = {name: output.numpy() for name, output in zip(OUTPUTS, outputs, strict=False)}
        if into is None:
            return came
        for name, array in into.items():
            np.copyto(array, came[name])
        return into

    def close(self) -> None:
        """Frees its memory at once: the next contender's is measured from here."""
        del self._run
        torch.compiler.reset()
        gc.collect()
        if self._device == "cuda":
            torch.cuda.empty_cache()


def open_peer(bundle: Bundle, name: str, device: str) -> PytorchPeer:
    if device == "cuda" and not torch.cuda.is_available():
        install = "pip install torch --index-url https://download.pytorch.org/whl/cu130"
        raise BackendError(f"expected a torch with CUDA, got {torch.__version__}; {install}")
    if not (bundle.folder / WEIGHTS).is_file():
        raise BackendError(f"expected {WEIGHTS} in {bundle.folder}, found none; export the bundle again from its checkpoint")
    half = device == "cuda"
    torch.backends.cudnn.benchmark = half  # it searches for the fastest convolutions
    network = trained(load_checkpoint(bundle.folder / WEIGHTS)).network
    graph = FrameGraph(TypedNetwork(network, torch.float16 if half else torch.float32)).to(device)
    run = torch.compile(graph, mode="max-autotune", dynamic=False) if name == COMPILED else graph
    facts = BackendFacts(name, "fp16" if half else "fp32", f"torch {torch.__version__}, channels-last")
    return PytorchPeer(facts, run, device)
