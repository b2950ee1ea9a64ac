"""What a machine can do at most, measured, and which share of that a run reaches. Does not know engines.

A run is bound by its arithmetic or by its bytes: the larger of the two shares says how far from the roof it is.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from export.onnx.graph import FrameGraph, cost_of

_HEIGHT, _WIDTH = 720, 1280  # what costs are counted at
_WARM_UP, _ROUNDS = 3, 10
_BYTES = 2  # of a number in FP16
_aten = torch.ops.aten
_PRODUCTS = {_aten.convolution, _aten.mm, _aten.addmm, _aten.bmm, _aten.baddbmm, _aten._scaled_dot_product_flash_attention_for_cpu}


@dataclass(frozen=True)
class Roof:
    tflops: float  # of one large matrix product, in FP16 on a GPU
    gb_per_s: float  # of one large copy on the device, counting what is read and what is written


@dataclass(frozen=True)
class Cost:
    """Of one 1280×720 picture."""

    gflop: float  # a multiply-add counts as two
    gigabytes: float  # what its convolutions and matrix products read and write in FP16: all else can be fused into them


def measure_roof(device: str) -> Roof:
    roof = _measured(device)
    if device == "cuda":
        torch.cuda.empty_cache()  # so that every contender finds the same memory free
    return roof


def _measured(device: str) -> Roof:
    gpu = device == "cuda"
    side, dtype, size = (8192, torch.float16, 1 << 30) if gpu else (768, torch.float32, 1 << 26)
    a, b = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    product = _seconds(lambda: a @ b, device)
    source = torch.zeros(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    copied = _seconds(lambda: target.copy_(source), device)
    return Roof(round(2 * side**3 / product / 1e12, 4), round(2 * size / copied / 1e9, 1))


def _seconds(work: Callable[[], object], device: str) -> float:
    """The mean of a few rounds, all of them done."""
    for _ in range(_WARM_UP):
        work()
    _wait(device)
    started = time.perf_counter()
    for _ in range(_ROUNDS):
        work()
    _wait(device)
    return (time.perf_counter() - started) / _ROUNDS


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


class _TensorTraffic(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the numbers that products of matrices take and give."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.numbers = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        came = func(*args, **(kwargs or {}))
        if func.overloadpacket in _PRODUCTS:
            self.numbers += sum(leaf.numel() for leaf in tree_leaves((args, came)) if isinstance(leaf, Tensor))
        return came


def cost_at_720p(network: nn.Module) -> Cost:
    frame = torch.zeros(1, _HEIGHT, _WIDTH, 3, dtype=torch.uint8, device="meta")
    with _TensorTraffic() as moved, torch.no_grad():  # inference mode would hide convolutions inside of others
        FrameGraph(copy.deepcopy(network)).to("meta")(frame)
    return Cost(round(cost_of(network)[1], 3), round(moved.numbers * _BYTES / 1e9, 4))


def shares(cost: Cost, roof: Roof, pictures_per_s: float, height: int, width: int) -> tuple[float, float]:
    """(of the arithmetic, of the bytes) that the roof allows. Costs grow with the area."""
    area = height * width / (_HEIGHT * _WIDTH)
    arithmetic = cost.gflop * area * pictures_per_s / (roof.tflops * 1e3)
    return round(arithmetic, 4), round(cost.gigabytes * area * pictures_per_s / roof.gb_per_s, 4)
