"""Owns training pictures: folders, the held-out rule, and batches of patches; knows nothing of networks or losses.

A batch is a pure function of (seed, step): resuming needs no state of any generator, and two machines with the same pictures
draw the same patches.

    a folder of clean pictures           every 12th by name is held out for validation
    a folder with rain/ and clean/       pairs by file name; those named test-* are held out
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import torch
from torch import Tensor

from runtime.backend import Picture
from runtime.errors import DataError
from runtime.pictures import list_pictures, read_picture
from training.degradations.degradation import Degradation, Degraded, to_light, to_picture
from training.networks import LEVELS

HOLD_OUT_EVERY = 12
_PAIR_FOLDERS = ("rain", "clean")
_T = TypeVar("_T")


@dataclass(frozen=True)
class Batch:
    """float32 [N, 3, H, W] RGB in 0..1, and how each patch was made: systems that know the physics read its layers and parameters."""

    degraded: Tensor
    clean: Tensor
    made: tuple[Degraded, ...] = ()


@dataclass(frozen=True)
class Pair:
    name: str
    degraded: Picture
    clean: Picture


@dataclass(frozen=True)
class TrainingPictures:
    """What `--data` named, split once and for all into what is trained on and what is only scored."""

    clean: tuple[Picture, ...]
    held_out: tuple[Picture, ...]
    pairs: tuple[Pair, ...]
    held_out_pairs: tuple[Pair, ...]
    described: tuple[str, ...]  # one line a folder, for the model card

    @classmethod
    def of(cls, clean: Sequence[Picture], pairs: Sequence[Pair] = (), described: str = "pictures at hand") -> TrainingPictures:
        """Pictures that are at hand, all of them to train on."""
        return cls(tuple(clean), (), tuple(pairs), (), (described,))


def load_pictures(folders: Sequence[Path]) -> TrainingPictures:
    clean: list[Picture] = []
    held_out: list[Picture] = []
    pairs: list[Pair] = []
    held_out_pairs: list[Pair] = []
    described = []
    for folder in folders:
        if all((folder / name).is_dir() for name in _PAIR_FOLDERS):
            found = _load_pairs(folder)
            pairs += [pair for pair in found if not pair.name.startswith("test-")]
            held_out_pairs += [pair for pair in found if pair.name.startswith("test-")]
            described.append(f"{folder.resolve().name}: {len(found)} pairs, test-* held out")
        else:
            paths = list_pictures(folder)
            pictures = [read_picture(path) for path in paths]
            clean += [picture for i, picture in enumerate(pictures) if i % HOLD_OUT_EVERY]
            held_out += pictures[::HOLD_OUT_EVERY]
            described.append(f"{folder.resolve().name}: {len(pictures)} clean pictures, every {HOLD_OUT_EVERY}th by name held out")
    return TrainingPictures(tuple(clean), tuple(held_out), tuple(pairs), tuple(held_out_pairs), tuple(described))


def _load_pairs(folder: Path) -> list[Pair]:
    degraded, clean = ({path.stem: path for path in list_pictures(folder / name)} for name in _PAIR_FOLDERS)
    if unpaired := sorted(degraded.keys() ^ clean.keys()):
        raise DataError(f"{folder}: every picture in rain/ needs one of the same name in clean/; {unpaired[0]} has no partner")
    pairs = [Pair(name, read_picture(degraded[name]), read_picture(clean[name])) for name in sorted(clean)]
    for pair in pairs:
        if pair.degraded.shape != pair.clean.shape:
            raise DataError(f"{folder}: the two pictures called {pair.name} differ in size: {pair.degraded.shape} and {pair.clean.shape}")
    return pairs


class Patches:
    """Random patches of clean pictures and what the degradation makes of them."""

    def __init__(
        self, pictures: TrainingPictures, degradation: Degradation, largest: int, seed: int, *, learn_pairs: bool = False
    ) -> None:
        self._clean, self._pairs = pictures.clean, pictures.pairs if learn_pairs else ()
        if not self._clean and not self._pairs:
            raise DataError("no clean picture to train on; name a folder of pictures with --data")
        for picture in (*self._clean, *(pair.clean for pair in self._pairs)):
            if min(picture.shape[:2]) < largest:
                size = f"{picture.shape[1]}×{picture.shape[0]}"
                raise DataError(f"every picture must hold a patch of {largest}×{largest}, one is {size}; take it out or lower --patch")
        self._degradation, self._seed = degradation, seed

    def batch(self, step: int, *, patch: int, batch: int, first: int = 0) -> Batch:
        """`first` is the place of its first patch in the step's batch over all processes."""
        made = tuple(self._draw(np.random.default_rng((self._seed, step, i)), patch) for i in range(first, first + batch))
        return Batch(to_tensor([to_picture(one.picture) for one in made]), to_tensor([to_picture(one.clean) for one in made]), made)

    def _draw(self, rng: np.random.Generator, patch: int) -> Degraded:
        number = int(rng.integers(len(self._clean) + len(self._pairs)))
        if number < len(self._clean):
            (clean,) = _cut_out(rng, patch, self._clean[number])
            return self._degradation(to_light(clean), rng)
        pair = self._pairs[number - len(self._clean)]
        degraded, clean = _cut_out(rng, patch, pair.degraded, pair.clean)
        return Degraded(to_light(degraded), to_light(clean))


def _cut_out(rng: np.random.Generator, patch: int, *pictures: Picture) -> list[Picture]:
    """The same square out of each picture."""
    height, width = pictures[0].shape[:2]
    # Half of the patches come from a larger crop made smaller: photographs of 481×321 are softer than a 720p camera.
    side = int(patch * rng.uniform(1, min(2.0, min(height, width) / patch))) if rng.random() < 0.5 else patch
    top, left = (int(rng.integers(extent - side + 1)) for extent in (height, width))
    crops = [picture[top : top + side, left : left + side] for picture in pictures]
    if side != patch:
        crops = [np.asarray(cv2.resize(crop, (patch, patch), interpolation=cv2.INTER_AREA), np.uint8) for crop in crops]
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
