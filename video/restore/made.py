"""Owns the words for what a video is made from and how, by which one that is unfinished is told from others; knows nothing of frames."""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from pathlib import Path

from runtime.model.bundle import MODEL
from runtime.restorer import Restorer
from video.files.encoding import EncodeOptions
from video.files.numbered import Numbered
from video.files.reading import ReadOptions
from video.finish.finish import FinishOptions

_ENDS = 1 << 20  # bytes of the head and of the tail of a file that are looked at: hashing all of a day's video takes minutes


def made_from(source: Path, read: ReadOptions, restorer: Restorer, finish: FinishOptions, options: EncodeOptions) -> dict[str, str]:
    manifest, engine = restorer.manifest, restorer.choice.backend.facts
    return {
        "source": _of_files(source),
        "assumed colour": str(read.assume),
        "deinterlace": str(read.deinterlace),
        "frames a second": str(read.rate),
        "model": f"{manifest.name} {manifest.version} {manifest.files[MODEL][:16]}",
        "engine": f"{engine.name} {engine.precision}",
        "strength": f"{finish.strength:g}",
        "steady": str(finish.steady),
        "encoder": options.describe(),
        "Clearway": version("clearway"),
    }


def _of_files(source: Path) -> str:
    """Of a row of pictures all sizes, and the ends of the first and the last one."""
    numbered = Numbered.parse(source)
    files = [source] if numbered is None else [numbered.path(number) for number in numbered.there()]
    sizes = [path.stat().st_size for path in files]
    digest = hashlib.sha256(repr(sizes).encode())
    for path in (files[0], files[-1]):
        with path.open("rb") as file:
            digest.update(file.read(_ENDS))
            file.seek(max(0, path.stat().st_size - _ENDS))
            digest.update(file.read(_ENDS))
    return f"{sum(sizes)} bytes {digest.hexdigest()[:16]}"
