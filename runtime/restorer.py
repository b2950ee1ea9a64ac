"""Owns turning pictures into restored pictures: a bundle, a backend and the checks between them; knows nothing of files or video."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from runtime.backend import BackendChoice, Picture, open_backend
from runtime.bundle import open_bundle
from runtime.errors import BackendError, PictureError
from runtime.manifest import MINIMUM_SIDE, ModelManifest
from runtime.timing import StageTimes
from runtime.zoo import find


@dataclass(frozen=True)
class Restored:
    """What came of one picture. The arrays belong to the caller; `source` is the caller's own."""

    image: Picture  # uint8 [H, W, 3] BGR
    source: Picture
    interference: Picture | None  # uint8, 128 + (signed layer) / 2; where the network separates it
    health: NDArray[np.float32]  # [3], channel means before clamping: NaN and Inf show here and not in the picture

    @property
    def removed(self) -> Picture:
        """What was taken out, for every network: uint8, 128 + (source − image) / 2."""
        if self.image.shape != self.source.shape:
            raise PictureError(f"what was removed is known where the size is kept, here {self.source.shape} became {self.image.shape}")
        difference = self.source.astype(np.int16) - self.image
        return np.asarray(128 + np.rint(difference / 2), np.int16).clip(0, 255).astype(np.uint8)


class Restorer:
    """A model that is ready to run. Call it with a picture; use it as a context manager, or close it."""

    def __init__(self, manifest: ModelManifest, choice: BackendChoice) -> None:
        self.manifest, self.choice = manifest, choice
        self.times = StageTimes()
        self._open = True

    def __call__(self, picture: Picture) -> Restored:
        if not self._open:
            raise BackendError("this restorer was closed; load the model again")
        _check(picture)
        with self.times.stage("model"):
            came = self.choice.backend.run(picture[None])
        interference = came.get("interference")
        return Restored(
            image=came["restored"][0],
            source=picture,
            interference=None if interference is None else interference[0],
            health=came["health"][0],
        )

    def close(self) -> None:
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
    expected = f"a uint8 array [height, width, 3] in BGR with sides of at least {MINIMUM_SIDE} was expected"
    if not isinstance(picture, np.ndarray):
        raise PictureError(f"{expected}, {type(picture).__name__} came")
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or min(picture.shape[:2]) < MINIMUM_SIDE:
        raise PictureError(f"{expected}, {picture.dtype} {list(picture.shape)} came")
