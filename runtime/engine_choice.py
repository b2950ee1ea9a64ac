"""Owns which stored engine serves a picture size, and saying why none does; knows nothing of files or TensorRT."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from runtime.engine_record import ANY_CARD, EngineRecord, Profile, Size
from runtime.errors import BackendError


@dataclass(frozen=True)
class Wanted:
    """What this machine could run: a key but for the profiles, which are whatever was built."""

    bundle: str  # as it was asked for: a shipped name or a path
    model_sha256: str
    target: str
    builder: str
    compute_capability: str  # of the card that is in the machine
    precision: str
    precision_map: str


@dataclass(frozen=True)
class Choice:
    record: EngineRecord
    profile: int  # its place in the engine

    @property
    def _preference(self) -> tuple[bool, int]:
        """What ran on a card comes before what never did, then the narrowest: it was built for little else."""
        return not self.record.parity, self.record.key.profiles[self.profile].most.pixels


def choose(records: Sequence[EngineRecord], wanted: Wanted, size: Size) -> Choice:
    """The engine and the profile for this size; where there is none, a BackendError with what there is and the line that builds it."""
    fitting = [record for record in records if record.key.target == wanted.target]
    for field, called in _MUST_FIT.items():
        left = [record for record in fitting if _fits(field, record, wanted)]
        if not left:
            raise BackendError(f"{wanted.bundle}: {_lacking(field, called, fitting, wanted)}; {build_line(wanted, size)}")
        fitting = left
    choices = [
        Choice(record, place) for record in fitting for place, profile in enumerate(record.key.profiles) if profile.contains(size)
    ]
    if not choices:
        there = "; ".join(str(profile) for profile in _profiles(fitting))
        raise BackendError(f"{wanted.bundle}: a profile that takes {size} was expected, there are: {there}; {build_line(wanted, size)}")
    return min(choices, key=lambda choice: choice._preference)


def build_line(wanted: Wanted, size: Size) -> str:
    batch = [] if size.batch == 1 else ["--batch", str(size.batch)]
    exact = ["--precision", wanted.precision, "--size", f"{size.width}x{size.height}", *batch]
    return shlex.join(["clearway", "build", wanted.bundle, "--target", wanted.target, *exact])


# In the order in which they are told: the first that no engine has is the reason.
_MUST_FIT = {
    "model_sha256": "model",
    "precision": "precision",
    "precision_map": "precision map",
    "builder": "builder version",
    "compute_capability": "compute capability",
}


def _fits(field: str, record: EngineRecord, wanted: Wanted) -> bool:
    held: str = getattr(record.key, field)
    return held == getattr(wanted, field) or (field == "compute_capability" and held == ANY_CARD)


def _lacking(field: str, called: str, there: Sequence[EngineRecord], wanted: Wanted) -> str:
    if field in ("model_sha256", "precision_map"):  # hashes say nothing to people
        return f"an engine for {wanted.target} with this very {called} was expected, none is stored"
    held = ", ".join(sorted({getattr(record.key, field) for record in there}))
    return f"an engine for {wanted.target} with {called} {getattr(wanted, field)} was expected, there is: {held}"


def _profiles(records: Sequence[EngineRecord]) -> list[Profile]:
    """Each once."""
    return list(dict.fromkeys(profile for record in records for profile in record.key.profiles))
