"""The models of a GPU check: shipped bundles, folders, and presets that are exported with drawn weights. Runs none of them."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from runtime.errors import BackendError, MissingExtra
from runtime.model.bundle import WEIGHTS, Bundle, open_bundle
from runtime.model.zoo import find, shipped

_EDGE = "-edge"
_SHIPPED, _FOR_VIDEO, _PUBLISHED = range(3)


class CheckedModels:
    """By name. A preset has a bundle once it is exported."""

    def __init__(self, names: Sequence[str], scratch: Path) -> None:
        """All models where none is named."""
        presets = _presets()
        self.names = list(names) or [*shipped(), *presets]
        self._presets, self._scratch = presets, scratch
        self._bundles = {name: open_bundle(find(name)) for name in self.names if name not in presets}
        self._costs: dict[str, Any] = {}

    def kind(self, name: str) -> int:
        if name not in self._presets:
            return _SHIPPED
        return _FOR_VIDEO if name.endswith(_EDGE) else _PUBLISHED

    def has_bundle(self, name: str) -> bool:
        return name in self._bundles

    def bundle(self, name: str) -> Bundle:
        if name not in self._bundles:
            raise BackendError(f"expected an exported bundle of the preset {name}, but it was not exported; give this check more --minutes")
        return self._bundles[name]

    def export(self, name: str) -> list[dict[str, Any]]:
        from benchmarks.measure.model.exports import drawn
        from export.bundle_writer import ExportOptions, write_bundle
        from export.onnx.trained import trained
        from training.networks import PRESETS

        started = time.perf_counter()
        with contextlib.redirect_stdout(sys.stderr):  # torch's exporter prints
            write_bundle(trained(drawn(PRESETS[name])), ExportOptions(self._scratch / name))
        self._bundles[name] = open_bundle(self._scratch / name)
        return [{"preset": name, "weights": "drawn", "seconds": round(time.perf_counter() - started, 1)}]

    def cost(self, name: str) -> Any:
        """benchmarks.gpu.roofline.Cost, counted once."""
        if name not in self._costs:
            from benchmarks.gpu.roofline import cost_at_720p
            from export.onnx.trained import trained
            from training.checkpoint import load_checkpoint

            self._costs[name] = cost_at_720p(trained(load_checkpoint(self.bundle(name).folder / WEIGHTS)).network)
        return self._costs[name]


def _presets() -> list[str]:
    """None on a machine that cannot export them."""
    try:
        from export import bundle_writer  # noqa: F401  # checks that its dependencies are installed
        from training.networks import PRESETS
    except (ModuleNotFoundError, MissingExtra):
        return []
    return list(PRESETS)
