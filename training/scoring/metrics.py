"""PSNR and SSIM under named protocols. Does not know networks, files or torch.

A figure without its protocol says nothing (RGB and Y differ by 1.3–1.4 dB on rain), so `PROTOCOLS` is the only way in:
each one fixes the channel, its rounding, the crop and the SSIM window, and its `text` is printed beside every score.
`DATA_SETS` says under which of them the papers report each public set.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from runtime.errors import DataError, UsageError
from runtime.picture import Picture
from training.scoring.shifts import at_best_shift
from training.scoring.ssim import Planes, Window, structural_similarity

Levels = Picture | NDArray[np.float32]  # [H, W, 3] BGR, 0..255; as float32 neither rounded nor clipped (noise on a picture)


@dataclass(frozen=True)
class Protocol:
    text: str
    channel: Literal["rgb", "y", "rounded-y", "grey"] = "rgb"
    crop: int = 0  # pixels off each border
    window: Window = "gaussian"
    white: float = 255.0  # SSIM's L; PSNR's peak is 255 always
    patch: int | None = None  # both scores are the mean over squares of this side, side by side from the top left
    shifts: bool = False  # at the best of all small shifts
    unclipped: bool = False  # noise made here stays as it is drawn: neither clipped nor rounded before the network


_WANG = "SSIM Gaussian 11×11 σ 1.5, valid"
_BOX = "SSIM uniform 7×7, sample variances, valid, L = 255"
_ROUNDED_Y = "Y (BT.601 limited range, rounded to whole levels as MATLAB's rgb2ycbcr does for 8 bits)"
_FLOAT_NOISE = "noise neither clipped nor rounded before the network, the result rounded to 8 bits"

PROTOCOLS = {
    "rgb": Protocol(f"RGB, no crop; {_WANG}"),
    "y": Protocol(f"Y (BT.601 limited range, not rounded), no crop; {_WANG}", channel="y"),
    "rounded-y": Protocol(f"{_ROUNDED_Y}, no crop; {_WANG}", channel="rounded-y"),
    **{
        f"sr-x{scale}": Protocol(f"{_ROUNDED_Y}, {scale} pixels off each border; {_WANG}", channel="rounded-y", crop=scale)
        for scale in (2, 3, 4)
    },
    "grey": Protocol(f"grey (mean of the channels, rounded), no crop; {_WANG}", channel="grey"),
    "bsd68": Protocol(f"grey (mean of the channels, rounded), no crop; {_FLOAT_NOISE}; {_WANG}", channel="grey", unclipped=True),
    "cbsd68": Protocol(f"RGB, no crop; {_FLOAT_NOISE}; {_WANG}", unclipped=True),
    "div2k-hybrid": Protocol(
        f"RGB, mean over patches of 63×63 side by side, what is left over at the right and below not counted; {_BOX}",
        window="uniform",
        patch=63,
    ),
    "did-hy": Protocol(f"RGB, no crop; {_BOX}", window="uniform"),
    "gopro": Protocol(
        "RGB, no crop; SSIM as MATLAB's ssim takes a colour picture: Gaussian 11×11×11 σ 1.5 over the volume of three channels, "
        "borders repeated",
        window="volume",
    ),
    "spanet": Protocol(
        "RGB, no crop; SSIM uniform 7×7, sample variances, valid, L = 510 (scikit-image's range of float pictures, -1..1)",
        window="uniform",
        white=510.0,
    ),
    "text": Protocol(
        "RGB, 15 pixels off each border, at the best of all shifts up to 5 pixels in quarters of a pixel (bilinear); " + _WANG,
        shifts=True,
    ),
}

# Data set → protocol, by the scripts that belong to the papers' tables (docs/scores.md says which).
DATA_SETS = {
    "rain100l": "y",
    "rain100h": "y",
    "rain12": "y",
    "rain800": "y",
    "rain1200": "y",
    "rain1400": "y",
    "rain200l": "rounded-y",
    "rain200h": "rounded-y",
    "spa": "spanet",
    "did-mdn": "spanet",
    "reside": "rgb",
    "sots": "rgb",
    "o-haze": "rgb",
    "nyu": "rgb",
    "make3d": "rgb",
    "set5": "sr-x4",
    "set12": "bsd68",
    "kodak": "cbsd68",
}


def find_protocol(name: str) -> str:
    """A protocol by its own name, or by a data set's."""
    known = name.lower()
    known = DATA_SETS.get(known, known)
    if known not in PROTOCOLS:
        raise UsageError(f"expected a protocol, got {name!r}; there are {', '.join(PROTOCOLS)}, and the data sets {', '.join(DATA_SETS)}")
    return known


@dataclass(frozen=True)
class Quality:
    psnr: float  # dB, infinite where the two are equal
    ssim: float


def measure(picture: Levels, truth: Levels, protocol: str = "rgb") -> Quality:
    """Both scores; what they share (a search over shifts, say) is done once."""
    return Quality(*_over_patches(picture, truth, protocol, _psnr, _ssim))


def psnr(picture: Levels, truth: Levels, protocol: str = "rgb") -> float:
    """In dB over all pixels and channels; infinite where the two are equal."""
    return _over_patches(picture, truth, protocol, _psnr)[0]


def ssim(picture: Levels, truth: Levels, protocol: str = "rgb") -> float:
    """The mean over places and channels; a side must hold the protocol's window."""
    return _over_patches(picture, truth, protocol, _ssim)[0]


_Score = Callable[[Planes, Planes, Protocol], float]


def _over_patches(picture: Levels, truth: Levels, protocol: str, *scores: _Score) -> list[float]:
    if picture.shape != truth.shape:
        raise DataError(f"expected a picture and its truth of one size, got {picture.shape} and {truth.shape}")
    chosen = PROTOCOLS[protocol]
    a, b = _planes(picture, chosen), _planes(truth, chosen)
    if chosen.shifts:
        a, b = at_best_shift(_once_if_grey(a, b), _once_if_grey(b, a))
    patches = [(a, b)] if chosen.patch is None else _patches(a, b, chosen.patch)
    return [float(np.mean([score(one, other, chosen) for one, other in patches])) for score in scores]


def _once_if_grey(planes: Planes, other: Planes) -> Planes:
    """Three equal channels score as one does, in a third of the time."""
    grey = all(np.array_equal(each[..., :1], each[..., channel : channel + 1]) for each in (planes, other) for channel in (1, 2))
    return planes[..., :1] if grey else planes


def _psnr(a: Planes, b: Planes, protocol: Protocol) -> float:
    error = float(np.mean((a - b) ** 2)) / 255.0**2
    if protocol.patch is not None:
        error += 1e-10  # as OWAN's script does: one perfect patch must not make the mean infinite
    return float("inf") if error == 0 else float(-10 * np.log10(error))


def _ssim(a: Planes, b: Planes, protocol: Protocol) -> float:
    return structural_similarity(a, b, protocol.window, protocol.white)


def _patches(a: Planes, b: Planes, side: int) -> list[tuple[Planes, Planes]]:
    height, width = a.shape[:2]
    if min(height, width) < side:
        raise DataError(f"this protocol is a mean over patches of {side}×{side}, the picture is {width}×{height}; use larger pictures")
    places = [(top, left) for top in range(0, height - side + 1, side) for left in range(0, width - side + 1, side)]
    return [(a[top : top + side, left : left + side], b[top : top + side, left : left + side]) for top, left in places]


def _planes(picture: Levels, protocol: Protocol) -> Planes:
    crop, (height, width) = protocol.crop, picture.shape[:2]
    planes = picture[crop : height - crop, crop : width - crop].astype(np.float64)
    if protocol.channel == "rgb":
        return planes
    if protocol.channel == "grey":
        return _rounded(planes.mean(axis=2, keepdims=True)) if picture.dtype == np.uint8 else planes.mean(axis=2, keepdims=True)
    luma = np.asarray(16 + (planes @ np.array([24.966, 128.553, 65.481]))[..., None] / 255, dtype=np.float64)
    return _rounded(luma) if protocol.channel == "rounded-y" else luma


def _rounded(planes: Planes) -> Planes:
    """Halves go up, as in MATLAB; numpy's own rounding takes them to the even level."""
    return np.floor(planes + 0.5)
