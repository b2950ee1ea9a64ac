"""Owns the word `clearway export`, and where the other words of this room are; knows nothing of graphs or thresholds."""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path

from export.verify_cli import table, verify_word
from runtime.errors import MissingExtra


def run(word: str, arguments: list[str]) -> int:
    return {"export": _export, "verify": verify_word}[word](arguments)


def _export(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="clearway export", description="Turn a checkpoint into a bundle that agrees with PyTorch.")
    parser.add_argument("checkpoint", type=Path, help="a .safetensors file from `clearway train`")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="BUNDLE", help="the folder to write, named as the model")
    parser.add_argument("--pictures", type=Path, metavar="DIR", help="clean photographs to compare on (default: drawn pictures)")
    parser.add_argument("--scores", type=Path, metavar="FILE", help="scores to carry over: a JSON list, or an earlier manifest.json")
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
    print("\n".join(table((record, "holds") for record in manifest.parity)))
    print(f"written: {options.output}")
    return 0
