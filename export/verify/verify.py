"""The check of a bundle on the machine that runs it: from its own proof, and on new pictures where torch can answer for them.

Imports neither torch nor onnx by itself: a deployment box has the proof only, and is told so.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from export.parity.cases import read_proof
from export.parity.compare import Case, Comparison, ModelRunner, Verdict
from export.verify.engine_parity import EngineCheck, engine_checks
from runtime.backends.choose import PREFERENCE, open_backend
from runtime.engines.record import TARGETS
from runtime.errors import BackendError, ExportError, MissingExtra, needs_extra
from runtime.model.bundle import PROOF, WEIGHTS, Bundle, open_bundle

NODE_BY_NODE = "node-by-node"  # a way of running for verdicts only, not for video
Progress = Callable[[int], None]  # pictures compared so far


@dataclass(frozen=True)
class ParityReport:
    folder: Path
    model: str  # name and version
    verdicts: tuple[Verdict, ...]
    not_opened: tuple[tuple[str, str], ...]  # (backend, why): this machine cannot run it
    proof_only: str = ""  # why nothing but the proof was compared; empty where new pictures were

    @property
    def holds(self) -> bool:
        return all(verdict.holds for verdict in self.verdicts)


def verify_bundle(
    folder: Path, backends: Sequence[str] = (), pictures: Path | None = None, progress: Progress = lambda _: None
) -> ParityReport:
    """Every backend named must open; with none named, those that this machine cannot open are listed, and one must."""
    bundle = open_bundle(folder)
    proof = read_proof(folder / PROOF)
    new, described, proof_only = _new_cases(bundle, pictures)
    with contextlib.ExitStack() as opened:
        running, engines, not_opened = _open(bundle, backends, opened)
        comparisons = [Comparison(backend) for backend in running]
        for number, case in enumerate(itertools.chain(proof, new), start=1):
            for comparison in comparisons:
                comparison.add(case)
            progress(number)
        on = f"{len(proof)} drawn pictures of the proof{described}"
        verdicts = (*(comparison.verdict(on) for comparison in comparisons), *(engine.verdict(proof) for engine in engines))
    return ParityReport(folder, f"{bundle.manifest.name} {bundle.manifest.version}", verdicts, not_opened, proof_only)


def _new_cases(bundle: Bundle, pictures: Path | None) -> tuple[Iterable[Case], str, str]:
    """(cases, what they are, why there are none). Pictures that were named are compared or raise."""
    if WEIGHTS not in bundle.manifest.files:
        why = f"{bundle.folder} has no {WEIGHTS}, so PyTorch cannot be asked for new answers"
        if pictures is not None:
            raise ExportError(f"{why}; leave --pictures out to check its proof")
        return (), "", why
    try:
        with needs_extra("export"):
            from export.verify.answers import new_cases
    except MissingExtra as missing:
        if pictures is not None:
            raise
        return (), "", str(missing)
    cases, described = new_cases(bundle, pictures)
    return cases, f", {described}", ""


def _open(
    bundle: Bundle, names: Sequence[str], opened: contextlib.ExitStack
) -> tuple[list[ModelRunner], list[EngineCheck], tuple[tuple[str, str], ...]]:
    """What takes pictures of every size; stored engines, which do not; and what cannot be opened, with why."""
    running: list[ModelRunner] = []
    engines: list[EngineCheck] = []
    not_opened: list[tuple[str, str]] = []
    for name in dict.fromkeys(names) or (*PREFERENCE, NODE_BY_NODE):
        try:
            if name in TARGETS:
                engines += [opened.enter_context(contextlib.closing(check)) for check in engine_checks(bundle, name)]
                continue
            backend: ModelRunner = _node_by_node(bundle) if name == NODE_BY_NODE else open_backend(bundle, name).backend
            running.append(opened.enter_context(contextlib.closing(backend)))
        except (BackendError, MissingExtra) as error:
            if names:
                raise
            not_opened.append((name, str(error)))
    if not running and not engines:
        raise BackendError(f"no backend could be opened on this machine: {'; '.join(f'{name}: {why}' for name, why in not_opened)}")
    return running, engines, tuple(not_opened)


def _node_by_node(bundle: Bundle) -> ModelRunner:
    """The FP16 graph itself: a CPU's engines would compute it in FP32."""
    with needs_extra("export"):
        import onnx

        from export.onnx.arithmetic import NodeByNode
    return NodeByNode(onnx.load_model(bundle.fp16_path))
