"""Describes what a result is made from and how, so that an unfinished one is only continued by the same job. Does not know frames."""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from pathlib import Path

from runtime.model.bundle import MODEL
from runtime.restorer import Restorer
from video.files.numbered import NumberedPictures
from video.restore.job import RestoreJob

_ENDS = 1 << 20  # bytes of the head and of the tail of a file that are looked at: hashing all of a day's video takes minutes


def made_from(job: RestoreJob, restorer: Restorer) -> dict[str, str]:
    """The keys are stored beside unfinished results: a new one makes those of earlier versions another job's."""
    manifest, engine = restorer.manifest, restorer.choice.backend.facts
    return {
        "source": _of_files(job.source),
        "assumed colour": str(job.read.assume),
        "deinterlace": str(job.read.deinterlace),
        "frames a second": str(job.read.rate),
        "model": f"{manifest.name} {manifest.version} {manifest.files[MODEL][:16]}",
        "engine": f"{engine.name} {engine.precision}",
        "strength": f"{job.finish.strength:g}",
        "steady": str(job.finish.reduce_flicker),
        "encoder": job.encode.describe(),
        "Clearway": version("clearway"),
    }


def _of_files(source: Path) -> str:
    """Of a row of pictures all sizes, and the ends of the first and the last one."""
    numbered = NumberedPictures.parse(source)
    files = [source] if numbered is None else [numbered.path(number) for number in numbered.there()]
    sizes = [path.stat().st_size for path in files]
    digest = hashlib.sha256(repr(sizes).encode())
    for path in (files[0], files[-1]):
        with path.open("rb") as file:
            digest.update(file.read(_ENDS))
            file.seek(max(0, path.stat().st_size - _ENDS))
            digest.update(file.read(_ENDS))
    return f"{sum(sizes)} bytes {digest.hexdigest()[:16]}"
