"""The one table of what each way of running a model may differ from PyTorch in FP32. Measures nothing.

What the shipped model did under two draws of weather on 333 photographs and drawn scenes, 2,016 pictures of 17×19 to 319×241:

                        largest   mean dB   worst dB   worst SSIM   shift of all   worst shift
    ONNX Runtime, fp32        1      99.2       78.0      0.99995          0.000         0.003
    OpenVINO, bf16            5      55.8       38.5      0.99698          0.155         2.980
    node by node, fp16        1      62.0       56.6      0.99883          0.004         0.164

bf16 keeps 8 bits of a number, and OpenVINO's pictures come out darker as a whole: over six drawn pictures the shift reached 0.35
in one of forty draws. The worst shifts are of pictures of 17×19, where there is little to average over.
"""

from __future__ import annotations

from dataclasses import dataclass

from runtime.backends.protocol import BackendFacts
from runtime.errors import ParityError


@dataclass(frozen=True)
class Limits:
    """None: not asked. NaN, Inf, a missing output and another shape are never allowed."""

    max_levels: int | None = None
    psnr_db: float | None = None  # mean over the pictures of each size
    psnr_worst_db: float | None = None  # of every picture
    task_psnr_drop_db: float | None = None  # mean over the pictures whose clean truth is known
    ssim_worst: float = 0.99  # of every picture
    # By how much the mean of a channel may be off, in grey levels: over all pixels of all pictures, and of every picture.
    shift_levels: float = 0.1
    shift_worst_levels: float = 0.5
    # A pixel counts as black where all its channels are 0 and PyTorch's brightest is at least this; as white where all are 255 and
    # PyTorch's darkest is this far below. None may be: 16 is three times what bf16 is off anywhere.
    black_levels: int = 16


_EXACT = Limits(max_levels=1, ssim_worst=0.999, shift_levels=0.05, shift_worst_levels=0.05)
_BF16 = Limits(psnr_db=50.0, psnr_worst_db=35.0, task_psnr_drop_db=0.05, shift_levels=0.45, shift_worst_levels=4.0)
_HALF = Limits(psnr_db=50.0, psnr_worst_db=35.0, task_psnr_drop_db=0.02)

LIMITS: dict[tuple[str, str], Limits] = {
    ("onnxruntime", "fp32"): _EXACT,
    ("onnxruntime-cuda", "fp32"): _EXACT,  # with TF32 off
    ("onnxruntime-cuda", "fp16"): _HALF,
    ("openvino", "fp32"): _EXACT,
    ("openvino", "bf16"): _BF16,
    ("openvino", "bf16+fp32"): _BF16,  # it has no bf16 for some layers
    ("node-by-node", "fp16"): _HALF,  # model.fp16.onnx itself, each tensor stored in its own type
    ("tensorrt", "fp32"): _EXACT,  # with TF32 off
    ("tensorrt", "fp16"): _HALF,
    ("tensorrt-rtx", "fp32"): _EXACT,
    ("tensorrt-rtx", "fp16"): _HALF,
}


def limits_of(facts: BackendFacts) -> Limits:
    limits = LIMITS.get((facts.name, facts.precision))
    if limits is None:
        there = ", ".join(f"{name} {precision}" for name, precision in LIMITS)
        raise ParityError(f"no limits are stated for {facts.name} in {facts.precision}; there are: {there}")
    return limits
