"""Owns turning pictures into restored pictures: a bundle, a backend and the checks between them; knows nothing of files or video."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from runtime.backend import BackendChoice, BackendFacts, Picture, open_backend
from runtime.bicubic import enlarged
from runtime.bundle import open_bundle
from runtime.errors import BackendError, PictureError
from runtime.manifest import MINIMUM_SIDE, ModelManifest
from runtime.timing import StageTimes
from runtime.zoo import find


@dataclass(frozen=True)
class Restored:
    """What came of one picture. The arrays belong to the caller; `source` is the one that was handed in."""

    image: Picture  # uint8 [sH, sW, 3] BGR, s is the model's scale
    source: Picture  # uint8 [H, W, 3] BGR
    interference: Picture | None  # uint8, 128 + (signed layer)/2; None where the network does not separate it
    health: NDArray[np.float32]  # [3], channel means before clamping: NaN and Inf show here, never in the picture

    @property
    def removed(self) -> Picture:
        """What was taken out, for every network: uint8, 128 + (source − image)/2; an enlarging model's source is enlarged first."""
        scale = self.image.shape[0] // self.source.shape[0]
        source = self.source.astype(np.float32) if scale == 1 else enlarged(self.source, scale)
        return np.rint(128 + (source - self.image) / 2).clip(0, 255).astype(np.uint8)


class Restorer:
    """A model that is ready to run. Call it with a picture. It is a context manager; else close it.

    Several threads may call one restorer: ONNX Runtime then runs them side by side, OpenVINO one after the other.
    """

    def __init__(self, manifest: ModelManifest, choice: BackendChoice) -> None:
        self.manifest, self.choice = manifest, choice
        self.times = StageTimes()  # "model": what the backend took for a picture, its copies included
        self._open = True

    @property
    def facts(self) -> BackendFacts:
        return self.choice.backend.facts

    def __call__(self, picture: Picture) -> Restored:
        """uint8 [H, W, 3] BGR, any height and width from 16; strided and read-only arrays too. It is not written to."""
        if not self._open:
            raise BackendError(f"the model {self.manifest.name} was closed; load it again")
        _check(picture)
        with self.times.stage("model"):
            tensors = self.choice.backend.run(picture[None])
        return self._restored(picture, {name: array[0] for name, array in tensors.items()})

    def _restored(self, source: Picture, came: dict[str, NDArray[np.uint8] | NDArray[np.float32]]) -> Restored:
        name, graph = self.manifest.name, self.manifest.graph
        if missing := [output for output in graph.outputs if output not in came]:
            raise BackendError(f"{name}: the graph has no output {', '.join(missing)}, which the manifest lists; export the model again")
        image = np.asarray(came["restored"], np.uint8)
        expected = (source.shape[0] * graph.scale, source.shape[1] * graph.scale, 3)
        if image.shape != expected:
            raise BackendError(f"{name}: {list(expected)} was expected from the graph, {list(image.shape)} came; export the model again")
        interference = np.asarray(came["interference"], np.uint8) if "interference" in graph.outputs else None
        health = np.asarray(came["health"], np.float32)
        if not np.isfinite(health).all():
            cache = f", or delete {self.facts.cache} (compiled models)" if self.facts.cache else ""
            raise BackendError(f"{name}: the network gave NaN or Inf for this picture; check the model with `clearway verify`{cache}")
        return Restored(image, source, interference, health)

    def close(self) -> None:
        """Frees the engine. A second call does nothing."""
        if self._open:
            self._open = False
            self.choice.backend.close()

    def __enter__(self) -> Restorer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def load(model: str | Path, backend: str = "auto", *, threads: int | None = None) -> Restorer:
    """Opens a shipped model by name, or a bundle by path, on the backend asked for."""
    bundle = open_bundle(find(model))
    return Restorer(bundle.manifest, open_backend(bundle, backend, threads=threads))


def _check(picture: object) -> None:
    expected = f"a uint8 array [height, width, 3] in BGR, sides from {MINIMUM_SIDE}, was expected"
    if not isinstance(picture, np.ndarray):
        raise PictureError(f"{expected}, {type(picture).__name__} came; cv2.imread or np.asarray makes one")
    came = f"{picture.dtype} {list(picture.shape)} came"
    if picture.dtype != np.uint8:
        raise PictureError(f"{expected}, {came}; scale it to 0..255 and convert it")
    if picture.ndim != 3 or picture.shape[2] != 3:
        raise PictureError(f"{expected}, {came}; hand in one picture with three channels, channels last")
    if min(picture.shape[:2]) < MINIMUM_SIDE:
        raise PictureError(f"{expected}, {came}; use a larger picture")
