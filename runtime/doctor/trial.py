"""Tries a shipped model as a user would run it: what `auto` takes, how soon and how fast. Does not know any engine.

Each try has a process of its own: an engine that ends it is a finding too.
"""

from __future__ import annotations

import itertools
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from runtime.doctor.child import answer, ask
from runtime.errors import BundleError, ClearwayError
from runtime.model.bundle import open_bundle
from runtime.model.strict_json import decode
from runtime.model.zoo import find

SIZE = (720, 1280)  # height, width
_SECONDS = 1.5  # of restoring, after the first picture
_PATIENCE = 120  # seconds for the whole of a try: one old core takes some for each picture


@dataclass(frozen=True)
class PassedOverBackend:
    backend: str
    why: str  # with what to do


@dataclass(frozen=True)
class TrialTiming:
    backend: str
    precision: str
    detail: str
    first_s: float  # from loading the model to the first picture
    fps: float  # pictures a second, one stream
    passed_over: tuple[PassedOverBackend, ...]


@dataclass(frozen=True)
class Trial:
    """`measured` without a fault is what `auto` took; with one, what has to be asked for by its name. None: nothing runs it."""

    model: str
    measured: TrialTiming | None
    fault: str
    passed_over: tuple[PassedOverBackend, ...]


def try_model(model: str) -> Trial:
    """A shipped one, by its name."""
    folder = find(model)
    try:
        open_bundle(folder)
    except BundleError as error:
        return Trial(model, None, str(error), ())
    measured, fault = _try(folder, "auto")
    if measured is not None:
        return Trial(model, measured, "", measured.passed_over)
    return _by_name(model, folder, fault)


def _by_name(model: str, folder: Path, fault: str) -> Trial:
    from runtime.backends.choose import PREFERENCE  # it needs numpy, which is what may be missing

    refused: list[PassedOverBackend] = []
    for name in PREFERENCE:
        measured, why = _try(folder, name)
        if measured is not None:
            return Trial(model, measured, fault, tuple(refused))
        refused.append(PassedOverBackend(name, why))
    return Trial(model, None, "no engine here runs it", tuple(refused))


def _try(folder: Path, backend: str) -> tuple[TrialTiming | None, str]:
    asked = ask(__name__, str(folder), backend, str(_SECONDS), seconds=_PATIENCE)
    if asked.fault:
        return None, asked.fault
    if "refused" in asked.value:
        return None, asked.value["refused"]
    return decode(TrialTiming, asked.value, "trial"), ""


def _measure(folder: Path, backend: str, seconds: float) -> TrialTiming:
    import numpy as np

    from runtime.restorer import load

    picture = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), np.uint8)
    started = time.perf_counter()
    with load(folder, backend) as restore:
        restore(picture)
        came = time.perf_counter()
        pictures = itertools.takewhile(lambda _: time.perf_counter() - came < seconds, itertools.repeat(picture))
        fps = sum(1 for _ in restore.stream(pictures)) / (time.perf_counter() - came)
        facts, passed_over = restore.facts, tuple(PassedOverBackend(*reason) for reason in restore.choice.passed_over)
    return TrialTiming(facts.name, facts.precision, facts.detail, round(came - started, 2), round(fps, 1), passed_over)


if __name__ == "__main__":
    try:
        answer(asdict(_measure(Path(sys.argv[1]), sys.argv[2], float(sys.argv[3]))))
    except ClearwayError as error:
        answer({"refused": str(error)})
