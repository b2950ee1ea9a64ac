"""A stand-in for the engine cache: its names and shapes, without the keyed hash, eviction and checks of the real one."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from runtime.atomic import written
from runtime.engine_record import AttentionAudit, EngineKey, EngineRecord


class EngineCache:
    def __init__(self, folder: Path | None = None) -> None:
        root = os.environ.get("CLEARWAY_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "clearway"
        self.folder = folder or Path(root) / "engines"
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    @contextlib.contextmanager
    def building(self, key: EngineKey, waiting: Callable[[], None] | None = None) -> Iterator[None]:
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
