"""The words `clearway export` and `clearway import-onnx`, and where the others of this room are. Does not know graphs."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from export.engines.cli import build_word, progress_line
from export.verify.cli import table, verify_word
from runtime.errors import needs_extra
from runtime.model.manifest import ModelManifest, PrecisionFacts

_TOP = 10  # tensors that are printed; the manifest has all of them


def run(word: str, arguments: list[str]) -> int:
    return {"export": _export, "import-onnx": _import, "build": build_word, "verify": verify_word}[word](arguments)


def _export(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="clearway export", description="Turn a checkpoint into a bundle that agrees with PyTorch.")
    parser.add_argument("checkpoint", type=Path, help="a .safetensors file from `clearway train`")
    _add_writing(parser)
    parser.add_argument("--scores", type=Path, metavar="FILE", help="scores to carry over: a JSON list, or an earlier manifest.json")
    options = parser.parse_args(arguments)

    with needs_extra("export"):  # torch and onnx: only when this word is said
        from export.bundle_writer import ExportOptions, export_checkpoint, read_scores

    scores = read_scores(options.scores) if options.scores else ()
    with progress_line("exporting", quiet=options.json) as say:
        plan = ExportOptions(options.output, options.pictures, scores, options.version, options.force, say)
        manifest = export_checkpoint(options.checkpoint, plan)
    if options.json:
        print(json.dumps({"bundle": str(options.output), **dataclasses.asdict(manifest)}))
        return 0
    _print_network(manifest)
    _print_made(manifest)
    print(f"written: {options.output}")
    return 0


def _import(arguments: list[str]) -> int:
    about = "Turn an image-to-image ONNX file that was made elsewhere into a bundle: NCHW, float32, any height and width."
    parser = argparse.ArgumentParser(prog="clearway import-onnx", description=about)
    parser.add_argument("file", type=Path, help="the .onnx file; weights beside it are taken in")
    parser.add_argument("--range", required=True, metavar="LOW..HIGH", help="what black and white were in training: 0..1, -1..1, 0..255")
    parser.add_argument("--order", required=True, choices=["rgb", "bgr"], help="the order of the colours in training")
    parser.add_argument("--stride", type=int, metavar="N", help="what sides must be a multiple of (default: found by trying)")
    parser.add_argument("--task", default="restore", help="what it does, in a word (default: %(default)s)")
    parser.add_argument("--summary", default="", metavar="TEXT", help="a line for `clearway models` (default: the file's name)")
    parser.add_argument("--licence", default="unknown", metavar="TEXT", help="the terms of its weights (default: %(default)s)")
    _add_writing(parser)
    options = parser.parse_args(_joined(arguments))

    with needs_extra("export"):  # torch and onnx: only when this word is said
        from export.bundle_writer import ExportOptions
        from export.foreign.importer import ImportOptions, import_onnx
        from export.foreign.network import read_pixel_range

    asked = ImportOptions(read_pixel_range(options.range, options.order), options.stride, options.task, options.summary, options.licence)
    with progress_line("importing", quiet=options.json) as say:
        plan = ExportOptions(options.output, options.pictures, (), options.version, options.force, say)
        manifest = import_onnx(options.file, asked, plan)
    if options.json:
        print(json.dumps({"bundle": str(options.output), **dataclasses.asdict(manifest)}))
        return 0
    graph, opset = manifest.graph, manifest.network.config["opset"]
    _print_network(manifest)
    found = "found by trying" if options.stride is None else "as said"
    print(f"stride {graph.stride} ({found}), scale {graph.scale}, opset {opset}" + (f" → {graph.opset}" if opset != graph.opset else ""))
    _print_made(manifest, "the file as it came, in FP32")
    print(f"written: {options.output}; look at what it does: clearway restore PICTURE -o restored.png --model {options.output}")
    return 0


def _joined(arguments: list[str]) -> list[str]:
    """`--range -1..1` as `--range=-1..1`: argparse takes what begins with a minus for an option."""
    if "--range" not in arguments[:-1]:
        return arguments
    at = arguments.index("--range")
    return [*arguments[:at], f"--range={arguments[at + 1]}", *arguments[at + 2 :]]


def _add_writing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="BUNDLE", help="the folder to write, named as the model")
    parser.add_argument("--pictures", type=Path, metavar="DIR", help="clean photographs to compare on (default: drawn pictures)")
    parser.add_argument("--version", default="1", help="the model's version (default: %(default)s)")
    parser.add_argument("--force", action="store_true", help="replace a bundle of that name")
    parser.add_argument("--json", action="store_true", help="print one line for machines")


def _print_network(manifest: ModelManifest) -> None:
    network = manifest.network
    print(f"{manifest.name}: {network.preset}, {network.parameters:,} parameters, {network.gflops_720p:.1f} GFLOP at 720p")


def _print_made(manifest: ModelManifest, truth: str = "PyTorch in FP32") -> None:
    print("\n".join(_precision_lines(manifest.precision)))
    print("\n".join(table(((record, "holds") for record in manifest.parity), truth)))
    if manifest.bf16_refused:
        print(f"bf16 is refused, engines that would take it run this model in FP32: {manifest.bf16_refused}")


def _precision_lines(facts: PrecisionFacts) -> Iterator[str]:
    """The cost of FP32, the forms that were chosen, and the tensors that are nearest to the end of FP16."""
    casts = "1 cast" if facts.casts == 1 else f"{facts.casts} casts"
    yield f"FP16: {facts.fp32_share:.1%} of the multiply-adds in FP32, {casts}; calibrated on {facts.calibration}"
    if facts.unstable:
        yield f"  FP32 itself gives another answer each time, so that nothing could be compared, on: {', '.join(facts.unstable)}"
    for why, count in Counter(facts.fp32.values()).most_common():
        yield f"  FP32 in {count} {'node' if count == 1 else 'nodes'}: {why}"
    if facts.gain_controls:
        yield f"  gain control: {_counted(form.form for form in facts.gain_controls)}"
    if facts.attention:
        yield f"  attention: {_counted('fused' if form.fused else f'explicit ({form.why})' for form in facts.attention)}"
    largest = sorted(facts.headroom.items(), key=lambda item: -item[1])[:_TOP]
    yield "  largest |x| ÷ 65504: " + ", ".join(f"{name} {share:.3g}" for name, share in largest)


def _counted(words: Iterable[str]) -> str:
    return ", ".join(f"{count} {word}" for word, count in Counter(words).most_common())
