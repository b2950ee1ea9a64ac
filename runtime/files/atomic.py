"""Writes a file whole or not at all. Does not know what is in it."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_STEM_KEPT = 32  # characters: the target's own name may be as long as a file system allows


@contextmanager
def written(path: Path, *, private: bool = False) -> Iterator[Path]:
    """A new empty file beside `path` to write into; it takes that name at the end, or is removed if an error passes.

    Until then what lay under `path` stays as it was. The file keeps the suffix, since many writers go by it; it may be written by
    anyone in any way, replacing it included. OSError comes out for the caller to translate, a missing folder's too. The umask decides
    who may read it, but for a private file, which is its owner's alone from its first byte.
    """
    temporary, mode = _new_beside(path, 0o600 if private else 0o666)
    try:
        yield temporary
        to_disk(temporary)
        temporary.chmod(mode)  # some writers make private files
        temporary.replace(path)
    except BaseException:  # Ctrl-C too leaves nothing behind
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def to_disk(path: Path) -> None:
    """A power cut must not leave an empty file under the name, and some disks say only here that they are full."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _new_beside(path: Path, widest: int) -> tuple[Path, int]:
    """Hidden, so that no listing of pictures or videos finds it, and never one that exists: it may be somebody's own."""
    count = 0
    while True:
        temporary = path.with_name(f".{path.stem[:_STEM_KEPT]}.{os.getpid()}-{count}{path.suffix}")
        try:
            descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, widest)
        except FileExistsError:
            count += 1
            continue
        # The kernel took the umask off; asking for the umask itself would mean to change it, for all threads.
        mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
        os.close(descriptor)
        return temporary, mode
