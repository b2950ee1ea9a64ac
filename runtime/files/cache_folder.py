"""Where what is compiled on this machine is kept, and that nobody else gets at it. Does not know what is kept."""

from __future__ import annotations

import fcntl
import os
import shlex
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from runtime.errors import BackendError


def cache_folder(name: str) -> Path:
    """Where it lies, whether it exists or not: under $CLEARWAY_CACHE, or else in the user's cache folder."""
    if root := os.environ.get("CLEARWAY_CACHE"):
        return Path(root) / name
    try:
        user = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError as error:
        raise BackendError("expected a home folder for the cache, but this user has none; set CLEARWAY_CACHE to a folder") from error
    return user / "clearway" / name


def make_private(folder: Path) -> None:
    """Makes the folder where there is none; one that is there stays as it is."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def check_private(folder: Path) -> None:
    """What lies here may be run as code, so that nobody else may put anything in."""
    facts = folder.stat()
    if not stat.S_ISDIR(facts.st_mode):
        raise BackendError(f"{folder}: expected a folder, got a file; set CLEARWAY_CACHE to a folder of your own")
    if facts.st_uid != os.geteuid():
        raise BackendError(
            f"{folder}: expected a folder of this user ({os.geteuid()}), but it is user {facts.st_uid}'s, who could change what is in it; "
            "set CLEARWAY_CACHE to a folder of your own"
        )
    if mode := stat.S_IMODE(facts.st_mode) & 0o077:
        raise BackendError(
            f"{folder}: expected mode 0700, got {0o700 | mode:04o}: others get at what is in it; chmod 700 {shlex.quote(str(folder))}"
        )


@contextmanager
def locked(path: Path, *, shared: bool = False, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Alone, or with others who share it. `waiting` is called once if that is not to be had at once.

    The kernel lets go of the lock when its process ends, however it ends. Whoever is alone may remove the file: the next one sees that
    the file which it locked is no longer the one under the name, and locks again.
    """
    while True:
        # To share, reading is enough: the folder may be mounted read-only. Alone on NFS takes a file open for writing.
        descriptor = os.open(path, (os.O_RDONLY if shared else os.O_RDWR) | os.O_CREAT, 0o600)
        try:
            if _lock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX, waiting):
                waiting = None  # it was called
            if _names(path, descriptor):
                yield
                return
        finally:
            os.close(descriptor)


def _lock(descriptor: int, kind: int, waiting: Callable[[], None] | None) -> bool:
    """Whether it had to wait for it, as far as anyone wants to know."""
    if waiting is not None:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            return False
        except BlockingIOError:
            waiting()
    fcntl.flock(descriptor, kind)
    return waiting is not None


def _names(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
