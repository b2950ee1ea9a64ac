"""Owns keys and records of engines that nobody built, for tests of the cache."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

from runtime.engines.record import ENGINE_SCHEMA, AttentionAudit, EngineKey, EngineParity, EngineRecord, Profile, Size
from runtime.machine.nvidia import Gpu
from runtime.model.manifest import ParityRecord

GPU = Gpu("NVIDIA GeForce RTX 3080", "8.6")
PARITY = EngineParity(GPU, ParityRecord("tensorrt-rtx", "fp16", "6 drawn", 3, 55.0, 51.0, 0.999, 0.01, 0.1, 0, None, None, None))


def static(name: str, height: int, width: int, batch: int = 1) -> Profile:
    size = Size(batch, height, width)
    return Profile(name, size, size, size)


WIDE = Profile("720p", Size(1, 360, 640), Size(1, 720, 1280), Size(4, 1080, 1920))
KEY = EngineKey(
    model_sha256="a" * 64,
    target="tensorrt-rtx",
    builder="1.7.1",
    compute_capability="8.6",
    profiles=(WIDE,),
    precision="fp16",
    precision_map="b" * 64,
)


def key(**changes: Any) -> EngineKey:
    return replace(KEY, **changes)


def record(engine_key: EngineKey, plan: bytes, **changes: Any) -> EngineRecord:
    made = EngineRecord(
        schema=ENGINE_SCHEMA,
        key=engine_key,
        model="derain",
        plan_sha256=hashlib.sha256(plan).hexdigest(),
        plan_bytes=len(plan),
        built="2026-11-21T10:00:00+00:00",
        build_s=12.5,
        layers={"fp16": 40, "fp32": 2},
        attention=(AttentionAudit("network.phases.0.attention", fused=True, why="fp16, 2 heads of 16"),),
        parity=(),
    )
    return replace(made, **changes)
