"""The cache of engines: one builder at a time, nothing unchecked out of it, and a limit. Does not know TensorRT or tensors.

docs/engines.md says what is trusted and what is not. Whoever changes the folder is alone in it; readers share it.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from runtime.engines.files import EngineFiles, engines_in, strangers_in
from runtime.engines.keyed_hash import make_secret, read_secret
from runtime.engines.record import EngineKey, EngineRecord
from runtime.errors import BackendError
from runtime.files.cache_folder import cache_folder, check_private, locked, make_private

LIMIT_BYTES = 4 * 10**9

# What a killed process leaves: files that were being written (runtime/files/atomic.py names them) and the locks of builds.
_LEFTOVER = re.compile(r"\.([0-9a-f]{32}\.\d+-\d+\.(engine|json|mac)|key\.\d+-\d+)|[0-9a-f]{64}\.lock")


@dataclass(frozen=True)
class StoredEngine:
    """One engine as it lies there, or what looks like one."""

    name: str  # the key's digest, or the file's name where that is none of ours
    record: EngineRecord | None  # None where it cannot be trusted
    fault: str  # "" where there is none
    bytes: int
    used: float  # when it was last read or stored, in seconds since 1970


@dataclass(frozen=True)
class PrunedEngines:
    """What was removed."""

    engines: tuple[str, ...]
    leftovers: tuple[str, ...]  # of processes that were killed
    bytes: int


class EngineCache:
    """Nothing on disk is touched before the first call. Any number of threads and processes may use one folder."""

    def __init__(self, folder: Path | None = None, limit_bytes: int = LIMIT_BYTES) -> None:
        self.folder = cache_folder("engines") if folder is None else folder
        self._limit = limit_bytes

    @contextmanager
    def building(self, key: EngineKey, waiting: Callable[[], None] | None = None) -> Iterator[None]:
        """Alone with this key: whoever comes second waits (and is told by `waiting`), then finds what the first one stored."""
        lock = self.folder / f"{key.digest()}.lock"
        with ExitStack() as held:
            with self._explained():
                with self._alone():
                    self._secret(make=True)  # what is wrong with it is said before the minutes of a build
                held.enter_context(locked(lock, waiting=waiting))
            held.callback(lock.unlink, missing_ok=True)
            yield

    def store(self, record: EngineRecord, plan: bytes) -> Path:
        """Takes the place of what has the same key. Where there is too much, what was not used for longest makes room."""
        if (len(plan), hashlib.sha256(plan).hexdigest()) != (record.plan_bytes, record.plan_sha256):
            raise BackendError(f"{record.model}: expected the plan that its record describes, got another; build it again")
        files = EngineFiles(self.folder, record.key.digest())
        with self._explained(), self._alone():
            files.write(record, plan, self._secret(make=True))
            _evict(self._stored(), self.folder, self._limit, kept=files.name)
        return files.plan

    def find(self, key: EngineKey) -> EngineRecord | None:
        """The record, where an engine was stored whole. Its plan is not read: `read` does that before it is loaded."""
        files = EngineFiles(self.folder, key.digest())
        with self._explained(), self._among_readers() as there:
            if not there or not files.seal.exists():
                return None
            record = files.record(self._secret())
            files.check_length(record)
            return record

    def read(self, key: EngineKey) -> tuple[EngineRecord, bytes]:
        """The plan's bytes, after they and the record proved to be what was stored here. Load these, not the file."""
        files = EngineFiles(self.folder, key.digest())
        with self._explained(), self._among_readers() as there:
            if not there or not (files.plan.exists() or files.seal.exists()):
                raise BackendError(f"{files.plan}: expected an engine, but none is stored; clearway build BUNDLE --target {key.target}")
            record = files.record(self._secret())
            plan = files.read_plan(record)
            files.mark_used()
        return record, plan

    def records(self) -> tuple[StoredEngine, ...]:
        """Everything that lies there, the last used first; plans are not read."""
        return self._all(plans=False)

    def check(self) -> tuple[StoredEngine, ...]:
        """The same, with every byte of every plan read."""
        return self._all(plans=True)

    def prune(self, keep_bytes: int | None = None) -> PrunedEngines:
        """Removes leftovers and what is not trusted, then what was not used for longest until the rest fits `keep_bytes`, or the limit."""
        with self._explained(), self._alone():
            stored = self._stored(plans=True)
            leftovers, freed = _remove_leftovers(self.folder)
            bad = [entry for entry in stored if entry.fault]
            _remove(bad, self.folder)
            good = [entry for entry in stored if not entry.fault]
            gone = bad + _evict(good, self.folder, self._limit if keep_bytes is None else keep_bytes)
        return PrunedEngines(tuple(entry.name for entry in gone), leftovers, freed + sum(entry.bytes for entry in gone))

    def clear(self) -> PrunedEngines:
        """Removes all engines and the key that they were checked with. Works whatever is wrong with either."""
        with self._explained(), self._alone():
            leftovers, freed = _remove_leftovers(self.folder)
            engines = list(engines_in(self.folder))
            freed += sum(files.size() for files in engines)
            for files in engines:
                files.remove()
            self._secret_path.unlink(missing_ok=True)
        return PrunedEngines(tuple(files.name for files in engines), leftovers, freed)

    def _all(self, *, plans: bool) -> tuple[StoredEngine, ...]:
        with self._explained(), self._among_readers() as there:
            return (*self._stored(plans=plans), *map(_stranger, strangers_in(self.folder))) if there else ()

    def _stored(self, *, plans: bool = False) -> list[StoredEngine]:
        engines = list(engines_in(self.folder))
        # A missing key is said once, and only where something depends on it.
        secret = self._secret() if any(files.seal.exists() for files in engines) else b""
        return sorted((_as_it_lies(files, secret, plans=plans) for files in engines), key=lambda entry: -entry.used)

    @property
    def _secret_path(self) -> Path:
        return self.folder / "key"

    def _secret(self, *, make: bool = False) -> bytes:
        path = self._secret_path
        try:
            return read_secret(path)
        except FileNotFoundError as error:
            if make and not any(files.seal.exists() for files in engines_in(self.folder)):
                return make_secret(path)
            raise BackendError(
                f"{path}: expected the key file that the stored engines are checked with, but it is gone, and none of them can be trusted; "
                "clearway engines prune --all, then clearway build"
            ) from error

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if not self.folder.exists():
            make_private(self.folder)
        check_private(self.folder)
        with locked(self.folder / "lock"):
            yield

    @contextmanager
    def _among_readers(self) -> Iterator[bool]:
        """Whether there is a folder at all: asking makes none."""
        if not self.folder.exists():
            yield False
            return
        check_private(self.folder)
        with locked(self.folder / "lock", shared=True):
            yield True

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise BackendError(
                f"{self.folder}: expected a folder to keep engines in ({error.strerror or error}); "
                f"make room and chmod 700 {shlex.quote(str(self.folder))}, or set CLEARWAY_CACHE to another"
            ) from error


def _as_it_lies(files: EngineFiles, secret: bytes, *, plans: bool) -> StoredEngine:
    record, fault = None, ""
    try:
        record = files.record(secret)
        if plans:
            files.read_plan(record)
        else:
            files.check_length(record)
    except BackendError as error:
        fault = str(error)
    return StoredEngine(files.name, record, fault, files.size(), files.used())


def _stranger(path: Path) -> StoredEngine:
    fault = f"{path}: expected an engine of this cache, but it was put there; it is never loaded: rm {shlex.quote(str(path))}"
    return StoredEngine(path.name, None, fault, path.stat().st_size, 0.0)


def _evict(stored: Sequence[StoredEngine], folder: Path, limit: int, kept: str = "") -> list[StoredEngine]:
    """Takes `stored` with the last used first."""
    total = sum(entry.bytes for entry in stored)
    gone = []
    for entry in reversed(stored):
        if total > limit and entry.name != kept:
            gone.append(entry)
            total -= entry.bytes
    _remove(gone, folder)
    return gone


def _remove(stored: Sequence[StoredEngine], folder: Path) -> None:
    for entry in stored:
        EngineFiles(folder, entry.name).remove()


def _remove_leftovers(folder: Path) -> tuple[tuple[str, ...], int]:
    """Names and bytes. Whoever writes is alone in the folder, as the caller is: none of these files is being written."""
    gone, freed = [], 0
    for path in sorted(folder.iterdir()):
        if not _LEFTOVER.fullmatch(path.name):
            continue
        size = path.stat().st_size
        if path.suffix != ".lock":
            path.unlink()
        elif not _remove_if_free(path):
            continue
        gone.append(path.name)
        freed += size
    return tuple(gone), freed


def _remove_if_free(lock: Path) -> bool:
    """False where a build is under way."""

    def held() -> None:
        raise BlockingIOError

    with suppress(BlockingIOError), locked(lock, waiting=held):
        lock.unlink()
        return True
    return False
