"""Owns the check of a bundle on the machine that runs it, from its own proof; imports neither torch nor onnx."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from export.cases import read_proof
from export.parity import Verdict, compare
from runtime.backend import PREFERENCE, open_backend
from runtime.bundle import PROOF, open_bundle
from runtime.errors import BackendError, MissingExtra


@dataclass(frozen=True)
class Report:
    folder: Path
    verdicts: tuple[Verdict, ...]
    not_opened: tuple[tuple[str, str], ...]  # (backend, why): this machine cannot run it

    @property
    def holds(self) -> bool:
        return all(verdict.holds for verdict in self.verdicts)


def verify_bundle(folder: Path, backends: Sequence[str] = ()) -> Report:
    """Every backend named must open; with none named, those that this machine cannot open are listed, and one must."""
    bundle = open_bundle(folder)
    cases = read_proof(folder / PROOF)
    verdicts: list[Verdict] = []
    not_opened: list[tuple[str, str]] = []
    for name in backends or PREFERENCE:
        try:
            choice = open_backend(bundle, name)
        except (BackendError, MissingExtra) as error:
            if backends:
                raise
            not_opened.append((name, str(error)))
            continue
        with contextlib.closing(choice.backend) as backend:
            verdicts.append(compare(backend, cases, f"{len(cases)} drawn pictures of the proof"))
    if not verdicts:
        raise BackendError(f"no backend could be opened on this machine: {'; '.join(f'{name}: {why}' for name, why in not_opened)}")
    return Report(folder, tuple(verdicts), tuple(not_opened))
