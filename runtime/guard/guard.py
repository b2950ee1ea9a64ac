"""Watches what a network gives and what is done where it cannot be right. Does not know video, and sees engines as backends.

NaN and Inf are found in every picture, in every mode. The rest is looked for in every Nth: black, white or one colour where the source
is not, and colours further from the source's than the model is used to. `strict` raises. `repair` runs that picture again in FP32, whose
answer stands: what still looks wrong then is what the network makes of this picture, and is told and counted as confirmed. NaN is an error.
"""

from __future__ import annotations

import dataclasses
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from runtime.backends.choose import BackendChoice, open_backend
from runtime.backends.protocol import Backend, EngineOptions
from runtime.errors import BackendError, MissingExtra, PictureError, UsageError
from runtime.guard.faults import KINDS, ChangeLimits, Fault, change, fault_in, limits_for
from runtime.model.bundle import Bundle
from runtime.picture import Picture, Tensors
from runtime.tiles.tiled import TiledBackend, TileSide

GUARDS = ("repair", "strict", "off")
_NAN = Fault("nan", "it is NaN or Inf")
_REFERENCE = "onnxruntime"  # runs every bundle, in FP32 and on any machine


@dataclass(frozen=True)
class GuardOptions:
    mode: str = "repair"
    every: int = 1  # of so many pictures one is looked at for more than NaN

    def __post_init__(self) -> None:
        if self.mode not in GUARDS:
            raise UsageError(f"the guard must be one of {', '.join(GUARDS)}; {self.mode!r} came")
        if self.every < 1:
            raise UsageError(f"the guard can look at every picture (1) or at every Nth, {self.every} came; guard='off' looks at none")


class Guard:
    """Any thread may look, and close. `open_exact` is called when a picture first needs FP32; None: FP32 is what ran."""

    def __init__(
        self, options: GuardOptions, limits: ChangeLimits, name: str, advice: str, open_exact: Callable[[], Backend] | None
    ) -> None:
        self.options = options
        self._limits, self._name, self._advice = limits, name, advice
        self._open_exact = open_exact
        self._exact: Backend | None = None
        self._begun, self._looked, self._closed = 0, 0, False
        self._seen: Counter[str] = Counter()  # by kind
        self._done: Counter[str] = Counter()  # "repaired", "confirmed", "raised"
        self._counting, self._opening = threading.Lock(), threading.Lock()

    def begin(self, count: int) -> int:
        """The number of the first of so many pictures that are about to be run, from 0."""
        with self._counting:
            self._begun += count
            return self._begun - count

    def look(self, first: int, frames: Picture, came: Tensors) -> None:
        """`came` has what the backend gave for `frames`, [N, H, W, 3]: it is right afterwards, or this raises."""
        for place, frame in enumerate(frames):
            part: Tensors = {name: array[place : place + 1] for name, array in came.items()}
            if (fault := self._fault(frame, part, closely=self._closely(first + place))) is not None:
                self._act_on(fault, first + place, frame, part)

    def _closely(self, number: int) -> bool:
        closely = self.options.mode != "off" and number % self.options.every == 0
        if closely:
            with self._counting:
                self._looked += 1
        return closely

    def _fault(self, frame: Picture, came: Tensors, *, closely: bool) -> Fault | None:
        health = np.asarray(came["health"][0], np.float32)
        if not np.isfinite(health).all():
            return _NAN
        return fault_in(change(frame, np.asarray(came["restored"][0], np.uint8), health), self._limits) if closely else None

    def _act_on(self, fault: Fault, number: int, frame: Picture, came: Tensors) -> None:
        self._count(self._seen, fault.kind)
        said = f"{self._name}: what the network gave for picture {number} cannot be right: {fault.words}"
        try:
            if self.options.mode != "repair":
                raise BackendError(f"{said}; {self._advice}")
            again = fault if self._open_exact is None else self._run_again(self._open_exact, said, frame, came)
            if again is _NAN:
                raise BackendError(f"{said}, in FP32 too; {self._advice}")
        except BackendError:
            self._count(self._done, "raised")
            raise
        self._count(self._done, "confirmed" if again else "repaired")

    def _run_again(self, open_exact: Callable[[], Backend], said: str, frame: Picture, came: Tensors) -> Fault | None:
        """In FP32, into the same arrays; what is wrong with that."""
        try:
            backend = self._exact_backend(open_exact)
            backend.run(frame[None], came)
        except (BackendError, MissingExtra, PictureError) as error:  # PictureError: FP32 takes more memory than there is
            raise BackendError(f"{said}; it cannot be run again in FP32 ({error}); {self._advice}") from error
        return self._fault(frame, came, closely=True)

    def _exact_backend(self, open_exact: Callable[[], Backend]) -> Backend:
        with self._opening:  # the others wait: each would take the memory of one
            if self._closed:
                raise BackendError("the model was closed; load it again")
            if self._exact is None:
                self._exact = open_exact()
            return self._exact

    def _count(self, counter: Counter[str], key: str) -> None:
        with self._counting:
            counter[key] += 1

    def statistics(self) -> dict[str, Any]:
        """How many pictures were looked at closely, what was seen by kind, what was done, and which FP32 path was opened for it, if any."""
        with self._counting:
            facts = None if self._exact is None else self._exact.facts
            return {
                "mode": self.options.mode,
                "every": self.options.every,
                "pictures": self._begun,
                "looked_at": self._looked,
                "seen": {kind: self._seen[kind] for kind in KINDS if self._seen[kind]},
                **{done: self._done[done] for done in ("repaired", "confirmed", "raised")},
                "repaired_by": None if facts is None else f"{facts.name} {facts.precision} ({facts.detail})",
            }

    def done(self) -> Counter[str]:
        """How many pictures were repaired, and how many confirmed, until now."""
        with self._counting:
            return self._done.copy()

    def notes(self, since: Counter[str]) -> tuple[str, ...]:
        """For people: a line for what was repaired and one for what was confirmed since `done` was that."""
        new, notes = self.done() - since, []
        if count := new["repaired"]:
            pictures = "1 picture that came out wrong was" if count == 1 else f"{count} pictures that came out wrong were"
            notes.append(f"{pictures} run again in FP32; `clearway verify` checks the model")
        if count := new["confirmed"]:
            pictures = "1 picture looks" if count == 1 else f"{count} pictures look"
            notes.append(f"{pictures} wrong (black, white, one colour or another tint), in FP32 too: that is what the model makes of them")
        return tuple(notes)

    def close(self) -> None:
        """Frees the FP32 path, if one was opened. A second call does nothing."""
        with self._opening:
            self._closed = True
            if self._exact is not None:
                self._exact.close()


def open_guard(bundle: Bundle, choice: BackendChoice, engine: EngineOptions, options: GuardOptions, tile: TileSide) -> Guard:
    facts = choice.backend.facts
    limits = ChangeLimits() if options.mode == "off" else limits_for(bundle)
    advice = "check the model with `clearway verify`" + (f", or delete {facts.cache} (compiled models)" if facts.cache else "")
    # The same engine in FP32, else the reference: unless that is what ran.
    names = [name for name, better in ((facts.name, facts.precision != "fp32"), (_REFERENCE, facts.name != _REFERENCE)) if better]
    exact = dataclasses.replace(engine, exact=True)
    reference = partial(_first_that_opens, bundle, names, exact, tile)
    return Guard(options, limits, bundle.manifest.name, advice, reference if names else None)


def _first_that_opens(bundle: Bundle, names: Sequence[str], options: EngineOptions, tile: TileSide) -> Backend:
    reasons = []
    for name in names:
        try:
            return TiledBackend(bundle.manifest, open_backend(bundle, name, options).backend, tile, options.mode)
        except (BackendError, MissingExtra) as error:
            reasons.append(f"{name}: {error}")
    raise BackendError("; ".join(reasons))
