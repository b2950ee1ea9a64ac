"""Turns pictures into restored pictures: a bundle, a backend and the checks between them. Does not know files or video."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.backends.choose import BackendChoice, open_backend
from runtime.backends.protocol import BackendFacts, EngineOptions
from runtime.bicubic import enlarged
from runtime.errors import BackendError, PictureError, UsageError
from runtime.guard.guard import Guard, GuardOptions, open_guard
from runtime.in_order import in_order
from runtime.model.bundle import open_bundle
from runtime.model.manifest import MINIMUM_SIDE, ModelManifest
from runtime.model.zoo import find
from runtime.picture import Picture, Tensors
from runtime.tiles.tiled import TiledBackend, TileSide, check_tile
from runtime.timing import StageTimes


@dataclass(frozen=True)
class Restored:
    """What came of one picture. The arrays belong to the caller; `source` is the one that was handed in."""

    image: Picture  # uint8 [sH, sW, 3] BGR, s is the model's scale
    source: Picture  # uint8 [H, W, 3] BGR
    interference: Picture | None  # uint8, 128 + (signed layer)/2; None unless it was asked for
    health: NDArray[np.float32]  # [3], channel means before clamping: NaN and Inf show here, never in the picture

    @property
    def before(self) -> Picture:
        """The source at the size of the image, to be looked at beside it: itself, or enlarged as the network's training enlarged it."""
        scale = self.image.shape[0] // self.source.shape[0]
        return self.source if scale == 1 else np.rint(enlarged(self.source, scale)).clip(0, 255).astype(np.uint8)

    @property
    def removed(self) -> Picture:
        """What was taken out, for every network: uint8, 128 + (source − image)/2; an enlarging model's source is enlarged first."""
        scale = self.image.shape[0] // self.source.shape[0]
        source = self.source.astype(np.float32) if scale == 1 else enlarged(self.source, scale)
        return np.rint(128 + (source - self.image) / 2).clip(0, 255).astype(np.uint8)


class Restorer:
    """A model that is ready to run. Call it with a picture. It is a context manager; else close it.

    Any thread may call it, stream through it or close it; docs/runtime.md says what runs side by side. The memory of a result that nobody
    holds any more is used for a later one, so that a video of any length takes no more than a few frames.
    """

    def __init__(
        self, manifest: ModelManifest, choice: BackendChoice, tiled: TiledBackend, guard: Guard, *, interference: bool = False
    ) -> None:
        if interference and "interference" not in manifest.graph.outputs:
            raise UsageError(
                f"{manifest.name} does not separate the interference; `removed` of a result has what any network took out, in that coding"
            )
        self.manifest, self.choice, self.guard = manifest, choice, guard
        self.times = StageTimes()  # "model": what the backend took for a picture, its copies included; "guard": looking at what came
        self._pictures = ("restored", "interference") if interference else ("restored",)
        self._tiled = tiled
        self._open = True

    @property
    def facts(self) -> BackendFacts:
        return self.choice.backend.facts

    def __call__(self, picture: Picture, into: Picture | None = None) -> Restored:
        """uint8 [H, W, 3] BGR, any height and width from 16; strided and read-only arrays too. It is not written to.

        `into` is an array of the caller's that the image is written to: uint8 [sH, sW, 3], contiguous.
        """
        _check(picture)
        return self._run(picture[None], [picture], None if into is None else self._own(picture, into)[None])[0]

    def batch(self, pictures: Sequence[Picture]) -> list[Restored]:
        """Several pictures of one size in one run. What that gains, and how much later the first one comes, docs/runtime.md shows."""
        if not pictures:
            raise PictureError("expected at least one picture, got none")
        for picture in pictures:
            _check(picture)
        if len(sizes := dict.fromkeys(picture.shape for picture in pictures)) > 1:
            came = ", ".join(f"{width}×{height}" for height, width, _ in sizes)
            raise PictureError(f"expected pictures of one size in a batch, got {came}; make a batch of each, or take them one by one")
        self._tiled.check(len(pictures), *pictures[0].shape[:2])  # what does not fit is said before it takes more
        frames = self.choice.backend.memory.array((len(pictures), *pictures[0].shape))
        return self._run(np.stack(pictures, out=frames), pictures, None)

    def stream(self, pictures: Iterable[Picture]) -> Iterator[Restored]:
        """Each picture restored, in their order. While one is worked on the next ones are taken from `pictures`, in the caller's thread.

        A result is given out once the next picture was taken: where those come one by one in their own time, call the restorer.
        """
        return in_order(self, pictures, self.choice.backend.depth)

    def _own(self, picture: Picture, into: Picture) -> Picture:
        scale = self.manifest.graph.scale
        height, width = picture.shape[0] * scale, picture.shape[1] * scale
        fits = isinstance(into, np.ndarray) and into.dtype == np.uint8 and into.shape == (height, width, 3)
        if not fits or not into.flags.c_contiguous or not into.flags.writeable:
            came = f"{into.dtype} {list(into.shape)}" if isinstance(into, np.ndarray) else type(into).__name__
            expected = f"expected a contiguous, writeable uint8 array {[height, width, 3]} to write the image to"
            raise PictureError(f"{expected}, got {came}{'' if not fits else ', strided or read-only'}; numpy.empty makes one")
        if np.may_share_memory(into, picture):  # the guard looks at both, and `removed` is their difference
            raise PictureError("expected another array to write the image to, got the picture's own memory; numpy.empty makes one")
        return into

    def _run(self, frames: Picture, sources: Sequence[Picture], image: Picture | None) -> list[Restored]:
        if not self._open:
            raise BackendError(f"the model {self.manifest.name} was closed; load it again")
        backend, scale = self.choice.backend, self.manifest.graph.scale
        count, height, width, _ = frames.shape
        self._tiled.check(count, height, width)
        shape = (count, height * scale, width * scale, 3)
        into: Tensors = {name: backend.memory.array(shape) for name in self._pictures}
        into["health"] = np.empty((count, 3), np.float32)
        if image is not None:
            into["restored"] = image
        first = self.guard.begin(count)
        with self.times.stage("model"):
            self._tiled.run(frames, into)
        with self.times.stage("guard"):
            self.guard.look(first, frames, into)
        return [self._restored(source, {name: array[i] for name, array in into.items()}) for i, source in enumerate(sources)]

    def _restored(self, source: Picture, came: Tensors) -> Restored:
        interference = came.get("interference")
        return Restored(
            np.asarray(came["restored"], np.uint8),
            source,
            None if interference is None else np.asarray(interference, np.uint8),
            np.asarray(came["health"], np.float32),
        )

    def statistics(self) -> dict[str, Any]:
        """Where the time went, what the guard saw, and what runs it: small, and fit for JSON."""
        stages = self.times.as_dict() | self.choice.backend.times.as_dict()
        return {"backend": asdict(self.facts), "stages": stages, "guard": self.guard.statistics()}

    def close(self) -> None:
        """Frees the engine. A second call does nothing."""
        if self._open:
            self._open = False
            self._tiled.close()
            self.guard.close()

    def __enter__(self) -> Restorer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def load(
    model: str | Path,
    backend: str = "auto",
    *,
    interference: bool = False,
    threads: int | None = None,
    mode: str = "latency",
    exact: bool = False,
    tile: TileSide = "auto",
    guard: str = "repair",
    guard_every: int = 1,
) -> Restorer:
    """Opens a shipped model by name, or a bundle by path, on the backend asked for; docs/runtime.md has what may be asked."""
    engine, watch = EngineOptions(threads, mode, exact), GuardOptions(guard, guard_every)
    bundle = open_bundle(find(model))
    check_tile(bundle.manifest.graph, tile)
    choice = open_backend(bundle, backend, engine)
    tiled = TiledBackend(bundle.manifest, choice.backend, tile, mode)
    return Restorer(bundle.manifest, choice, tiled, open_guard(bundle, choice, engine, watch, tile), interference=interference)


def _check(picture: object) -> None:
    expected = f"expected a uint8 array [height, width, 3] in BGR, sides from {MINIMUM_SIDE}"
    if not isinstance(picture, np.ndarray):
        raise PictureError(f"{expected}, got {type(picture).__name__}; cv2.imread or np.asarray makes one")
    got = f"got {picture.dtype} {list(picture.shape)}"
    if picture.dtype != np.uint8:
        raise PictureError(f"{expected}, {got}; scale it to 0..255 and convert it")
    if picture.ndim != 3 or picture.shape[2] != 3:
        raise PictureError(f"{expected}, {got}; hand in one picture with three channels, channels last")
    if min(picture.shape[:2]) < MINIMUM_SIDE:
        raise PictureError(f"{expected}, {got}; use a larger picture")
