"""AI-GAN's figure 3: the 1-D experiment, a single-branched GAN beside AI-GAN. Knows no picture, no recipe and no loop.

Two independent Gaussian signals A and B are fused into C, and B is to be restored from C. Both models are small versions of the real
ones: `Decomposition` and the losses are those that pictures are trained with, so what is drawn is equations 1 to 9 at work and
not a look-alike. The paper prints no mean, width, layer or step: those below are chosen here. Nor does it say what fuses the
signals. "Fusion signal that belongs to a Gaussian mixture model" can be read in two ways:

    sum       C = A + B, as interference is in pictures, where I − ŷ_T means something; the default
    mixture   each sample of C is one of A or of B, with equal odds

In (d) stands what both models descend alike, the squared error of the fused result. Their adversarial parts cannot be compared: AI-GAN's
discriminator sees two made signals for each real one, so that its generator's −log D settles at log 3 where the other's does at log 2.

A number of seeds (own data, own weights each) are trained side by side in the same tensors, which costs hardly more than one:
a difference between two trainings says nothing while the spread over seeds is unknown.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from runtime.errors import UsageError
from training.networks.aigan import Branch, Decomposition, Signals
from training.recipes.aigan import AIGANMethod, deceive_loss, interact_losses, judge_loss

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_A, _B = (-3.0, 1.0), (3.0, 1.0)  # mean and σ: as wide as each other, so that neither is the easy one
_HIDDEN = 32
_BATCH, _RATE = 128, 1e-3
_UNSEEN = 10_000  # samples that a trained model is judged by
_SMOOTHED = 50  # steps that a point of the loss curves is the mean of
FUSIONS: Mapping[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {  # A, B and a coin → C
    "sum": lambda a, b, _coin: a + b,
    "mixture": lambda a, b, coin: torch.where(coin > 0, a, b),
}


@dataclass(frozen=True)
class Samples:
    """One row a sample, [seeds · count, 1]; the rows of a seed lie together."""

    a: Tensor
    b: Tensor
    c: Tensor


@dataclass(frozen=True)
class ToyResult:
    name: str
    signals: Signals  # of the unseen samples
    errors: NDArray[np.float32]  # [steps, seeds], squared, of the restored B in training

    def distances(self, made: Tensor, target: Tensor) -> NDArray[np.float64]:
        """Wasserstein-1 of each seed."""
        seeds = self.errors.shape[1]
        return np.array([wasserstein(one, other) for one, other in zip(made.chunk(seeds), target.chunk(seeds), strict=True)])


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--fusion", default="sum", help=f"how A and B make C: {' or '.join(FUSIONS)} (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=4000, help="of each training (default: %(default)s)")
    parser.add_argument("--seeds", type=int, default=10, help="trainings of each model (default: %(default)s)")


def draw(parsed: argparse.Namespace, say: Callable[[str], None]) -> None:
    if parsed.fusion not in FUSIONS:
        raise UsageError(f"--fusion: expected one of {', '.join(FUSIONS)}, got {parsed.fusion!r}")
    if parsed.steps < 1 or parsed.seeds < 1:
        raise UsageError(f"--steps and --seeds: expected above zero, got {parsed.steps} and {parsed.seeds}")
    if not parsed.out.parent.is_dir():  # before minutes of training
        raise UsageError(f"{parsed.out}: expected a file in an existing folder; make the folder, or name another file with -o")
    unseen = unseen_samples(parsed.fusion, parsed.seeds)
    with _one_thread():
        single = train("single-branched GAN", parsed.fusion, parsed.steps, parsed.seeds, double=False)
        double = train("AI-GAN", parsed.fusion, parsed.steps, parsed.seeds, double=True)
    for line in report(single, double, unseen, parsed.fusion):
        say(line)
    _plot(single, double, unseen, parsed.out)


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Tensors this small are split at a loss: beside other work two threads took eight times as much CPU time as one."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def wasserstein(one: Tensor, other: Tensor) -> float:
    """Wasserstein-1 of two equally large sets of numbers: what is n-th in one goes to what is n-th in the other."""
    return float((one.flatten().sort().values - other.flatten().sort().values).abs().mean())


def _generators(seeds: int, purpose: int) -> list[torch.Generator]:
    """One for each seed, so that a seed's result does not depend on how many there are."""
    return [torch.Generator().manual_seed(1000 * seed + purpose) for seed in range(seeds)]


def unseen_samples(fusion: str, seeds: int) -> Samples:
    return _draw_samples(_generators(seeds, 1), _UNSEEN, fusion)


def _draw_samples(generators: Sequence[torch.Generator], count: int, fusion: str) -> Samples:
    normal = torch.cat([torch.randn(count, 3, generator=generator) for generator in generators])
    a, b = (mean + deviation * normal[:, i : i + 1] for i, (mean, deviation) in enumerate((_A, _B)))
    return Samples(a, b, FUSIONS[fusion](a, b, normal[:, 2:]))


class _LinearBySeed(nn.Module):
    """A linear layer for each seed: its rows go through its own weights."""

    def __init__(self, generators: Sequence[torch.Generator], inputs: int, outputs: int) -> None:
        super().__init__()
        bound = inputs**-0.5  # as nn.Linear
        drawn = torch.stack([torch.rand(inputs + 1, outputs, generator=generator) for generator in generators])
        self.weights = nn.Parameter(bound * (2 * drawn - 1))

    def forward(self, x: Tensor) -> Tensor:
        by_seed = x.reshape(self.weights.shape[0], -1, x.shape[1])
        return torch.baddbmm(self.weights[:, -1:], by_seed, self.weights[:, :-1]).flatten(0, 1)


class _Residual(nn.Module):
    """G adds to what it is given, as in pictures."""

    def __init__(self, layers: nn.Module) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.layers(x)
        return out


def _layers(generators: Sequence[torch.Generator]) -> nn.Sequential:
    widths = (1, _HIDDEN, _HIDDEN, 1)
    first, second, last = (_LinearBySeed(generators, inputs, outputs) for inputs, outputs in itertools.pairwise(widths))
    return nn.Sequential(first, nn.LeakyReLU(0.2), second, nn.LeakyReLU(0.2), last)


def _model(generators: Sequence[torch.Generator], double: bool) -> Decomposition:
    encoder = nn.Sequential(_LinearBySeed(generators, 1, _HIDDEN), nn.LeakyReLU(0.2))
    branches = [Branch(_LinearBySeed(generators, _HIDDEN, 1), _Residual(_layers(generators))) for _ in range(1 + double)]
    return Decomposition(encoder, branches[0], branches[1] if double else None, interact=double)


def train(name: str, fusion: str, steps: int, seeds: int, *, double: bool) -> ToyResult:
    """Equation 9, as the recipes do a step: the generators first, then the discriminators on what was just made."""
    weights, data = _generators(seeds, 2), _generators(seeds, 3)
    model = _model(weights, double)
    judges = nn.ModuleList(_layers(weights) for _ in range(2 if model.interference else 1))
    method = AIGANMethod()
    descents = [torch.optim.Adam(part.parameters(), lr=_RATE, betas=(method.beta1, 0.999)) for part in (model, judges)]
    errors = []
    for _ in range(steps):
        samples = _draw_samples(data, _BATCH, fusion)
        signals: Signals = model(samples.c)
        sides = list(zip(judges, (signals.originals, signals.interferences), (samples.b, samples.a), strict=False))
        deceived = torch.stack([deceive_loss([judge(made) for made in both]) for judge, both, _ in sides]).sum()
        interact = torch.stack(list(interact_losses(signals, samples.b, samples.a).values())).sum()
        _descend(descents[0], interact + method.adversarial * deceived)
        errors.append((fused(signals.originals) - samples.b).detach().square().reshape(seeds, -1).mean(1).numpy())
        judged = [judge_loss(judge(real), [judge(made.detach()) for made in both]) for judge, both, real in sides]
        _descend(descents[1], torch.stack(judged).sum())
    with torch.inference_mode():
        return ToyResult(name, model(unseen_samples(fusion, seeds).c), np.stack(errors))


def _descend(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    optimiser.zero_grad()
    torch.autograd.backward(loss)
    optimiser.step()


def fused(steps: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(steps)).mean(0)


def report(single: ToyResult, double: ToyResult, unseen: Samples, fusion: str) -> list[str]:
    """How far each result is from its target, over the seeds; whichever is closer."""
    seeds = single.errors.shape[1]
    again = _draw_samples(_generators(seeds, 4), _UNSEEN, fusion)
    rows = {
        "C as it is": single.distances(unseen.c, unseen.b),
        "another draw of B": single.distances(again.b, unseen.b),
        f"{single.name}: B": single.distances(fused(single.signals.originals), unseen.b),
        f"{double.name}: B": double.distances(fused(double.signals.originals), unseen.b),
        f"{double.name}: B, step 1 alone": double.distances(double.signals.originals[0], unseen.b),
        f"{double.name}: B, step 2 alone": double.distances(double.signals.originals[1], unseen.b),
        f"{double.name}: A": double.distances(fused(double.signals.interferences), unseen.a),
    }
    lines = [f"C by {fusion} of A and B; Wasserstein-1 to the target over {seeds} seeds", f"{'':<28}{'median':>8}{'least':>8}{'most':>8}"]
    lines += [f"{name:<28}{np.median(far):8.3f}{far.min():8.3f}{far.max():8.3f}" for name, far in rows.items()]
    closer = int(np.sum(rows[f"{double.name}: B"] < rows[f"{single.name}: B"]))
    errors = {one.name: float((fused(one.signals.originals) - unseen.b).square().mean()) for one in (single, double)}
    lines.append(f"{double.name} is closer to B in {closer} of {seeds} seeds")
    lines.append("mean squared error of B: " + ", ".join(f"{name} {error:.3f}" for name, error in errors.items()))
    settled = ", ".join(f"{one.name} {_settled(one)}" for one in (single, double))
    lines.append(f"steps until it stays within a tenth of its last value: {settled}")
    return lines


def _smooth(errors: NDArray[np.float32]) -> NDArray[np.float64]:
    """The mean of the seeds, and of `_SMOOTHED` steps up to each."""
    width = min(_SMOOTHED, len(errors))
    return np.asarray(np.convolve(errors.mean(axis=1), np.full(width, 1 / width), "valid"))


def _settled(model: ToyResult) -> int:
    smooth = _smooth(model.errors)
    beyond = np.flatnonzero(smooth > 1.1 * smooth[-1])
    return len(model.errors) - len(smooth) + 1 + (int(beyond[-1]) + 1 if len(beyond) else 0)


def _plot(single: ToyResult, double: ToyResult, unseen: Samples, out: str) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(15, 3.6), layout="constrained")
    signals, one, two, curves = figure.subplots(1, 4)
    _histograms(signals, {"A": (unseen.a, "C0"), "B": (unseen.b, "C1"), "C": (unseen.c, "C2")})
    signals.set_title("(a) the signals")
    at = _median_seed(single, unseen)
    _histograms(one, {"B": (at(unseen.b), "C1"), "restored B": (at(fused(single.signals.originals)), "C3")})
    one.set_title("(b) single-branched GAN, median seed")
    at = _median_seed(double, unseen)
    restored, found = at(fused(double.signals.originals)), at(fused(double.signals.interferences))
    _histograms(two, {"A": (at(unseen.a), "C0"), "B": (at(unseen.b), "C1"), "restored B": (restored, "C3"), "found A": (found, "C4")})
    two.set_title("(c) AI-GAN, median seed")
    for model, colour in ((single, "C7"), (double, "C3")):
        smooth = _smooth(model.errors)
        curves.plot(np.arange(len(smooth)) + len(model.errors) - len(smooth) + 1, smooth, color=colour, label=model.name)
    curves.set(title="(d) squared error of B, mean of the seeds", xlabel="step", yscale="log")
    for axes in (signals, one, two):
        axes.set_ylim(top=0.75)  # leaves the legend a place of its own, and the panels one scale
    for axes in (signals, one, two, curves):
        axes.legend(fontsize=8, ncols=2, loc="upper right")
        axes.grid(alpha=0.3)
    figure.savefig(out, dpi=110)


def _median_seed(model: ToyResult, unseen: Samples) -> Callable[[Tensor], Tensor]:
    """Takes the rows of the seed that came out in the middle: neither the best nor the worst is shown."""
    far = model.distances(fused(model.signals.originals), unseen.b)
    middle = int(np.argsort(far)[len(far) // 2])
    return lambda rows: rows.chunk(len(far))[middle]


def _histograms(axes: Axes, curves: Mapping[str, tuple[Tensor, str]]) -> None:
    edges = np.linspace(-8, 8, 97)
    for name, (rows, colour) in curves.items():
        density, _ = np.histogram(rows.numpy(), edges, density=True)
        axes.plot((edges[:-1] + edges[1:]) / 2, density, color=colour, label=name)
