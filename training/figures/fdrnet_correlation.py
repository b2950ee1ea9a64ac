"""Figure 8 of FDR-Net: how much channels share before and after the FDM, and which of them answer to which distortion.

    a, b   |correlation| of each pair of channels over the places of a picture, mean over hybrid-distorted pictures; the paper prints a
           mean of 0.272 before and 0.164 after. It does not say of which phase: the first one by default, and every phase in the text
    c      each channel's mean |response| after the FDM to one distortion at ten levels, less its response to the clean picture

The claim beside (c), that each distortion is answered in channels of its own whatever its level, is put into two figures: how alike
(cosine) the sizes of the answers to one distortion are at two levels, and how alike those to two distortions are.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from runtime.errors import CheckpointError, DataError, UsageError
from runtime.files.pictures import list_pictures, read_picture
from runtime.picture import Picture
from training.checkpoint import load_checkpoint
from training.data.batches import to_tensor
from training.data.drawn import dead_leaves, drawn_scene
from training.degradations.degradation import to_light, to_picture
from training.networks.fdrnet import DisentangledFeatures, FDRNet
from training.recipes.hybrid import LEVELS, Hybrid

DISTORTIONS = ("blur", "noise", "jpeg")
_SEED = 20_001
_WEIGHTS = "weights.safetensors"  # what a bundle calls its checkpoint
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PhaseCorrelation:
    """One phase of one network."""

    before: Floats  # [C, C] |correlation| of what enters the FDM
    after: Floats  # [C, C] of what leaves it
    responses: Mapping[str, Floats]  # distortion → [level, C], less the response to clean pictures


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("checkpoint", type=Path, help="a model of fdrnet in any size: a .safetensors file, or a bundle's folder")
    parser.add_argument("--data", type=Path, metavar="DIR", help="a folder of clean pictures (default: drawn ones)")
    parser.add_argument("--phase", type=int, default=1, help="whose features are drawn, from 1 (default: %(default)s)")
    parser.add_argument("--pictures", type=int, default=6, help="how many of them (default: %(default)s)")
    parser.add_argument("--side", type=int, default=96, help="pixels of the square out of each one's middle (default: %(default)s)")


def draw(parsed: argparse.Namespace, say: Callable[[str], None]) -> None:
    if parsed.pictures < 1 or parsed.side < 16:
        raise UsageError(f"--pictures and --side: expected at least 1 picture of 16 pixels, got {parsed.pictures} of {parsed.side}")
    network = open_network(parsed.checkpoint)
    if not 1 <= parsed.phase <= network.config.phases:
        raise UsageError(f"--phase {parsed.phase}: this network has the phases 1 to {network.config.phases}")
    side = parsed.side - parsed.side % network.stride
    pictures = _drawn(parsed.pictures, side) if parsed.data is None else _read(parsed.data, parsed.pictures, side)
    phases = look(network, pictures)
    for line in report(phases):
        say(line)
    _paint(phases[parsed.phase - 1], f"{_named(parsed.checkpoint)}, phase {parsed.phase} of {len(phases)}", parsed.out)


def _named(path: Path) -> str:
    """A bundle by its folder: its weights are called alike in every one."""
    return path.resolve().parent.name if path.name == _WEIGHTS else path.name


def open_network(path: Path) -> FDRNet:
    checkpoint = load_checkpoint(path / _WEIGHTS if path.is_dir() else path)
    network = checkpoint.build()
    if not isinstance(network, FDRNet):
        raise CheckpointError(f"{path}: expected a model of the network fdrnet, got one of {checkpoint.network}; name another")
    if not network.config.disentangle:
        raise CheckpointError(f"{path}: expected an fdrnet with FD layers, got the baseline without FDM; name another")
    return network


def look(network: FDRNet, pictures: Sequence[Picture]) -> list[PhaseCorrelation]:
    """What every phase makes of the pictures under all distortions."""
    mixed = _features(network, _distorted(pictures, lambda clean, rng: Hybrid()(clean, rng).picture))
    correlations = [tuple(correlation(features) for features in phase) for phase in mixed]
    clean = _responses(network, pictures)
    responses: list[dict[str, Floats]] = [{} for _ in mixed]
    for name in DISTORTIONS:
        levels = [_responses(network, _distorted_by(pictures, name, level / LEVELS)) for level in range(1, LEVELS + 1)]
        for phase, collected in enumerate(responses):
            collected[name] = np.stack([level[phase] - clean[phase] for level in levels])
    return [PhaseCorrelation(before, after, response) for (before, after), response in zip(correlations, responses, strict=True)]


def report(phases: Sequence[PhaseCorrelation]) -> list[str]:
    lines = ["phase   |correlation| before   after FDM   alike: one distortion at two levels   two distortions"]
    rows = [(off_diagonal_mean(seen.before), off_diagonal_mean(seen.after), *likeness(seen.responses)) for seen in phases]
    named = [(f"{number:>5}", row) for number, row in enumerate(rows, start=1)] + [(" mean", tuple(np.mean(rows, axis=0)))]
    lines += [f"{name}{before:>23.3f}{after:>12.3f}{one:>38.3f}{two:>18.3f}" for name, (before, after, one, two) in named]
    return [*lines, "FDR-Net's figure 8 prints 0.272 before and 0.164 after"]


def correlation(features: Tensor) -> Floats:
    """[N, C, H, W] → [C, C]: |Pearson correlation| over the places of each picture, mean over the pictures; 0 for a channel that is
    constant there, since it shares nothing."""
    flat = features.double().flatten(start_dim=2)
    centred = flat - flat.mean(dim=2, keepdim=True)
    length = centred.norm(dim=2, keepdim=True)
    unit = torch.where(length > 1e-9 * flat.shape[2] ** 0.5, centred / length.clamp(min=1e-30), 0)
    return np.asarray((unit @ unit.transpose(1, 2)).abs().mean(dim=0).numpy(), np.float64)


def off_diagonal_mean(matrix: Floats) -> float:
    return float(matrix[~np.eye(len(matrix), dtype=bool)].mean())


def likeness(responses: Mapping[str, Floats]) -> tuple[float, float]:
    """Mean cosine between the sizes of the answers to one distortion at two levels, and to two distortions at any levels: 1 where the
    same channels answer (louder or not), 0 where no channel answers to both."""
    sizes = {name: np.abs(rows) for name, rows in responses.items()}
    unit = {name: rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-30) for name, rows in sizes.items()}
    one = [off_diagonal_mean(rows @ rows.T) for rows in unit.values()]
    two = [(unit[a] @ unit[b].T).mean() for a, b in itertools.combinations(unit, 2)]
    return float(np.mean(one)), float(np.mean(two))


def _features(network: FDRNet, pictures: Sequence[Picture]) -> list[tuple[Tensor, Tensor]]:
    """For each phase what enters the FDM and what leaves it."""
    with torch.inference_mode():
        made = network(to_tensor(pictures), every=True)
    assert isinstance(made, DisentangledFeatures)  # `every` asks for it
    return [(entered, features[-1]) for entered, features in zip(made.entered, made.features, strict=True)]


def _responses(network: FDRNet, pictures: Sequence[Picture]) -> list[Floats]:
    return [after.abs().mean(dim=(0, 2, 3)).double().numpy() for _, after in _features(network, pictures)]


def _distorted(pictures: Sequence[Picture], distort: Callable[..., NDArray[np.float32]]) -> list[Picture]:
    # The same generator for the same picture, whatever is done to it: levels then differ in strength alone.
    return [to_picture(distort(to_light(picture), np.random.default_rng((_SEED, i)))) for i, picture in enumerate(pictures)]


def _distorted_by(pictures: Sequence[Picture], name: str, strength: float) -> list[Picture]:
    return _distorted(pictures, lambda clean, rng: Hybrid().degrade(clean, rng, **{name: strength}).picture)


def _drawn(count: int, side: int) -> list[Picture]:
    return [(drawn_scene, dead_leaves)[i % 2](np.random.default_rng((_SEED, i)), side, side) for i in range(count)]


def _read(folder: Path, count: int, side: int) -> list[Picture]:
    pictures = []
    for path in list_pictures(folder)[:count]:
        picture = read_picture(path)
        height, width = picture.shape[:2]
        if min(height, width) < side:
            raise DataError(f"{path}: expected at least {side}×{side} pixels, got {width}×{height}; lower --side")
        top, left = (height - side) // 2, (width - side) // 2
        pictures.append(picture[top : top + side, left : left + side])
    return pictures


def _paint(seen: PhaseCorrelation, title: str, out: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 8.5), layout="constrained")
    figure.suptitle(f"Channels before and after the feature disentanglement module: {title}")
    grid = figure.add_gridspec(2, 1, height_ratios=(1, 0.95))
    upper, lower = (figure.add_subfigure(grid[row]) for row in range(2))
    for axes, matrix, name in zip(upper.subplots(1, 2), (seen.before, seen.after), ("(a) before FDM", "(b) after FDM"), strict=True):
        image = axes.imshow(matrix, vmin=0, vmax=1, cmap="viridis")
        axes.set(title=f"{name}: mean |correlation| {off_diagonal_mean(matrix):.3f} off the diagonal", xlabel="channel", ylabel="channel")
        upper.colorbar(image, ax=axes, shrink=0.85)
    for axes, (name, rows) in zip(lower.subplots(3, 1, sharex=True), seen.responses.items(), strict=True):
        largest = max(float(np.abs(rows).max()), 1e-12)
        extent = (-0.5, rows.shape[1] - 0.5, LEVELS + 0.5, 0.5)
        image = axes.imshow(rows, vmin=-largest, vmax=largest, cmap="RdBu_r", aspect="auto", extent=extent)
        axes.set(ylabel=f"{name}\nlevel", yticks=(1, 5, LEVELS))
        lower.colorbar(image, ax=axes)
    axes.set_xlabel("(c) channel: mean |response| after FDM, less that to the clean picture")
    figure.savefig(out, dpi=110)
