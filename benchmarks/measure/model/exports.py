"""The record of what export makes of every preset: how long it takes, how far each form is from PyTorch, which engines build.

`python -m benchmarks.measure.model.exports [CHECKPOINT ...] --record FILE`. A preset without a checkpoint gets weights drawn from a seed:
they show what can be exported and built, and how FP16 rounds, but not what a restored picture loses.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks.record import Record, dated, recorded, say
from export.bundle_writer import ExportOptions, write_bundle
from export.engines.engine import BuildOptions, build_engine
from export.engines.profiles import engines_for
from export.onnx.trained import trained
from export.verify.verify import verify_bundle
from runtime.engines.cache import EngineCache
from runtime.errors import ClearwayError, UsageError
from runtime.model.bundle import GRAPHS, Bundle, open_bundle
from runtime.model.manifest import ModelCard
from training.checkpoint import Checkpoint, load_checkpoint
from training.networks import PRESETS, Preset

TARGET = "tensorrt-rtx"
FP32_SHARE = 0.1  # of the multiply-adds, at most
SIZES = {
    "1280×720": engines_for([], ["1280x720"], None)[0],
    "360p to 1080p, batch 1 to 4": engines_for(["360p", "720p", "1080p"], [], "1-4")[0],
}


def woken(network: nn.Module) -> nn.Module:
    """What starts as the identity, with zeros at its end, gets something to do there."""
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim > 1 and not parameter.any():
                parameter.normal_(0, 0.02)
    return network.eval()


def drawn(preset: Preset) -> Checkpoint:
    torch.manual_seed(0)
    network = woken(preset.build())
    card = ModelCard("derain", 0, 0, ("nothing: its weights are drawn from a seed",), "Apache-2.0", ("everything",))
    return Checkpoint(preset.network, preset.name, dataclasses.asdict(preset.config), "none", "as drawn", card, network.state_dict())


def measure_export(checkpoint: Checkpoint, folder: Path) -> dict[str, Any]:
    """Export, typed FP16 and the gate; verification once more as a user would do it; every engine."""
    target, card = folder / checkpoint.preset, checkpoint.card
    started = time.perf_counter()
    manifest = write_bundle(trained(checkpoint), ExportOptions(target, say=lambda line: say(f"  {line}")))
    exported = time.perf_counter()
    verdicts = verify_bundle(target).verdicts
    verified = time.perf_counter()
    precision = manifest.precision
    return {
        "preset": checkpoint.preset,
        "weights": f"{card.recipe}, {card.steps:,} steps" if card.steps else "drawn",
        "export_s": round(exported - started, 1),
        "verify_s": round(verified - exported, 1),
        "fp32_share": precision.fp32_share,
        "fp32_nodes": len(precision.fp32),
        "repaired": sum(why.startswith("repaired") for why in precision.fp32.values()),
        "casts": precision.casts,
        "largest_headroom": max(precision.headroom.values()),
        "gain_controls": dict(Counter(form.form for form in precision.gain_controls)),
        "attention": dict(Counter("fused" if form.fused else "explicit" for form in precision.attention)),
        "bf16_refused": manifest.bf16_refused,
        "parity": [dataclasses.asdict(record) for record in manifest.parity],
        "verified": {f"{verdict.record.backend} {verdict.record.precision}": verdict.holds for verdict in verdicts},
        "engines": list(_engines(open_bundle(target), EngineCache(folder / "engines"))),
    }


def _engines(bundle: Bundle, cache: EngineCache) -> Iterator[dict[str, Any]]:
    for precision in GRAPHS:
        for sizes, profiles in SIZES.items():
            engine: dict[str, Any] = {"target": TARGET, "precision": precision, "sizes": sizes}
            try:
                record = build_engine(bundle, BuildOptions(TARGET, precision, profiles), cache, lambda _: None).record
            except ClearwayError as error:
                yield engine | {"error": str(error)}
                continue
            fused = sum(block.fused for block in record.attention)
            built = {"builder": record.key.builder, "build_s": record.build_s, "plan_bytes": record.plan_bytes, "layers": record.layers}
            yield engine | built | {"attention_fused": fused, "attention": len(record.attention), "ran": bool(record.parity)}


def holds(row: dict[str, Any]) -> bool:
    if "error" in row:
        return False
    return all(row["verified"].values()) and row["fp32_share"] <= FP32_SHARE and not any("error" in engine for engine in row["engines"])


def unmeasured_rows(path: Path, record: Record) -> list[dict[str, Any]]:
    """The presets that a record of this day and machine has already and that were not measured now."""
    if not path.exists():
        return []
    before = json.loads(path.read_text(encoding="utf-8"))
    if (before["date"], before["machine"]) != (record["date"], record["machine"]):
        raise UsageError(f"{path}: expected a record of this day, machine and packages, got one of {before['date']}; name another file")
    measured = {row["preset"] for row in record["exports"]}
    return [row for row in before["exports"] if row["preset"] not in measured]


def measure(options: argparse.Namespace) -> Record:
    weights = {checkpoint.preset: checkpoint for checkpoint in map(load_checkpoint, options.checkpoints)}
    rows = []
    for name in options.preset or PRESETS:
        with tempfile.TemporaryDirectory(prefix="clearway-exports-") as folder, contextlib.redirect_stdout(sys.stderr):
            try:
                rows.append(measure_export(weights.get(name) or drawn(PRESETS[name]), Path(folder)))
            except ClearwayError as error:  # the others' minutes are not lost for it
                rows.append({"preset": name, "error": str(error)})
        said = rows[-1].get("error") or f"exported in {rows[-1]['export_s']} s, {'holds' if holds(rows[-1]) else 'DOES NOT HOLD'}"
        say(f"{name}: {said}")
    record = dated({"exports": rows})
    return record if options.record is None else record | {"exports": rows + unmeasured_rows(options.record, record)}


def main(arguments: list[str]) -> int:
    about = f"{__doc__} A record that is there already has these presets renewed in it."
    parser = argparse.ArgumentParser(prog="python -m benchmarks.measure.model.exports", description=about)
    parser.add_argument("checkpoints", nargs="*", type=Path, metavar="CHECKPOINT", help="trained weights of some presets")
    parser.add_argument("--preset", action="append", choices=PRESETS, help="this one alone (repeatable; default: all)")
    return recorded(parser, arguments, measure, holds=lambda record: all(map(holds, record["exports"])))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
