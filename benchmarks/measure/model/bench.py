"""`clearway bench`: one run of all measures of a model, as one record. Does not know how each is measured.

A record is a plain dict: it is written to a file, printed as one line for machines, and turned into tables by benchmarks/reports.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.demo.clip import write_clip
from benchmarks.measure.model.latency import Latency, measure_latency
from benchmarks.measure.video.throughput import measure_throughput
from benchmarks.peers.loops import run_obvious_loop
from benchmarks.record import Record, dated
from runtime.model.bundle import open_bundle
from runtime.model.zoo import find
from runtime.restorer import load


@dataclass(frozen=True)
class BenchOptions:
    model: str
    height: int = 720
    width: int = 1280
    seconds: float = 6.0  # for each engine
    clip_seconds: float = 8.0


def bench(options: BenchOptions, say: Callable[[str], None]) -> Record:
    """`say` hears what is being done. Engines first, each alone; then whole videos."""
    folder = find(options.model)
    bundle = open_bundle(folder)
    latencies = []
    for latency in measure_latency(bundle, options.height, options.width, options.seconds):
        say(f"{latency.contender}: {f'{latency.fps:.1f} frames a second' if latency.fps else latency.note}")
        latencies.append(latency)
    with tempfile.TemporaryDirectory(prefix="clearway-bench-") as scratch, load(options.model) as restorer:
        clip = Path(scratch) / "clip.mp4"
        say("drawing the clip")
        write_clip(clip, options.clip_seconds, options.height, options.width)
        say("restoring it file to file")
        throughput = measure_throughput(clip, restorer, Path(scratch))
        say("the obvious loop")
        obvious = run_obvious_loop(clip, folder, Path(scratch))
    manifest = bundle.manifest
    return dated(
        {
            "model": {"name": manifest.name, "version": manifest.version, "parameters": manifest.network.parameters}
            | {"gflops_720p": manifest.network.gflops_720p, "sha256": manifest.files["model.onnx"]},
            "size": f"{options.width}×{options.height}",
            "backend": restorer.choice.describe(),
            "latency": [dataclasses.asdict(latency) for latency in latencies],
            "throughput": dataclasses.asdict(throughput),
            "obvious_loop": dataclasses.asdict(obvious),
            "ratios": _ratios(latencies, throughput.fps, obvious.fps),
        }
    )


def _ratios(latencies: list[Latency], fps: float, obvious: float | None) -> dict[str, float | None]:
    by_name = {latency.contender: latency.fps for latency in latencies}
    ours, default = by_name.get("openvino"), by_name.get("onnxruntime, its defaults")
    return {
        "openvino to onnxruntime's defaults": round(ours / default, 2) if ours and default else None,
        "file to file to the obvious loop": round(fps / obvious, 2) if obvious else None,
    }
