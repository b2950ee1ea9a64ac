"""Which sizes an engine is built for: named buckets and exact sizes, as pure geometry. Does not know TensorRT.

A bucket holds the frame that it is named after and everything down to half of its sides, so that it takes other shapes of the
same video too (1080p: 1920×800, 1440×1080), and is tuned for that frame. Buckets asked for together make one engine with a
profile each. An exact size makes an engine of its own, whose input has that very shape.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from runtime.engines.record import Profile, Size
from runtime.errors import UsageError
from runtime.model.manifest import MINIMUM_SIDE

_LANDSCAPE = {
    "360p": (640, 360),
    "480p": (854, 480),
    "540p": (960, 540),
    "720p": (1280, 720),
    "1080p": (1920, 1080),
    "1440p": (2560, 1440),
    "4k": (3840, 2160),
}
BUCKETS = _LANDSCAPE | {f"{name}-portrait": (height, width) for name, (width, height) in _LANDSCAPE.items()}  # width, height
_BUCKET_BATCH = (1, 4)
_EXACT_BATCH = (1, 1)


def engines_for(buckets: Sequence[str], sizes: Sequence[str], batch: str | None) -> list[tuple[Profile, ...]]:
    """The profiles of each engine that the words of a command line ask for; 720p where they name none."""
    frames = None if batch is None else _batch(batch)
    names = list(dict.fromkeys(buckets if buckets or sizes else ["720p"]))
    together = tuple(_bucket(name, frames or _BUCKET_BATCH) for name in names)
    engines = [together] if together else []
    return engines + [(_exact(size, frames or _EXACT_BATCH),) for size in dict.fromkeys(sizes)]


def fixed_shape(profiles: Sequence[Profile]) -> tuple[int, int, int, int]:
    """The input's shape: what is the same at both ends of every profile is fixed, anything else is -1."""
    ends = [size for profile in profiles for size in (profile.least, profile.most)]
    batch, height, width = (of_axis[0] if len(set(of_axis)) == 1 else -1 for of_axis in zip(*ends, strict=True))
    return batch, height, width, 3


def _bucket(name: str, batch: tuple[int, int]) -> Profile:
    if name not in BUCKETS:
        close = difflib.get_close_matches(name, BUCKETS, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise UsageError(f"no profile is called {name!r}; {hint}there are: {', '.join(BUCKETS)}; any other size: --size WIDTHxHEIGHT")
    width, height = BUCKETS[name]
    fewest, most = batch
    return Profile(name, Size(fewest, height // 2, width // 2), Size(fewest, height, width), Size(most, height, width))


def _exact(text: str, batch: tuple[int, int]) -> Profile:
    read = re.fullmatch(r"([0-9]{1,5})[x×]([0-9]{1,5})", text)
    if read is None:
        raise UsageError(f"--size: expected WIDTHxHEIGHT, for example 1280x720, got {text!r}")
    width, height = int(read[1]), int(read[2])
    if min(width, height) < MINIMUM_SIDE:
        raise UsageError(f"--size: expected sides of at least {MINIMUM_SIDE} pixels, got {text}; no graph takes smaller pictures")
    fewest, most = batch
    return Profile(f"{width}x{height}", Size(fewest, height, width), Size(fewest, height, width), Size(most, height, width))


def _batch(text: str) -> tuple[int, int]:
    read = re.fullmatch(r"([0-9]{1,4})(?:-([0-9]{1,4}))?", text)
    fewest, most = (int(read[1]), int(read[2] or read[1])) if read else (0, 0)
    if not 1 <= fewest <= most:
        raise UsageError(f"--batch: expected a number of frames or a range, for example 1 or 1-4, got {text!r}")
    return fewest, most
