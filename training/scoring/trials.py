"""What is scored: pictures with their truth, made or read one at a time. Does not know models or protocols' arithmetic.

A trial is a recipe's (its degradations on held-out clean pictures, and the same pictures with no weather at all: weather that is not
there must not be removed), a mixture given on the command line, held-out pairs, or truths that a folder of results is matched with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from runtime.errors import DataError, UsageError
from runtime.files.pictures import list_pictures, read_picture
from runtime.picture import Picture
from training.data.batches import TrainingPictures
from training.data.gallery import Gallery
from training.degradations.degradation import Degradation, Pair, to_light, to_picture
from training.recipes.recipe import Recipe
from training.scoring.metrics import PROTOCOLS, Levels

SEED = 20_001  # far from any training's seed: the streaks were never seen


@dataclass(frozen=True)
class Case:
    name: str
    degraded: Levels | None  # None where only the truth is at hand
    clean: Picture


@dataclass(frozen=True)
class Trial:
    """`cases` begins anew at each call, with the same random draws; a case is made when it is asked for."""

    name: str
    names: tuple[str, ...]  # of all its cases, in order
    cases: Callable[[], Iterator[Case]]


def trials_of(recipe: Recipe, pictures: TrainingPictures, protocol: str = "rgb") -> list[Trial]:
    """What the recipe names, on what `--data` holds out."""
    trials = []
    if pictures.held_out:
        trials += [_made(f"held-out pictures, {name}", make, pictures.held_out, protocol) for name, make in recipe.trials]
        untouched = "held-out pictures, clean"
        trials.append(Trial(untouched, pictures.held_out.names, partial(_untouched, pictures.held_out)))
    if pictures.held_out_pairs:
        trials.append(pairs_of(pictures, protocol))
    if not trials:
        raise DataError("--data: expected held-out pictures (every 12th clean one, pairs named test-*), got none; name another folder")
    return trials


def mixture_trial(text: str, degradation: Degradation, pictures: TrainingPictures, protocol: str = "rgb") -> Trial:
    """Held-out clean pictures under one degradation, which `text` describes."""
    if not pictures.held_out:
        raise DataError("--degrade: expected held-out clean pictures in --data, got none; name a folder of them")
    return _made(f"held-out pictures, {text}", lambda seed: degradation, pictures.held_out, protocol)


def pairs_of(pictures: TrainingPictures, protocol: str = "rgb") -> Trial:
    if PROTOCOLS[protocol].unclipped:
        raise UsageError(
            f"--protocol: expected one for 8-bit files, got {protocol}, which is for noise that is neither clipped nor rounded; "
            "name clean pictures and --degrade, or --protocol rgb or grey for the files as they are"
        )
    return Trial("held-out pairs", pictures.held_out_pairs.names, partial(_paired, pictures.held_out_pairs))


def truths_in(folders: Sequence[Path]) -> Trial:
    """Every picture of the folders, for results that were made elsewhere."""
    paths = [path for folder in folders for path in list_pictures(folder)]
    return Trial("truths", tuple(path.stem for path in paths), partial(_read, paths))


def _read(paths: Sequence[Path]) -> Iterator[Case]:
    for path in paths:
        yield Case(path.stem, None, read_picture(path))


def _untouched(pictures: Gallery[Picture]) -> Iterator[Case]:
    for name, clean in zip(pictures.names, pictures, strict=True):
        yield Case(name, clean, clean)


def _paired(pairs: Gallery[Pair]) -> Iterator[Case]:
    for pair in pairs:
        yield Case(pair.name, pair.degraded, pair.clean)


def _made(name: str, make: Callable[[int], Degradation], pictures: Gallery[Picture], protocol: str) -> Trial:
    def cases() -> Iterator[Case]:
        degradation, rng = make(SEED), np.random.default_rng(SEED)
        for one, clean in zip(pictures.names, pictures, strict=True):
            yield _degraded(one, clean, degradation, rng, protocol)

    return Trial(name, pictures.names, cases)


def _degraded(name: str, clean: Picture, degradation: Degradation, rng: np.random.Generator, protocol: str) -> Case:
    chosen, light = PROTOCOLS[protocol], to_light(clean)
    grey = chosen.channel == "grey"
    if grey and (clean != clean[..., :1]).any():
        raise DataError(f"{name}: expected a grey picture for --protocol {protocol}, got colours; use a colour protocol (cbsd68, rgb)")
    came = degradation(light, rng)
    degraded: Levels = came.picture * np.float32(255) if chosen.unclipped else to_picture(came.picture)
    if grey:  # one draw of the noise for the one channel there is: three would average out to a weaker one
        degraded = np.ascontiguousarray(np.repeat(degraded[..., 1:2], 3, axis=2))
    return Case(name, degraded, clean if came.clean is light else to_picture(came.clean))
