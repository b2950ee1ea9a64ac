"""Owns scoring a model on held-out pictures; knows nothing of how it was trained or which engine runs it.

What is scored comes from the recipe that the model names: its trials on held-out clean pictures, those same pictures with no
weather at all (weather that is not there must not be removed), and held-out pairs where `--data` has any.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from runtime.atomic import written
from runtime.backend import Picture
from runtime.errors import DataError
from runtime.manifest import Score
from runtime.restorer import load
from training.checkpoint import Checkpoint, load_checkpoint
from training.data import TrainingPictures, from_tensor, to_tensor
from training.degradations.mixture import degrade_picture
from training.metrics import PROTOCOLS, psnr, ssim
from training.recipes.recipe import Recipe

SEED = 20_001  # far from any training's seed: the streaks were never seen
Restore = Callable[[Picture], Picture]


@dataclass(frozen=True)
class Trial:
    name: str
    pictures: tuple[tuple[Picture, Picture], ...]  # (degraded, clean)


def trials_of(recipe: Recipe, pictures: TrainingPictures) -> list[Trial]:
    trials = []
    if pictures.held_out:
        for name, make in recipe.trials:
            degradation, rng = make(SEED), np.random.default_rng(SEED)
            degraded = tuple((degrade_picture(degradation, clean, rng), clean) for clean in pictures.held_out)
            trials.append(Trial(f"held-out pictures, {name}", degraded))
        trials.append(Trial("held-out pictures, clean", tuple((clean, clean) for clean in pictures.held_out)))
    if pictures.held_out_pairs:
        trials.append(Trial("held-out pairs", tuple((pair.degraded, pair.clean) for pair in pictures.held_out_pairs)))
    if not trials:
        raise DataError("nothing to score: --data holds out every 12th clean picture and pairs named test-*, and found neither")
    return trials


def score(restore: Restore, trial: Trial, protocol: str) -> Score:
    restored = [(restore(degraded), degraded, clean) for degraded, clean in trial.pictures]
    reached = [_psnr(picture, clean, protocol) for picture, _, clean in restored]
    before = [psnr(degraded, clean, protocol) for _, degraded, clean in restored]
    return Score(
        data=trial.name,
        pictures=len(restored),
        protocol=PROTOCOLS[protocol].text,
        psnr_input_db=_rounded(np.mean(before)) if np.isfinite(before).all() else None,
        psnr_db=_rounded(np.mean(reached)),
        psnr_worst_db=_rounded(min(reached)),
        ssim_input=_rounded(np.mean([ssim(degraded, clean, protocol) for _, degraded, clean in restored]), 4),
        ssim=_rounded(np.mean([ssim(picture, clean, protocol) for picture, _, clean in restored]), 4),
    )


def evaluate(restore: Restore, trials: Sequence[Trial], protocol: str) -> list[Score]:
    return [score(restore, trial, protocol) for trial in trials]


@dataclass(frozen=True)
class OpenModel:
    """Anything that can be scored."""

    restore: Restore
    recipe: str
    runs_on: str


def open_model(model: str) -> OpenModel:
    """A checkpoint in PyTorch, or a bundle on the engine that `auto` picks."""
    if model.endswith(".safetensors"):
        checkpoint = load_checkpoint(Path(model))
        return OpenModel(checkpoint_restore(checkpoint), checkpoint.card.recipe, "PyTorch FP32")
    restorer = load(model)
    return OpenModel(lambda picture: restorer(picture).image, restorer.manifest.card.recipe, restorer.choice.describe())


def checkpoint_restore(checkpoint: Checkpoint, *, bf16: bool = False) -> Restore:
    """The network in PyTorch, one picture at a time, padded to its stride as the exported graph does it. FP32 unless `bf16`, which
    computes in autocast with channels-last weights: PyTorch's fastest plain way on a CPU."""
    layout = torch.channels_last if bf16 else torch.contiguous_format
    network = checkpoint.build().to(memory_format=layout)  # type: ignore[call-overload]
    stride, scale = int(network.stride), int(network.scale)

    @torch.inference_mode()
    def restore(picture: Picture) -> Picture:
        height, width = picture.shape[:2]
        padded = F.pad(to_tensor([picture]), (0, -width % stride, 0, -height % stride), mode="reflect")
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            out = network(padded.contiguous(memory_format=layout))
        return from_tensor(out[:, :, : height * scale, : width * scale])[0]

    return restore


def write_scores(path: Path, scores: Sequence[Score]) -> None:
    """What `clearway export --scores` puts into the manifest."""
    try:
        with written(path) as temporary:
            temporary.write_text(json.dumps([asdict(one) for one in scores], indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    except OSError as error:
        raise DataError(f"{path}: the scores cannot be written ({error.strerror or error}); name another file with --scores") from error


def _psnr(picture: Picture, truth: Picture, protocol: str) -> float:
    """A picture that comes back exactly counts as 100 dB: infinity has no mean, and no JSON."""
    return min(psnr(picture, truth, protocol), 100.0)


def _rounded(value: float | np.floating, digits: int = 2) -> float:
    return round(float(value), digits)
