"""Where this machine keeps what it compiled, how much, and whether it can. Does not know what is in it."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from runtime.errors import BackendError
from runtime.files.cache_folder import cache_folder, check_private

_HOLDS = {
    "openvino": "models compiled for a picture's size",
    "engines": "TensorRT engines",
    "tensorrt-rtx": "kernels that TensorRT-RTX compiled for this GPU",
}


@dataclass(frozen=True)
class CompileCache:
    name: str
    holds: str
    folder: str  # "" where there can be none
    bytes: int
    fault: str  # what is wrong with it, and what to do


def caches() -> tuple[CompileCache, ...]:
    return tuple(_cache(name, holds) for name, holds in _HOLDS.items())


def _cache(name: str, holds: str) -> CompileCache:
    try:
        folder = cache_folder(name)
    except BackendError as error:
        return CompileCache(name, holds, "", 0, str(error))
    try:
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    except OSError as error:  # a folder that is not to be looked into, or a file that another process just removed
        return CompileCache(name, holds, str(folder), 0, str(error))
    return CompileCache(name, holds, str(folder), size, _fault(folder))


def _fault(folder: Path) -> str:
    try:
        if folder.exists():
            check_private(folder)
    except BackendError as error:
        return str(error)
    return _unwritable(folder)


def _unwritable(folder: Path) -> str:
    """Nothing is made to find out: a folder that is not there yet is asked of the one that it would be made in."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if os.access(there, os.W_OK | os.X_OK):
        return ""
    return f"{there}: expected a folder to write into; chmod u+wx {shlex.quote(str(there))}, or set CLEARWAY_CACHE to another"
