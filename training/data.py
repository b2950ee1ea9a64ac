"""Owns training pictures: what `--data` named, and batches of patches out of it; knows nothing of networks or losses.

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

from runtime.backend import Picture
from runtime.errors import DataError
from training.degradations.degradation import Degradation, Degraded, KnowsDepth, to_light, to_picture
from training.drawn_pictures import Drawn, count_of
from training.gallery import Gallery, Pair, Several, pairs_at_hand, pictures_at_hand
from training.layouts import HOLD_OUT_EVERY, every_twelfth
from training.networks import LEVELS
from training.recognise import Recognised, recognise
from training.stills import MEMORY, Kept, open_pairs, open_stills

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
        """Pictures that are at hand."""
        return cls(
            pictures_at_hand(clean),
            pictures_at_hand(held_out),
            pairs_at_hand(pairs),
            pairs_at_hand(held_out_pairs),
            ("pictures at hand",),
        )


def load_pictures(
    folders: Sequence[Path], *, task: str | None = None, smallest: int | None = None, memory: int = MEMORY
) -> TrainingPictures:
    """Recognised, checked and split; decoded only when asked for.

    `task` refuses pairs that teach something else, `smallest` pictures to train on that hold no patch of that side.
    """
    kept = Kept(memory)
    clean: list[Gallery[Picture]] = []
    held_out: list[Gallery[Picture]] = []
    pairs: list[Gallery[Pair]] = []
    held_out_pairs: list[Gallery[Pair]] = []
    described, protocols = [], []
    for folder in folders:
        if count := count_of(folder):
            held = every_twelfth([""] * count)[0]
            for part, is_held in ((clean, False), (held_out, True)):
                part.append(Drawn([i for i, one in enumerate(held) if one is is_held], kept, smallest or 0))
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
    pictures = TrainingPictures(Several(clean), Several(held_out), Several(pairs), Several(held_out_pairs), tuple(described), agreed)
    _check_sizes(pictures.clean, smallest or 0)
    _check_sizes(pictures.pairs, smallest or 0)
    return pictures


def _check_task(folder: Path, found: Recognised, task: str | None) -> None:
    taught = found.layout.tasks
    if task is not None and task != "restore" and taught and task not in taught:
        raise DataError(
            f"{folder}: pictures for the task {task} were expected, {found.layout.name} has pairs for {', '.join(taught)}; "
            "name another folder or another recipe"
        )


def _check_sizes(pictures: Gallery[Any], smallest: int) -> None:
    small = [(name, size) for name, size in zip(pictures.names, pictures.sizes, strict=True) if min(size) < smallest]
    if small:
        name, (height, width) = small[0]
        more = f" ({len(small)} are too small)" if len(small) > 1 else ""
        raise DataError(
            f"every picture must hold a patch of {smallest}×{smallest}, {name} is {width}×{height}{more}; take it out or lower --set patch"
        )


class Patches:
    """Random patches of clean pictures and what the degradation makes of them, and of pairs as they are."""

    def __init__(
        self, pictures: TrainingPictures, degradation: Degradation, largest: int, seed: int, *, learn_pairs: bool = False
    ) -> None:
        self._clean = pictures.clean
        self._pairs: Gallery[Pair] = pictures.pairs if learn_pairs else Several([])
        if not self._clean and not self._pairs:
            held = len(pictures.held_out) + len(pictures.held_out_pairs)
            only = f" (all {held} that were found are held out for scores)" if held else ""
            raise DataError(f"no clean picture to train on{only}; name a folder of pictures with --data, or --data drawn")
        for part in (self._clean, self._pairs):
            _check_sizes(part, largest)
            part.fill()
        self._degradation, self._seed = degradation, seed

    def batch(self, step: int, *, patch: int, batch: int, first: int = 0) -> Batch:
        """`first` is the place of its first patch in the step's batch over all processes."""
        made = tuple(self._draw(np.random.default_rng((self._seed, step, i)), patch) for i in range(first, first + batch))
        return Batch(to_tensor([to_picture(one.picture) for one in made]), to_tensor([to_picture(one.clean) for one in made]), made)

    def _draw(self, rng: np.random.Generator, patch: int) -> Degraded:
        number = int(rng.integers(len(self._clean) + len(self._pairs)))
        if number >= len(self._clean):
            pair = self._pairs[number - len(self._clean)]
            degraded, clean = _cut_out(rng, patch, pair.degraded, pair.clean)
            return Degraded(to_light(degraded), to_light(clean))
        depth = self._clean.depth(number)
        if depth is None or not isinstance(self._degradation, KnowsDepth):
            (clean,) = _cut_out(rng, patch, self._clean[number])
            return self._degradation(to_light(clean), rng)
        clean, far = _cut_out(rng, patch, self._clean[number], depth)
        return self._degradation.with_depth(far)(to_light(clean), rng)


def _cut_out(rng: np.random.Generator, patch: int, *pictures: NDArray[Any]) -> list[NDArray[Any]]:
    """The same square out of each picture."""
    height, width = pictures[0].shape[:2]
    # Half of the patches come from a larger crop made smaller: photographs of 481×321 are softer than a 720p camera.
    side = int(patch * rng.uniform(1, min(2.0, min(height, width) / patch))) if rng.random() < 0.5 else patch
    top, left = (int(rng.integers(extent - side + 1)) for extent in (height, width))
    crops = [picture[top : top + side, left : left + side] for picture in pictures]
    if side != patch:
        crops = [np.asarray(cv2.resize(crop, (patch, patch), interpolation=cv2.INTER_AREA), crop.dtype) for crop in crops]
    if rng.random() < 0.5:
        crops = [crop[:, ::-1] for crop in crops]
    return [np.ascontiguousarray(crop) for crop in crops]


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
