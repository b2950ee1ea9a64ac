"""The three files of one stored engine: their names, the order of writing, and what is checked. Does not know locks or limits.

KEY.engine is the plan in plain bytes, which other tools load too; KEY.json its record; KEY.mac the keyed hash of the record's bytes. The
record holds the plan's sha256 and length, so that the hash vouches for both, and a listing need not read plans. The hash is written last
and removed first: without one there is no engine. It has a file of its own since it cannot be inside what it is the hash of.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from runtime.engines.keyed_hash import fits, keyed_hash
from runtime.engines.record import EngineRecord
from runtime.errors import BackendError, UsageError
from runtime.files.atomic import written

PLAN_SUFFIX = ".engine"
_OURS = re.compile(r"([0-9a-f]{64})\.(engine|json|mac)")
_AGAIN = "it is never loaded; clearway engines prune, then clearway build"


@dataclass(frozen=True)
class EngineFiles:
    """`name` is the key's digest. Whoever writes or removes is alone in the folder, whoever reads shares it with readers only."""

    folder: Path
    name: str

    @property
    def plan(self) -> Path:
        return self.folder / (self.name + PLAN_SUFFIX)

    @property
    def sidecar(self) -> Path:
        return self.folder / f"{self.name}.json"

    @property
    def seal(self) -> Path:
        return self.folder / f"{self.name}.mac"

    def write(self, record: EngineRecord, plan: bytes, secret: bytes) -> None:
        """Killed anywhere in between, it leaves no hash, and so no engine."""
        sidecar = record.to_json().encode()
        self.seal.unlink(missing_ok=True)
        for path, content in ((self.plan, plan), (self.sidecar, sidecar), (self.seal, keyed_hash(secret, sidecar).encode())):
            with written(path, private=True) as part:
                part.write_bytes(content)

    def remove(self) -> None:
        for path in (self.seal, self.sidecar, self.plan):
            path.unlink(missing_ok=True)

    def record(self, secret: bytes) -> EngineRecord:
        """What was stored here under this name, or a BackendError."""
        try:
            claimed, sidecar = self.seal.read_bytes(), self.sidecar.read_bytes()
        except FileNotFoundError as error:
            lacking = "keyed hash" if error.filename == str(self.seal) else "record"
            raise BackendError(f"{self.plan}: expected a {lacking} beside it, but there is none: not of this cache; {_AGAIN}") from error
        if not fits(secret, sidecar, claimed):
            raise BackendError(f"{self.sidecar}: expected the record that was written here, but it or its hash was changed; {_AGAIN}")
        try:
            record = EngineRecord.from_json(sidecar.decode())
        except (ValueError, BackendError, UsageError) as error:
            raise BackendError(f"{self.sidecar}: expected a record of this Clearway ({error}); {_AGAIN}") from error
        if record.key.digest() != self.name:
            raise BackendError(f"{self.sidecar}: {_whose(record)} came under another engine's name, the files were renamed; {_AGAIN}")
        return record

    def check_length(self, record: EngineRecord) -> None:
        try:
            came = self.plan.stat().st_size
        except FileNotFoundError as error:
            raise BackendError(f"{self.plan}: expected the plan that its record describes, but there is none; {_AGAIN}") from error
        if came != record.plan_bytes:
            raise BackendError(f"{self.plan}: expected {record.plan_bytes} bytes, got {came}: the plan is not whole; {_AGAIN}")

    def read_plan(self, record: EngineRecord) -> bytes:
        self.check_length(record)
        plan = self.plan.read_bytes()
        if (came := hashlib.sha256(plan).hexdigest()) != record.plan_sha256:
            raise BackendError(f"{self.plan}: expected sha256 {record.plan_sha256[:12]}…, got {came[:12]}…: it was changed; {_AGAIN}")
        return plan

    def size(self) -> int:
        return sum(path.stat().st_size for path in (self.plan, self.sidecar, self.seal) if path.exists())

    def mark_used(self) -> None:
        with suppress(OSError):  # a folder that is mounted read-only is not pruned either
            os.utime(self.seal)

    def used(self) -> float:
        """When it was last read or stored, in seconds since 1970; 0 where it was never whole."""
        return self.seal.stat().st_mtime if self.seal.exists() else 0.0


def engines_in(folder: Path) -> Iterator[EngineFiles]:
    """Whatever bears a name of ours, whole or not."""
    names = (_OURS.fullmatch(entry) for entry in os.listdir(folder))
    yield from (EngineFiles(folder, name) for name in sorted({match[1] for match in names if match}))


def strangers_in(folder: Path) -> list[Path]:
    """Plans under names that this cache never gives: somebody put them there, and only they may take them away."""
    plans = (name for name in os.listdir(folder) if name.endswith(PLAN_SUFFIX) and not name.startswith("."))
    return [folder / name for name in sorted(plans) if not _OURS.fullmatch(name)]


def _whose(record: EngineRecord) -> str:
    key = record.key
    return f"an engine of {record.model} for {key.target} {key.builder} on compute capability {key.compute_capability}"
