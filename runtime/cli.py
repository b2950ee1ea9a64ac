"""The words of this room: `models`, `doctor`, `engines`. Turns arguments into one call and answers into text. Does not know how they
come about. What `engines` says is in runtime/engines/cli.py, what `doctor` says in runtime/doctor/report_text.py."""

from __future__ import annotations

import argparse
import dataclasses
import json
import textwrap

from runtime.doctor import report_text
from runtime.doctor.report import examine
from runtime.engines import cli as engine_words
from runtime.model.bundle import open_bundle
from runtime.model.manifest import ModelManifest, ParityRecord, PrecisionFacts, Score
from runtime.model.zoo import find, shipped
from runtime.progress_line import StatusLine


def run(word: str, arguments: list[str]) -> int:
    if word == "models":
        return _models(arguments)
    if word == "doctor":
        return _doctor(arguments)
    said, code = engine_words.answer(arguments)
    print(said)
    return code


def _models(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="clearway models", description="Lists the shipped models, or prints one model's card.")
    parser.add_argument("model", nargs="?", help="a shipped model's name or a bundle's folder")
    parser.add_argument("--json", action="store_true", help="one line for machines")
    options = parser.parse_args(arguments)
    names = shipped() if options.model is None else [options.model]
    manifests = [open_bundle(find(name)).manifest for name in names]
    if options.json:
        facts = [dataclasses.asdict(manifest) for manifest in manifests]
        print(json.dumps(facts if options.model is None else facts[0]))
    elif options.model is None:
        print("\n\n".join(_entry(manifest) for manifest in manifests) or "no model is shipped with this copy of Clearway")
    else:
        print(_card(manifests[0]))
    return 0


def _doctor(arguments: list[str]) -> int:
    about = "Says what this machine can run, how fast, and the next command where it cannot. Exit code 1: no shipped model runs."
    parser = argparse.ArgumentParser(prog="clearway doctor", description=about)
    parser.add_argument("--json", action="store_true", help="one line for machines")
    options = parser.parse_args(arguments)
    with StatusLine() as status:
        report = examine(lambda step: status.show(f"looking at {step} …"))
    print(json.dumps(dataclasses.asdict(report)) if options.json else report_text.text(report))
    return report.exit_code


def _entry(manifest: ModelManifest) -> str:
    lines = [
        f"{manifest.name} {manifest.version}  {manifest.task}: {manifest.summary}",
        f"  {_size(manifest)}; licence {manifest.card.licence}",
        *(f"  {_score(score)}" for score in manifest.scores[:1]),  # the card has the others
    ]
    return "\n".join(lines)


def _card(manifest: ModelManifest) -> str:
    network, graph, card = manifest.network, manifest.graph, manifest.card
    seen = "the whole picture" if graph.receptive_field is None else f"{graph.receptive_field}×{graph.receptive_field} pixels"
    lines = [
        f"{manifest.name} {manifest.version}",
        *_field("task", manifest.task),
        *_field("summary", manifest.summary),
        *_field("network", f"{network.name}, preset {network.preset}, {_size(manifest)}"),
        *_field("picture", f"any size from 16×16; result × {graph.scale}; one pixel depends on {seen}; outputs {', '.join(graph.outputs)}"),
        *_field("trained", f"recipe {card.recipe}, seed {card.seed}, {card.steps:,} steps"),
        *_list("data", card.data),
        *_field("licence", card.licence),
        *_list("bad at", card.weaknesses),
        *_list("scores", [_score(score) for score in manifest.scores]),
        *_field("fp16", _fp16(manifest.precision)),
        *([*_field("bf16", f"refused: {manifest.bf16_refused}")] if manifest.bf16_refused else []),
        *_list("parity", [_parity(record) for record in manifest.parity]),
        *_list("files", [f"{name}  sha256 {digest}" for name, digest in manifest.files.items()]),
    ]
    return "\n".join(lines)


def _size(manifest: ModelManifest) -> str:
    return f"{manifest.network.parameters:,} parameters, {manifest.network.gflops_720p:g} GFLOP a 720p frame"


def _score(score: Score) -> str:
    before = "" if score.psnr_input_db is None else f"{score.psnr_input_db:.2f} → "
    psnr = f"PSNR {before}{score.psnr_db:.2f} dB (worst {score.psnr_worst_db:.2f})"
    return f"{score.data}: {psnr}, SSIM {score.ssim_input:.4f} → {score.ssim:.4f}; {score.pictures} pictures, {score.protocol}"


def _parity(record: ParityRecord) -> str:
    psnr = "identical" if record.psnr_db is None else f"{record.psnr_db:.1f} dB from PyTorch FP32 (worst {record.psnr_worst_db:.1f})"
    levels = "level" if record.max_levels == 1 else "levels"
    apart = f"at most {record.max_levels} {levels}, SSIM at least {record.ssim_worst:.5f}, colours shifted by {record.shift_levels:.2f}"
    before, after, drop = record.task_psnr_input_db, record.task_psnr_db, record.task_psnr_drop_db
    task = "" if drop is None else f", task PSNR {before:.2f} → {after:.2f} dB ({-drop:+z.3f} to PyTorch)"
    return f"{record.backend} {record.precision}: {psnr}, {apart}{task}; {record.pictures}"


def _fp16(facts: PrecisionFacts) -> str:
    largest = max(facts.headroom.values(), default=0.0)
    counted = f"{len(facts.fp32)} nodes in FP32 with {facts.fp32_share:.1%} of the multiply-adds, {facts.casts} casts"
    return f"{counted}; largest |x| {largest:.2%} of what FP16 holds"


def _field(name: str, text: str) -> list[str]:
    return textwrap.wrap(text, 120, initial_indent=f"  {name:<9}", subsequent_indent=" " * 11) or [f"  {name}"]


def _list(name: str, items: list[str] | tuple[str, ...]) -> list[str]:
    """The name beside the first item, the others below it."""
    lines = [line for item in items for line in textwrap.wrap(item, 120, initial_indent=" " * 11, subsequent_indent=" " * 13)]
    return [f"  {name:<9}{lines[0].lstrip()}", *lines[1:]] if lines else [f"  {name:<9}none"]
