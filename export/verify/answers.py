"""PyTorch's answers on pictures that a bundle's proof does not hold: its weights make the network again. Knows no backend."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

from export.onnx.graph import reference
from export.onnx.trained import trained
from export.parity.cases import SIZES, clean_sizes, drawn_pictures, each_case, photographs
from export.parity.compare import Case
from runtime.files.pictures import list_pictures
from runtime.model.bundle import WEIGHTS, Bundle
from training.checkpoint import load_checkpoint

_SEED = 3  # not export's: drawn pictures, and weather over the photographs, that the bundle's own gate did not see


def new_cases(bundle: Bundle, pictures: Path | None) -> tuple[Iterator[Case], str]:
    """Drawn pictures, then every one of the folder, in the weather of the model's recipe; and what they are, in words."""
    model = trained(load_checkpoint(bundle.folder / WEIGHTS))
    sizes = clean_sizes(SIZES, model.enlarges)
    drawn = list(drawn_pictures(sizes, _SEED))
    described = f"{len(drawn)} new drawn pictures"
    if pictures is not None:
        described += f", {len(list_pictures(pictures)) * len(sizes)} cuts of photographs at {len(sizes)} sizes"
    shown = itertools.chain(drawn, () if pictures is None else photographs(pictures, sizes))
    return each_case(shown, model.degrade, reference(model.network), _SEED), described
