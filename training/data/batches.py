"""Training pictures: what `--data` named, and batches of patches out of it. Does not know networks or losses.

A batch is a pure function of (seed, step): resuming needs no state of any generator, and two machines with the same pictures
draw the same patches. What folders may look like is in layouts.py, and how their pictures are kept in stills.py.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from runtime.errors import DataError
from runtime.picture import Picture
from training.data.drawn_pictures import DrawnGallery, count_of
from training.data.gallery import Gallery, JoinedGallery, loaded_pairs, loaded_pictures
from training.data.layouts import HOLD_OUT_EVERY, every_twelfth
from training.data.recognise import RecognisedDataSet, recognise
from training.data.stills import MEMORY, PictureCache, open_pairs, open_stills
from training.degradations.degradation import Degradation, Degraded, KnowsDepth, Pair, to_light, to_picture
from training.networks import LEVELS

__all__ = (
    "HOLD_OUT_EVERY",
    "Batch",
    "Patches",
    "TrainingPictures",
    "from_tensor",
    "load_pictures",
    "prefetched",
    "to_tensor",
)
_T = TypeVar("_T")
_Array = TypeVar("_Array", bound=NDArray[Any])


@dataclass(frozen=True)
class Batch:
    """float32 [N, 3, H, W] RGB in 0..1, and how each patch was made: systems that know the physics read its layers and parameters."""

    degraded: Tensor
    clean: Tensor
    made: tuple[Degraded, ...] = ()


@dataclass(frozen=True)
class TrainingPictures:
    """What `--data` named, split once and for all into what is trained on and what is only scored."""

    clean: Gallery[Picture]
    held_out: Gallery[Picture]
    pairs: Gallery[Pair]
    held_out_pairs: Gallery[Pair]
    described: tuple[str, ...]  # one line a data set, for the model card
    protocol: str | None = None  # how the scores of these data sets are commonly taken, where they agree

    @property
    def to_keep(self) -> int:
        """Bytes of all that is trained on, decoded."""
        return 3 * sum(height * width for height, width in self.clean.sizes) + 6 * sum(height * width for height, width in self.pairs.sizes)

    @classmethod
    def of(
        cls,
        clean: Sequence[Picture] = (),
        held_out: Sequence[Picture] = (),
        pairs: Sequence[Pair] = (),
        held_out_pairs: Sequence[Pair] = (),
    ) -> TrainingPictures:
        """Pictures that are in memory."""
        return cls(
            loaded_pictures(clean),
            loaded_pictures(held_out),
            loaded_pairs(pairs),
            loaded_pairs(held_out_pairs),
            ("pictures in memory",),
        )


def load_pictures(
    folders: Sequence[Path], *, task: str | None = None, smallest: int | None = None, memory: int = MEMORY
) -> TrainingPictures:
    """Recognised, checked and split; decoded only when asked for.

    `task` refuses pairs that teach something else, `smallest` pictures to train on that hold no patch of that side.
    """
    kept = PictureCache(memory)
    clean, held_out = list[Gallery[Picture]](), list[Gallery[Picture]]()
    pairs, held_out_pairs = list[Gallery[Pair]](), list[Gallery[Pair]]()
    described, protocols = [], []
    for folder in folders:
        if count := count_of(folder):
            held = every_twelfth([""] * count)[0]
            for part, is_held in ((clean, False), (held_out, True)):
                part.append(DrawnGallery([i for i, one in enumerate(held) if one is is_held], kept, smallest or 0))
            described.append(f"drawn: {count} drawn pictures, every {HOLD_OUT_EVERY}th held out")
            continue
        for found in recognise(folder):
            _check_task(folder, found, task)
            clean.append(open_stills(found.learned.clean, kept))
            held_out.append(open_stills(found.held_out.clean, kept))
            pairs.append(open_pairs(found.learned.pairs, kept))
            held_out_pairs.append(open_pairs(found.held_out.pairs, kept))
            described.append(f"{folder.resolve().name}: {found.described}")
            protocols.append(found.layout.protocol)
    agreed = protocols[0] if len(set(protocols)) == 1 else None
    joined = JoinedGallery(clean), JoinedGallery(held_out), JoinedGallery(pairs), JoinedGallery(held_out_pairs)
    pictures = TrainingPictures(*joined, tuple(described), agreed)
    _check_sizes(pictures.clean, smallest or 0)
    _check_sizes(pictures.pairs, smallest or 0)
    return pictures


def _check_task(folder: Path, found: RecognisedDataSet, task: str | None) -> None:
    taught = found.layout.tasks
    if task is not None and task != "restore" and taught and task not in taught:
        raise DataError(
            f"{folder}: expected pictures for the task {task}, got {found.layout.name}, which has pairs for {', '.join(taught)}; "
            "name another folder or another recipe"
        )


def _check_sizes(pictures: Gallery[Any], smallest: int) -> None:
    small = [(name, size) for name, size in zip(pictures.names, pictures.sizes, strict=True) if min(size) < smallest]
    if small:
        name, (height, width) = small[0]
        more = f" ({len(small)} are too small)" if len(small) > 1 else ""
        raise DataError(
            f"{name}: expected at least {smallest}×{smallest} pixels, the size of a patch, got {width}×{height}{more}; "
            "take it out or lower --set patch"
        )


class Patches:
    """Random patches of clean pictures and what the degradation makes of them, and of pairs as they are."""

    def __init__(
        self,
        pictures: TrainingPictures,
        degradation: Degradation,
        largest: int,
        seed: int,
        *,
        learn_pairs: bool = False,
        shrink: float = 0.0,
    ) -> None:
        self._clean = pictures.clean
        self._pairs: Gallery[Pair] = pictures.pairs if learn_pairs else JoinedGallery([])
        if not self._clean and not self._pairs:
            held = len(pictures.held_out) + len(pictures.held_out_pairs)
            what = "no pair and no clean picture" if learn_pairs else "no clean picture"
            only = f" (the {held} found are held out for scores: a test set needs its training set beside it)" if held else ""
            raise DataError(f"expected pictures to train on, got {what}{only}; name a folder of pictures with --data, or --data drawn")
        for part in (self._clean, self._pairs):
            _check_sizes(part, largest)
            part.fill()
        self._degradation, self._seed, self._shrink = degradation, seed, shrink

    def batch(self, step: int, *, patch: int, batch: int, first: int = 0) -> Batch:
        """`first` is the place of its first patch in the step's batch over all processes."""
        made = tuple(self._draw(np.random.default_rng((self._seed, step, i)), patch) for i in range(first, first + batch))
        return Batch(to_tensor([to_picture(one.picture) for one in made]), to_tensor([to_picture(one.clean) for one in made]), made)

    def _draw(self, rng: np.random.Generator, patch: int) -> Degraded:
        number = int(rng.integers(len(self._clean) + len(self._pairs)))
        if number >= len(self._clean):
            return _from_pair(self._pairs[number - len(self._clean)], rng, patch, self._shrink)
        picture, depth = self._clean[number], self._clean.depth(number)
        cut = _PatchCrop.drawn(rng, patch, picture.shape, self._shrink)
        if depth is None or not isinstance(self._degradation, KnowsDepth):
            return self._degradation(to_light(cut(picture)), rng)
        return self._degradation.with_depth(cut(depth))(to_light(cut(picture)), rng)


def _from_pair(pair: Pair, rng: np.random.Generator, patch: int, shrink: float) -> Degraded:
    cut = _PatchCrop.drawn(rng, patch, pair.clean.shape, shrink)
    layers = {} if pair.kernel is None or cut.side != patch else {"kernel": cut.turned(pair.kernel)}
    return Degraded(to_light(cut(pair.degraded)), to_light(cut(pair.clean)), layers)


@dataclass(frozen=True)
class _PatchCrop:
    """A square out of a picture, brought to the side of a patch, and maybe seen in a mirror."""

    top: int
    left: int
    side: int
    patch: int
    mirrored: bool

    @classmethod
    def drawn(cls, rng: np.random.Generator, patch: int, shape: Sequence[int], shrink: float) -> _PatchCrop:
        height, width = shape[:2]
        side = int(patch * rng.uniform(1, min(2.0, min(height, width) / patch))) if rng.random() < shrink else patch
        top, left = (int(rng.integers(extent - side + 1)) for extent in (height, width))
        return cls(top, left, side, patch, bool(rng.random() < 0.5))

    def __call__(self, picture: _Array) -> _Array:
        crop: NDArray[Any] = picture[self.top : self.top + self.side, self.left : self.left + self.side]
        if self.side != self.patch:
            crop = np.asarray(cv2.resize(crop, (self.patch, self.patch), interpolation=cv2.INTER_AREA), crop.dtype)
        return self.turned(crop)  # type: ignore[return-value]

    def turned(self, picture: _Array) -> _Array:
        return np.ascontiguousarray(picture[:, ::-1] if self.mirrored else picture)  # type: ignore[return-value]


def to_tensor(pictures: Sequence[Picture]) -> Tensor:
    """BGR bytes → float32 [N, 3, H, W] RGB in 0..1 (see LEVELS), in channels-last memory, which is fastest."""
    stacked = np.ascontiguousarray(np.stack(pictures)[..., ::-1])
    return torch.from_numpy(stacked).permute(0, 3, 1, 2).float().div(LEVELS)


def from_tensor(pictures: Tensor) -> list[Picture]:
    """The graph's own way back to bytes: clamp, round half to even."""
    levels = pictures.detach().float().mul(LEVELS).clamp(0, 255).round().to(torch.uint8)
    return list(np.ascontiguousarray(levels.permute(0, 2, 3, 1).cpu().numpy()[..., ::-1]))


def prefetched(draw: Callable[[int], _T], first: int, last: int, *, workers: int = 1, ahead: int = 4) -> Iterator[_T]:
    """What `draw` gives for steps first..last − 1, in order, drawn on other threads (numpy and OpenCV let go of the lock)."""
    with ThreadPoolExecutor(workers, thread_name_prefix="patches") as pool:
        futures = deque(pool.submit(draw, step) for step in range(first, min(first + ahead, last)))
        try:
            for step in range(first, last):
                drawn = futures.popleft().result()
                if step + ahead < last:
                    futures.append(pool.submit(draw, step + ahead))
                yield drawn
        finally:
            for future in futures:
                future.cancel()
