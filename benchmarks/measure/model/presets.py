"""What each preset of a network costs: parameters, GFLOP, the time of a frame. Does not know training.

Weights do not change what a network costs, so presets are measured as they are built, untrained. The published sizes are counted
and not timed: one frame of 720p would take up to a minute on a CPU.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.measure.model.latency import Latency, measure_backend
from benchmarks.record import dated
from export.onnx.graph import cost_of, export_graph, facts_of, traits_of
from runtime.model.bundle import MODEL, Bundle
from runtime.model.manifest import SCHEMA, ModelCard, ModelManifest, NetworkFacts, PrecisionFacts
from training.networks import PRESETS, Preset, find_preset

_TIMED = "-edge"  # presets made for a CPU


@dataclass(frozen=True)
class PresetCost:
    preset: str
    network: str
    parameters: int
    gflops_720p: float
    stride: int
    sees_whole_picture: bool
    receptive_field: int | None
    latency: Latency | None  # None: counted only


def measure_presets(names: Sequence[str], height: int, width: int, seconds: float, say: Callable[[str], None]) -> dict[str, Any]:
    """A record of the presets by name; of all of them where none is named."""
    costs = []
    for preset in [find_preset(name) for name in names] or PRESETS.values():
        cost = _cost(preset, timed=bool(names) or preset.name.endswith(_TIMED), size=(height, width), seconds=seconds)
        say(line(cost))
        costs.append(cost)
    return dated({"size": f"{width}×{height}", "presets": [dataclasses.asdict(cost) for cost in costs]})


def _cost(preset: Preset, *, timed: bool, size: tuple[int, int], seconds: float) -> PresetCost:
    network = preset.build()
    parameters, gflops = cost_of(network)
    traits = traits_of(network)
    latency = _time(preset, *size, seconds) if timed else None
    facts = traits.stride, traits.sees_whole_picture, traits.receptive_field
    return PresetCost(preset.name, preset.network, parameters, round(gflops, 3), *facts, latency)


def _time(preset: Preset, height: int, width: int, seconds: float) -> Latency:
    """On the engine that `auto` takes here."""
    with tempfile.TemporaryDirectory(prefix="clearway-preset-") as scratch:
        return measure_backend(untrained(preset, Path(scratch)), "auto", height, width, seconds)


def untrained(preset: Preset, folder: Path) -> Bundle:
    """Enough of a bundle to run the preset as it is built, in a folder that is there: a graph that nothing but clocks and scales see."""
    network = preset.build()
    model = export_graph(network)
    parameters, gflops = cost_of(network)
    manifest = ModelManifest(
        schema=SCHEMA,
        name=preset.name,
        version="untrained",
        task="none",
        summary="as it is built",
        network=NetworkFacts(preset.network, preset.name, dataclasses.asdict(preset.config), parameters, gflops),
        graph=facts_of(network, model),
        precision=PrecisionFacts("nothing", (), {}, 0.0, 0, (), (), {}),
        card=ModelCard("none", 0, 0, (), "none", ()),
    )
    (folder / MODEL).write_bytes(model)
    return Bundle(folder, manifest)


def line(cost: PresetCost) -> str:
    speed = f", {cost.latency.fps:.1f} frames a second on {cost.latency.contender}" if cost.latency and cost.latency.fps else ""
    return f"{cost.preset}: {cost.parameters:,} parameters, {cost.gflops_720p:.1f} GFLOP at 720p{speed}"
