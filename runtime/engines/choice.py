"""Which stored engine serves a picture size, and why where none does. Does not know files or TensorRT."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from runtime.engines.record import ANY_GPU, EngineRecord, Profile, Size
from runtime.errors import BackendError
from runtime.machine.nvidia import Gpu


@dataclass(frozen=True)
class EngineRequest:
    """What this machine could run: a key but for the profiles, which are whatever was built."""

    bundle: str  # as it was asked for: a shipped name or a path
    model_sha256: str
    target: str
    builder: str
    gpu: Gpu  # that is in the machine
    precision: str
    precision_map: str

    @property
    def compute_capability(self) -> str:
        return self.gpu.compute_capability


@dataclass(frozen=True)
class EngineChoice:
    record: EngineRecord
    profile: int  # its place in the engine
    size: Size  # that it computes; larger than the picture where that is padded


def of_this_model(records: Sequence[EngineRecord], wanted: EngineRequest) -> list[EngineRecord]:
    """Whatever machine they are for: `wanted` needs no builder version, and TensorRT need not be opened to ask."""
    return _narrowed(records, wanted, _OF_THE_MODEL, None)


def of_this_machine(records: Sequence[EngineRecord], wanted: EngineRequest, size: Size | None = None) -> list[EngineRecord]:
    """Those of the model that can run here; where there are none, a BackendError with what there is and the line that builds one."""
    return _narrowed(records, wanted, _OF_THE_MODEL | _OF_THE_MACHINE, size)


def verified(records: Sequence[EngineRecord], wanted: EngineRequest) -> list[EngineRecord]:
    """Those that were compared on this GPU."""
    held = [record for record in of_this_machine(records, wanted) if record.verified_on(wanted.gpu)]
    if not held:
        check = shlex.join(["clearway", "verify", wanted.bundle, "--backend", wanted.target])
        raise BackendError(f"{wanted.bundle}: expected an engine that was verified on this {wanted.gpu.name}, but none was; {check}")
    return held


def choose(records: Sequence[EngineRecord], wanted: EngineRequest, size: Size, *, pad: bool = False) -> EngineChoice:
    """The engine and the profile for this size; where there is none, a BackendError with what there is and the line that builds it.

    With `pad`, a profile of larger pictures may serve. First comes what computes the fewest pixels, then what was verified on this GPU,
    then the narrowest profile: it was built for little else.
    """
    fitting = of_this_machine(records, wanted, size)
    choices = [
        EngineChoice(record, place, held)
        for record in fitting
        for place, profile in enumerate(record.key.profiles)
        if (held := profile.padded(size)) is not None
    ]
    whole = "; it is not padded to one of them, since this network sees the whole picture" if choices else ""
    if not pad:
        choices = [choice for choice in choices if choice.size == size]
    if not choices:
        there = "; ".join(str(profile) for profile in _profiles(fitting))
        line = build_line(wanted, size)
        raise BackendError(f"{wanted.bundle}: expected a profile that takes {size}, but there are: {there}{whole}; {line}")
    return min(choices, key=lambda choice: _cost(choice, wanted))


def build_line(wanted: EngineRequest, size: Size | None = None) -> str:
    batch = [] if size is None or size.batch == 1 else ["--batch", str(size.batch)]
    exact = [] if size is None else ["--size", f"{size.width}x{size.height}", *batch]
    return shlex.join(["clearway", "build", wanted.bundle, "--target", wanted.target, "--precision", wanted.precision, *exact])


# In the order in which they are told: the first that no engine has is the reason.
_OF_THE_MODEL = {"model_sha256": "model", "precision": "precision", "precision_map": "precision map"}
_OF_THE_MACHINE = {"builder": "builder version", "compute_capability": "compute capability"}


def _narrowed(records: Sequence[EngineRecord], wanted: EngineRequest, fields: dict[str, str], size: Size | None) -> list[EngineRecord]:
    fitting = [record for record in records if record.key.target == wanted.target]
    for field, called in fields.items():
        left = [record for record in fitting if _fits(field, record, wanted)]
        if not left:
            raise BackendError(f"{wanted.bundle}: {_lacking(field, called, fitting, wanted)}; {build_line(wanted, size)}")
        fitting = left
    return fitting


def _cost(choice: EngineChoice, wanted: EngineRequest) -> tuple[int, bool, int]:
    record = choice.record
    return choice.size.pixels, not record.verified_on(wanted.gpu), record.key.profiles[choice.profile].most.pixels


def _fits(field: str, record: EngineRecord, wanted: EngineRequest) -> bool:
    held: str = getattr(record.key, field)
    return held == getattr(wanted, field) or (field == "compute_capability" and held == ANY_GPU)


def _lacking(field: str, called: str, there: Iterable[EngineRecord], wanted: EngineRequest) -> str:
    if field in ("model_sha256", "precision_map"):  # hashes say nothing to people
        return f"expected an engine for {wanted.target} with this very {called}, but none is stored"
    held = ", ".join(sorted({getattr(record.key, field) for record in there}))
    return f"expected an engine for {wanted.target} with {called} {getattr(wanted, field)}, but there is: {held}"


def _profiles(records: Sequence[EngineRecord]) -> list[Profile]:
    """Each once."""
    return list(dict.fromkeys(profile for record in records for profile in record.key.profiles))
