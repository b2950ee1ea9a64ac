"""A stand-in for the engine cache: its names and shapes, without the keyed hash, eviction and checks of the real one."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from runtime.atomic import written
from runtime.manifest import ParityRecord

SCHEMA = 1


class Size(NamedTuple):
    batch: int
    height: int
    width: int


@dataclass(frozen=True)
class Profile:
    name: str
    least: Size
    usual: Size
    most: Size


@dataclass(frozen=True)
class EngineKey:
    model_sha256: str
    target: str
    builder: str
    compute_capability: str
    profiles: tuple[Profile, ...]
    precision: str
    precision_map: str

    def digest(self) -> str:
        return hashlib.sha256(json.dumps(dataclasses.asdict(self), sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class AttentionAudit:
    block: str
    fused: bool
    why: str


@dataclass(frozen=True)
class EngineRecord:
    schema: int
    key: EngineKey
    model: str
    plan_sha256: str
    plan_bytes: int
    built: str
    build_s: float
    layers: dict[str, int]
    attention: tuple[AttentionAudit, ...]
    parity: tuple[ParityRecord, ...] = ()


class EngineCache:
    def __init__(self, folder: Path | None = None) -> None:
        root = os.environ.get("CLEARWAY_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "clearway"
        self.folder = folder or Path(root) / "engines"
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    @contextlib.contextmanager
    def building(self, key: EngineKey) -> Iterator[None]:
        yield

    def store(self, record: EngineRecord, plan: bytes) -> Path:
        path = self.folder / f"{record.key.digest()}.engine"
        for target, content in ((path, plan), (path.with_suffix(".json"), json.dumps(dataclasses.asdict(record)).encode())):
            with written(target) as temporary:
                temporary.write_bytes(content)
        return path

    def find(self, key: EngineKey) -> EngineRecord | None:
        try:
            raw: dict[str, Any] = json.loads((self.folder / f"{key.digest()}.json").read_text())
        except FileNotFoundError:
            return None
        return EngineRecord(**{**raw, "key": key, "attention": tuple(AttentionAudit(**block) for block in raw["attention"]), "parity": ()})

    def read(self, key: EngineKey) -> tuple[EngineRecord, bytes]:
        record = self.find(key)
        assert record is not None
        return record, (self.folder / f"{key.digest()}.engine").read_bytes()
