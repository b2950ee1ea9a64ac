"""Owns the words `clearway export`, `clearway build` and `clearway verify`; knows nothing of graphs, engines or thresholds."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from export.engine import GRAPHS, Built, Order, build_engine
from export.parity import Verdict
from export.profiles import BUCKETS, describe, engines_for
from export.progress import Say
from export.targets import TARGETS
from export.verify import verify_bundle
from runtime.bundle import open_bundle
from runtime.engine_record import ANY_CARD
from runtime.engines import EngineCache
from runtime.errors import MissingExtra
from runtime.manifest import ParityRecord
from runtime.zoo import find


def run(word: str, arguments: list[str]) -> int:
    return {"export": _export, "build": _build, "verify": _verify}[word](arguments)


def _export(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="clearway export", description="Turn a checkpoint into a bundle that agrees with PyTorch.")
    parser.add_argument("checkpoint", type=Path, help="a .safetensors file from `clearway train`")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="BUNDLE", help="the folder to write, named as the model")
    parser.add_argument("--pictures", type=Path, metavar="DIR", help="clean photographs to compare on (default: drawn pictures)")
    parser.add_argument("--scores", type=Path, metavar="FILE", help="scores for the manifest, a JSON list")
    parser.add_argument("--version", default="1", help="the model's version (default: %(default)s)")
    parser.add_argument("--force", action="store_true", help="replace a bundle of that name")
    parser.add_argument("--json", action="store_true", help="print one line for machines")
    options = parser.parse_args(arguments)

    try:  # torch and onnx: only when this word is said
        from export.bundle_writer import ExportOptions, export_checkpoint, read_scores
    except ModuleNotFoundError as error:
        raise MissingExtra(str(error.name), "export") from error

    scores = read_scores(options.scores) if options.scores else ()
    plan = ExportOptions(options.output, options.pictures, scores, options.version, options.force)
    manifest = export_checkpoint(options.checkpoint, plan)
    if options.json:
        print(json.dumps({"bundle": str(options.output), **dataclasses.asdict(manifest)}))
        return 0
    network = manifest.network
    print(f"{manifest.name}: {network.preset}, {network.parameters:,} parameters, {network.gflops_720p:.1f} GFLOP at 720p")
    _print_records([(record, "holds") for record in manifest.parity])
    print(f"written: {options.output}")
    return 0


def _build(arguments: list[str]) -> int:
    about = "Build TensorRT engines from a bundle, on the machine that will run them. TensorRT-RTX builds on any machine."
    parser = argparse.ArgumentParser(prog="clearway build", description=about)
    parser.add_argument("bundle", help="a bundle's folder or the name of a shipped model")
    parser.add_argument("--target", required=True, metavar="TARGET", help=" or ".join(TARGETS))
    parser.add_argument("--precision", choices=GRAPHS, default="fp16", help="which graph of the bundle (default: %(default)s)")
    buckets = f"sizes from half of this frame's sides up to it (repeatable, one engine; default: 720p): {', '.join(BUCKETS)}"
    parser.add_argument("--profile", action="append", default=[], metavar="NAME", help=buckets)
    exact = "this size alone, with fixed shapes (repeatable, an engine each)"
    parser.add_argument("--size", action="append", default=[], metavar="WxH", help=exact)
    parser.add_argument("--batch", metavar="N or A-B", help="frames at once (default: 1-4 for profiles, 1 for sizes)")
    parser.add_argument("--force", action="store_true", help="build again what is in the cache")
    parser.add_argument("--json", action="store_true", help="print one line for machines")
    options = parser.parse_args(arguments)

    wanted = engines_for(options.profile, options.size, options.batch)
    bundle, cache = open_bundle(find(options.bundle)), EngineCache()
    engines = []
    for profiles in wanted:
        order = Order(options.target, options.precision, profiles, options.force)
        with _progress_line(quiet=options.json) as say:
            engines.append(build_engine(bundle, order, cache, say))
        if not options.json:
            _print_engine(engines[-1])
    if options.json:
        built = [{"found": engine.found, "digest": engine.record.key.digest(), **dataclasses.asdict(engine.record)} for engine in engines]
        print(json.dumps({"bundle": str(bundle.folder), "engines": built}))
    return 0


@contextmanager
def _progress_line(*, quiet: bool) -> Iterator[Say]:
    """One line that is written over and over, and gone at the end; nothing where nobody looks on."""
    if quiet or not sys.stderr.isatty():
        yield lambda _now: None
        return
    try:
        yield lambda now: print(f"\r\033[Kbuilding: {now}", end="", file=sys.stderr, flush=True)
    finally:
        print("\r\033[K", end="", file=sys.stderr, flush=True)


def _print_engine(engine: Built) -> None:
    record, key = engine.record, engine.record.key
    cards = "any card" if key.compute_capability == ANY_CARD else f"cards of compute capability {key.compute_capability}"
    print(f"{record.model}: {key.target} {key.builder}, {key.precision}, for {cards}")
    for profile in key.profiles:
        print(f"  {describe(profile)}")
    fused = sum(block.fused for block in record.attention)
    layers = ", ".join(f"{count} in {precision}" for precision, count in record.layers.items())
    attention = f"; attention: {fused} of {len(record.attention)} blocks fused" if record.attention else ""
    print(f"  layers that compute: {layers}{attention}")
    for block in (block for block in record.attention if not block.fused):
        print(f"  {block.block} is not fused, {block.why}")
    came = f"found in the cache, built {record.built}" if engine.found else f"built in {record.build_s:.1f} s"
    print(f"  {came}: {key.digest()[:16]}, {record.plan_bytes / 1e6:.1f} MB")


def _verify(arguments: list[str]) -> int:
    about = "Run a bundle's proof through the backends of this machine; exit code 1 where it does not hold."
    parser = argparse.ArgumentParser(prog="clearway verify", description=about)
    parser.add_argument("bundle", help="a bundle's folder or the name of a shipped model")
    parser.add_argument("--backend", action="append", default=[], metavar="NAME", help="check this one (repeatable; default: all)")
    parser.add_argument("--json", action="store_true", help="print one line for machines")
    options = parser.parse_args(arguments)

    report = verify_bundle(find(options.bundle), tuple(options.backend))
    if options.json:
        verdicts = [{**dataclasses.asdict(v.record), "holds": v.holds, "problems": v.problems} for v in report.verdicts]
        line = {"bundle": str(report.folder), "holds": report.holds, "verdicts": verdicts, "not_opened": dict(report.not_opened)}
        print(json.dumps(line))
    else:
        _print_verdicts(report.verdicts, report.not_opened)
    return 0 if report.holds else 1


def _print_verdicts(verdicts: Sequence[Verdict], not_opened: Sequence[tuple[str, str]]) -> None:
    _print_records([(verdict.record, "holds" if verdict.holds else "DOES NOT HOLD") for verdict in verdicts])
    for verdict in verdicts:
        for problem in verdict.problems:
            print(f"{verdict.record.backend}: {problem}")
    for name, why in not_opened:
        print(f"{name}: not checked, {why}")


def _print_records(rows: Sequence[tuple[ParityRecord, str]]) -> None:
    print(f"{'backend':<14}{'precision':<11}{'max levels':>10}{'mean PSNR':>11}{'worst':>11}{'task drop':>12}  against PyTorch in FP32")
    for record, verdict in rows:
        mean = "identical" if record.psnr_db is None else f"{record.psnr_db:.1f} dB"
        worst = "" if record.psnr_worst_db is None else f"{record.psnr_worst_db:.1f} dB"
        drop = "-" if record.task_psnr_drop_db is None else f"{record.task_psnr_drop_db:.4f} dB"
        print(f"{record.backend:<14}{record.precision:<11}{record.max_levels:>10}{mean:>11}{worst:>11}{drop:>12}  {verdict}")
