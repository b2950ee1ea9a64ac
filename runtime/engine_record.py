"""A stand-in for the facts about an engine: their names and shapes, without their checks."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from typing import NamedTuple

from runtime.manifest import ParityRecord

ENGINE_SCHEMA = 1
ANY_CARD = "any"


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
    parity: tuple[ParityRecord, ...]
