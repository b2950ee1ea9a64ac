"""The check of stored engines on this machine's GPU, and that their sidecars remember it. Does not know limits.

An engine takes the sizes of its profiles alone. So the proof's pictures are mirrored out to these, and the answers are those of the FP32
graph on the CPU, which the bundle's gate found within one level of PyTorch's, and which a box without torch can ask too.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace

import numpy as np

from export.parity.compare import Case, Comparison, Verdict
from runtime.backends.choose import open_backend
from runtime.backends.protocol import EngineOptions
from runtime.backends.tensorrt.backend import TensorRtBackend, stored_engines
from runtime.backends.tensorrt.package import open_package
from runtime.backends.tensorrt.plan import put_padded
from runtime.engines.cache import EngineCache
from runtime.engines.choice import of_this_machine
from runtime.engines.record import EngineParity, EngineRecord, Profile, Size
from runtime.errors import BackendError
from runtime.machine.nvidia import Gpu, first_gpu
from runtime.model.bundle import Bundle
from runtime.picture import Picture, Tensors

_REFERENCE = "onnxruntime"  # in FP32 on every machine
_OF_EACH_SIZE = 2  # pictures; the answers for a large network take a CPU seconds each


class EngineCheck:
    """One engine that is open. It is a `Way` for single pictures: a batch of the least that it takes is made of each."""

    def __init__(self, bundle: Bundle, record: EngineRecord) -> None:
        self._bundle, self._record = bundle, record
        self._backend = TensorRtBackend(bundle, record.key.target, EngineOptions(exact=record.key.precision == "fp32"), only=record)
        self._batch = 1
        self.facts = self._backend.facts

    def run(self, frames: Picture) -> Tensors:
        came = self._backend.run(frames.repeat(self._batch, axis=0))
        return {name: array[:1] for name, array in came.items()}

    def verdict(self, proof: Sequence[Case]) -> Verdict:
        """Compared on every profile. The sidecar then says so, or no longer does."""
        comparison, sizes, count = Comparison(self), [], 0
        with closing(open_backend(self._bundle, _REFERENCE).backend) as reference:
            for profile in self._record.key.profiles:
                self._batch = profile.least.batch
                for size, case in _cases(proof, profile):
                    comparison.add(replace(case, expected=reference.run(case.frame[None])))
                    sizes.append(f"{size.width}×{size.height}")
                    count += 1
        here = first_gpu()
        of = ", ".join(dict.fromkeys(sizes))
        verdict = comparison.verdict(f"{count} pictures, the proof's mirrored out to {of}, FP32 answers of {_REFERENCE}, on {here.name}")
        _remember(self._record, here, verdict)
        return verdict

    def close(self) -> None:
        self._backend.close()


def engine_checks(bundle: Bundle, target: str) -> list[EngineCheck]:
    """Every stored engine of the bundle that can run here, in FP16 and FP32; a BackendError where there is none."""
    found: list[EngineRecord] = []
    lacking: list[BackendError] = []
    for exact in (False, True):
        try:
            stored, wanted = stored_engines(bundle, target, exact=exact, cache=EngineCache())
            found += of_this_machine(stored, replace(wanted, builder=open_package(target).version))
        except BackendError as error:
            lacking.append(error)
    if not found:
        raise lacking[0]
    checks: list[EngineCheck] = []
    try:
        for record in found:
            checks.append(EngineCheck(bundle, record))
    except BaseException:
        for check in checks:
            check.close()
        raise
    return checks


def sizes_of(profile: Profile) -> list[Size]:
    """Its smallest, its usual one, and one between them that no stride divides, as single pictures."""
    (_, low, narrow), (_, high, wide) = profile.least, profile.usual
    between = Size(profile.least.batch, min((low + high) // 2 | 1, high), min((narrow + wide) // 2 | 1, wide))
    return [size._replace(batch=1) for size in dict.fromkeys((profile.least, between, profile.usual._replace(batch=profile.least.batch)))]


def _cases(proof: Sequence[Case], profile: Profile) -> Iterator[tuple[Size, Case]]:
    turn = itertools.cycle(proof)
    for size in sizes_of(profile):
        for case in itertools.islice(turn, _OF_EACH_SIZE):
            known = case.clean if case.clean is not None and case.clean.shape == case.frame.shape else None
            clean = None if known is None else _mirrored(known, size)
            yield size, Case(f"{case.name} as {size}", _mirrored(case.frame, size), clean, {})


def _mirrored(picture: Picture, size: Size) -> Picture:
    """Cut where it is larger, mirrored out where it is smaller."""
    into: Picture = np.empty((1, size.height, size.width, 3), np.uint8)
    put_padded(picture[None, : size.height, : size.width], into)
    return into.reshape(into.shape[1:])


def _remember(record: EngineRecord, here: Gpu, verdict: Verdict) -> None:
    cache = EngineCache()
    stored, plan = cache.read(record.key)
    others = tuple(parity for parity in stored.parity if parity.card != here)
    parity = (*others, EngineParity(here, verdict.record)) if verdict.holds else others
    cache.store(replace(stored, parity=parity), plan)
