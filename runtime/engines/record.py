"""The facts about an engine: what it was built from and for, and what is known of it. Does not know files or TensorRT.

`EngineKey` is everything that makes two engines the same one; its digest is their name. `EngineRecord` is the sidecar: the key and what
the build showed, as strict JSON.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from runtime.errors import BackendError, UsageError
from runtime.machine.nvidia import Gpu
from runtime.model.manifest import MINIMUM_SIDE, ParityRecord, PrecisionFacts
from runtime.model.strict_json import decode, encode, parse

ENGINE_SCHEMA = 2  # raised whenever a field changes its meaning; engines of another schema are built again
TARGETS = ("tensorrt-rtx", "tensorrt")
PRECISIONS = ("fp16", "fp32")
ANY_GPU = "any"  # the compute capability of an engine that TensorRT-RTX fits to whichever GPU it meets

_SHA256 = re.compile("[0-9a-f]{64}")
_CAPABILITY = re.compile(rf"\d+\.\d+|{ANY_GPU}")


class Size(NamedTuple):
    """Of the graph's input `frame`."""

    batch: int
    height: int
    width: int

    def __str__(self) -> str:
        """The width first, as people and `--size` have it."""
        return f"{self.width}×{self.height}" if self.batch == 1 else f"{self.width}×{self.height}, batch {self.batch}"

    @property
    def pixels(self) -> int:
        return self.batch * self.height * self.width


@dataclass(frozen=True)
class Profile:
    """The sizes that one optimisation profile takes; static where all three are equal."""

    name: str
    least: Size
    usual: Size  # what the builder's choices are the fastest for
    most: Size

    def __post_init__(self) -> None:
        if not all(a <= b <= c for a, b, c in zip(self.least, self.usual, self.most, strict=True)):
            raise UsageError(f"profile {self.name}: expected least ≤ usual ≤ most, got {self.least} / {self.usual} / {self.most}")
        if self.least.batch < 1 or min(self.least.height, self.least.width) < MINIMUM_SIDE:
            raise UsageError(f"profile {self.name}: expected at least 1 picture of {MINIMUM_SIDE}×{MINIMUM_SIDE}, got {self.least}")

    def contains(self, size: Size) -> bool:
        return all(a <= b <= c for a, b, c in zip(self.least, size, self.most, strict=True))

    def padded(self, size: Size) -> Size | None:
        """The smallest size of the profile that holds a picture of this one, itself if it can be; None where there is none.

        Frames are never added: they would be computed for nobody.
        """
        held = Size(size.batch, max(size.height, self.least.height), max(size.width, self.least.width))
        return held if self.contains(held) else None

    def __str__(self) -> str:
        (fewest, low, narrow), (most, high, wide) = self.least, self.most
        frames = f"batch {fewest}" if fewest == most else f"batch {fewest} to {most}"
        if (low, narrow) == (high, wide):
            return f"{wide}×{high}, {frames}"
        return f"{self.name}: {narrow}×{low} to {wide}×{high}, {frames}"


@dataclass(frozen=True)
class EngineKey:
    """Two engines with the same key are the same engine; any difference makes another one."""

    model_sha256: str  # of the ONNX file that was compiled
    target: str
    builder: str  # version
    compute_capability: str  # "8.6", or ANY_GPU
    profiles: tuple[Profile, ...]  # in the engine's own order
    precision: str
    precision_map: str  # sha256 of the manifest's precision section; "" where it has none

    def __post_init__(self) -> None:
        names = [profile.name for profile in self.profiles]
        sound = {
            "model_sha256": _SHA256.fullmatch(self.model_sha256),
            "target": self.target in TARGETS,
            "builder": self.builder,
            "compute_capability": _CAPABILITY.fullmatch(self.compute_capability),
            "profiles": names and len(set(names)) == len(names),
            "precision": self.precision in PRECISIONS,
            "precision_map": not self.precision_map or _SHA256.fullmatch(self.precision_map),
        }
        for field, holds in sound.items():
            if not holds:
                raise BackendError(f"expected an engine's key with a sound {field}, got {getattr(self, field)!r}; build it again")

    def digest(self) -> str:
        """The engine's name in the cache: sha256 over canonical JSON."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def precision_map(facts: PrecisionFacts, precision: str) -> str:
    """What a key holds of how the FP16 graph is typed; the FP32 graph has nothing of the kind."""
    return "" if precision == "fp32" else hashlib.sha256(json.dumps(asdict(facts), sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class EngineParity:
    """How far an engine was from the reference on one GPU."""

    card: Gpu  # called so in the records of engines that are stored already
    found: ParityRecord


@dataclass(frozen=True)
class AttentionAudit:
    """Whether one attention block became one fused kernel."""

    block: str  # the PyTorch module's path
    fused: bool
    why: str


@dataclass(frozen=True)
class EngineRecord:
    """The sidecar of one engine."""

    schema: int
    key: EngineKey
    model: str  # the bundle's name, for people; the key has its hash
    plan_sha256: str
    plan_bytes: int
    built: str  # UTC, ISO 8601
    build_s: float
    layers: dict[str, int]  # computing layers by the precision that was read back
    attention: tuple[AttentionAudit, ...]
    parity: tuple[EngineParity, ...]  # of every GPU on which it was compared and held; empty: it never ran on one

    def __post_init__(self) -> None:
        _check_schema(self.schema)
        if not self.layers.get(self.key.precision):
            came = ", ".join(f"{count} in {name}" for name, count in self.layers.items()) or "none"
            raise BackendError(f"{self.model}: expected an engine with layers in {self.key.precision}, got {came}; export it again")
        if self.built_at.utcoffset() != timedelta(0):
            raise BackendError(f"{self.model}: expected a build time in UTC, got {self.built!r}; build it again")

    @property
    def built_at(self) -> datetime:
        try:
            return datetime.fromisoformat(self.built)
        except ValueError as error:
            raise BackendError(f"{self.model}: expected a build time in UTC, got {self.built!r}; build it again") from error

    def verified_on(self, gpu: Gpu) -> bool:
        return any(parity.card == gpu for parity in self.parity)

    def to_json(self) -> str:
        return encode(self)

    @classmethod
    def from_json(cls, text: str) -> EngineRecord:
        """ValueError or a BackendError of one line, without the file's name."""
        raw = parse(text)
        if isinstance(raw, dict) and isinstance(raw.get("schema"), int):
            _check_schema(raw["schema"])  # before the fields are read: another schema may well have others
        return decode(cls, raw, "sidecar")


def _check_schema(schema: int) -> None:
    if schema != ENGINE_SCHEMA:
        age = "newer" if schema > ENGINE_SCHEMA else "older"
        raise BackendError(f"expected engine schema {ENGINE_SCHEMA}, got {schema} ({age}); build it again with this Clearway")
