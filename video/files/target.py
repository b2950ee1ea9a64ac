"""What can be wrong with the name of a result before any work is done. Does not know what is written there."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Collection
from pathlib import Path

from runtime.errors import SinkError, UsageError
from video.files.numbered import NumberedPictures

_OF_THE_DISK = frozenset({errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EFBIG, errno.EDQUOT})

TO_REPLACE = "replace what is there: --force (overwrite=True in Python)"


def check_target(target: Path, suffixes: Collection[str], *, source: Path | None, overwrite: bool) -> None:
    if target.suffix.lower() not in suffixes:
        raise UsageError(
            f"{target}: expected an output name that ends in {', '.join(suffixes)}, got {target.suffix or 'no ending'}; rename it"
        )
    if target.is_dir():
        raise UsageError(f"{target}: expected a file name for the output, got a folder; name a file in it")
    if target.exists():
        if source is not None and source.exists() and os.path.samefile(source, target):
            raise UsageError(f"{target}: expected an output other than the input, got the input itself; give it another name")
        if not overwrite:
            raise UsageError(f"{target}: expected a new file, got one that exists already; give another name, or {TO_REPLACE}")
    if not target.parent.is_dir():
        raise SinkError(f"{target}: expected a folder that exists, got {target.parent}, which does not exist; make it first")


def check_numbered(target: Path, suffixes: Collection[str]) -> None:
    """Old and new pictures of one name would be taken for one video, so that none may be there, whatever was asked for."""
    if target.suffix.lower() not in suffixes:
        raise UsageError(
            f"{target}: expected numbered pictures that end in {', '.join(suffixes)}, got {target.suffix or 'no ending'}; rename them"
        )
    if not target.parent.is_dir():
        raise SinkError(f"{target}: expected a folder that exists, got {target.parent}, which does not exist; make it first")
    numbered = NumberedPictures.parse(target)
    if numbered is not None and (there := numbered.there()):
        raise UsageError(
            f"{numbered.path(there[0])}: expected new files, got one that exists already (and {len(there) - 1} more); "
            "name another folder, or remove them"
        )


def unwritable(target: Path, code: int | None, why: str) -> SinkError:
    advice = "check the disk's free space and the folder's permissions" if code in _OF_THE_DISK else "name another file"
    return SinkError(f"{target}: expected a file that can be written, got {why}; {advice}")


def make_folder(folder: Path) -> None:
    """Makes it where it is not there, and proves that it can be written into."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        why = error.strerror or str(error)
        raise SinkError(f"{folder}: expected a folder to write into, got {why}; name another one, or change its permissions") from error
