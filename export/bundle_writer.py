"""The writing of bundles: a model becomes a folder only after the parity gate held. Knows no network by name.

Everything is written into a folder beside the target, opened there by the runtime as a user would open it, run by every
backend of `GATE` (and, as FP16, node by node), and renamed at the very end. Whatever goes wrong before leaves nothing under the
target's name.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx
import onnx_ir as ir
from torch import nn

from export.onnx.arithmetic import NodeByNode
from export.onnx.graph import cost_of, facts_of, fp32_of, reference, traced
from export.onnx.repair import fp16_of
from export.onnx.trained import ExportedNetwork, trained
from export.parity.cases import PROOF_SIZES, SIZES, clean_sizes, drawn_pictures, extremes, make_cases, photographs, proof_bytes
from export.parity.compare import Case, compare
from export.progress import Say
from runtime.backends.choose import open_backend
from runtime.backends.protocol import EngineOptions
from runtime.errors import ExportError, UsageError
from runtime.model.bundle import MANIFEST, MODEL, MODEL_FP16, PROOF, WEIGHTS, open_bundle, sha256_of
from runtime.model.manifest import SCHEMA, ModelCard, ModelManifest, NetworkFacts, ParityRecord, PrecisionFacts, Score
from training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from training.degradations.degradation import Degradation

GATE = ("onnxruntime", "openvino")  # backends that must agree with PyTorch before there is a bundle
_CALIBRATING = 6  # cuts of photographs, where there are any
_SEED = 2  # of the drawn pictures and of what is laid over them


@dataclass(frozen=True)
class ExportOptions:
    target: Path
    pictures: Path | None = None  # photographs for the gate; drawn pictures where there are none
    scores: tuple[Score, ...] = ()
    version: str = "1"
    force: bool = False  # replace a bundle that is there
    say: Say = lambda _: None  # hears what is being done: a published size takes minutes


@dataclass(frozen=True)
class BundleParts:
    """What a bundle is made of, wherever it came from."""

    task: str
    summary: str
    facts: NetworkFacts
    card: ModelCard
    network: nn.Module  # run by PyTorch it is the truth that engines are compared with
    graph: ir.Model  # the same under the graph contract, in FP32, one node for each attention block
    degrade: Degradation  # what is laid over the pictures of the gate
    enlarges: int  # times: `degrade` gives pictures that much smaller than their truth
    checkpoint: Checkpoint | None  # so that a bundle can be exported again, by a later Clearway or for another target


def export_checkpoint(checkpoint: Path, options: ExportOptions) -> ModelManifest:
    """The whole way from a checkpoint's file to a bundle's folder."""
    return write_bundle(trained(load_checkpoint(checkpoint)), options)


def write_bundle(model: ExportedNetwork, options: ExportOptions) -> ModelManifest:
    check_target(options)
    checkpoint, network = model.checkpoint, model.network
    parameters, gflops = cost_of(network)
    facts = NetworkFacts(checkpoint.network, checkpoint.preset, checkpoint.config, parameters, round(gflops, 3))
    about = checkpoint.task, checkpoint.summary, facts, checkpoint.card
    options.say("tracing the network")
    return write_model(BundleParts(*about, network, traced(network), model.degrade, model.enlarges, checkpoint), options)


def write_model(made: BundleParts, options: ExportOptions) -> ModelManifest:
    options.say("PyTorch's answers")
    model, run = fp32_of(made.graph), reference(made.network)
    proof_sizes, sizes = clean_sizes(PROOF_SIZES, made.enlarges), clean_sizes(SIZES, made.enlarges)
    proof = make_cases(drawn_pictures(proof_sizes, _SEED), made.degrade, run, _SEED)
    pictures = photographs(options.pictures, sizes) if options.pictures else drawn_pictures(sizes, _SEED)
    cases = make_cases(pictures, made.degrade, run, _SEED)
    kind = "photographs" if options.pictures else "drawn pictures"
    described = f"{len(cases)} cuts of {kind} at {len(sizes)} sizes, {len(proof)} drawn pictures of the proof"
    real = cases[:_CALIBRATING] if options.pictures else proof
    calibration = [*real, *extremes(real, run, _SEED)]
    shown = f"{len(real)} {kind} in their weather; saturated, dark, noisy and flat: {len(calibration)} in all"
    options.say("typing and checking FP16")
    fp16 = fp16_of(made.graph, calibration, shown, options.say)
    manifest = _describe(made, model, fp16.facts, options)
    with _new_folder(options) as folder:
        _write(folder / MODEL, model)
        _write(folder / MODEL_FP16, fp16.model)
        _write(folder / PROOF, proof_bytes(proof))
        if made.checkpoint is not None:
            save_checkpoint(folder / WEIGHTS, made.checkpoint)
        manifest = dataclasses.replace(manifest, files={path.name: sha256_of(path) for path in sorted(folder.iterdir())})
        _write(folder / MANIFEST, manifest.to_json().encode())
        options.say(f"comparing {len(cases) + len(proof)} pictures with PyTorch's answers, each way of running by itself")
        parity, refused = _gate(folder, [*cases, *proof], described)
        manifest = dataclasses.replace(manifest, parity=parity, bf16_refused=refused)
        _write(folder / MANIFEST, manifest.to_json().encode())
    return manifest


def _gate(folder: Path, cases: Sequence[Case], described: str) -> tuple[tuple[ParityRecord, ...], str]:
    """The records, and why bf16 is refused where it is: a network that passes its picture on through a hundred layers, as PLNLIN's
    published size does, loses it in eight bits, and is run in FP32 then. FP32 and FP16 must hold."""
    bundle, refused = open_bundle(folder), ""
    records = []
    for name in GATE:
        with contextlib.closing(open_backend(bundle, name).backend) as backend:
            verdict = compare(backend, cases, described)
        if not verdict.holds and "bf16" in verdict.record.precision:
            refused = "; ".join(verdict.problems)
            with contextlib.closing(open_backend(bundle, name, EngineOptions(exact=True)).backend) as backend:
                verdict = compare(backend, cases, described)
        records.append(verdict.require())
    records.append(compare(NodeByNode(onnx.load_model(bundle.fp16_path)), cases, described).require())
    return tuple(records), refused


def _describe(made: BundleParts, model: bytes, precision: PrecisionFacts, options: ExportOptions) -> ModelManifest:
    return ModelManifest(
        schema=SCHEMA,
        name=options.target.name,
        version=options.version,
        task=made.task,
        summary=made.summary,
        network=made.facts,
        graph=facts_of(made.network, model),
        precision=precision,
        card=made.card,
        scores=options.scores,
    )


def read_scores(path: Path) -> tuple[Score, ...]:
    """A JSON list of objects with the fields of `Score`, or the manifest of a bundle that was made of the same weights."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return tuple(Score(**entry) for entry in (stored["scores"] if isinstance(stored, dict) else stored))
    except OSError as error:
        raise UsageError(f"{path}: expected a file with scores, cannot read it ({error.strerror})") from error
    except (ValueError, TypeError, KeyError) as error:
        fields = ", ".join(field.name for field in dataclasses.fields(Score))
        raise UsageError(f"{path}: expected a JSON list of objects with {fields} ({error})") from error


def check_target(options: ExportOptions) -> None:
    target = options.target
    if not target.name:
        raise UsageError(f"{target}: a bundle is a folder with a name of its own, for example runs/derain")
    if not os.path.lexists(target):
        return
    if not (target / MANIFEST).is_file():
        raise ExportError(f"{target} exists and is not a bundle, so it is not replaced; choose another name")
    if not options.force:
        raise ExportError(f"{target} exists; choose another name, or replace it with --force")


@contextlib.contextmanager
def _new_folder(options: ExportOptions) -> Iterator[Path]:
    """An empty folder that takes the target's name if the block ends well, and is gone otherwise."""
    target = options.target.resolve()  # through a link: it stays, and what it names is replaced
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as aside:
            building, replaced = Path(aside) / "new", Path(aside) / "old"
            building.mkdir()
            yield building
            _sync(building)
            if target.exists():
                target.rename(replaced)
            try:
                building.rename(target)
            except BaseException:
                if replaced.exists():
                    replaced.rename(target)
                raise
            _sync(target.parent)
    except OSError as error:
        raise ExportError(f"{options.target} cannot be written: {error.strerror or error}; nothing was left there") from error


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    _sync(path)


def _sync(path: Path) -> None:
    """On the disk, not only in its cache: a rename must not outlive what it names."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
