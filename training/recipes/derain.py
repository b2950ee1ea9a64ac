"""The data side of the deraining recipes: what rain they learn from. Knows no network."""

from __future__ import annotations

from collections.abc import Sequence

from training.degradations.degradation import Degradation, Pair
from training.degradations.mixture import Mixture
from training.degradations.sensor.compression import Jpeg
from training.degradations.sensor.noise import Noise
from training.degradations.weather.rain import Rain, StreakBank, layers_of

UNTOUCHED = 0.15  # share of patches with no weather: without them a network "cleans" clean pictures (36 dB instead of over 42)

_CAMERA = (
    ("noise", 0.3, Noise(read=(0.0, 4.0), shot=(0.0, 5.0))),
    ("jpeg", 0.3, Jpeg(quality=(50.0, 95.0))),
)


def road_rain(seed: int, pairs: Sequence[Pair]) -> Degradation:
    """Rain from a drizzle to a wall of water, as a camera hands it over: with sensor noise and compression.

    The veil is kept thin: where it was up to a quarter of the light, the network learned to add contrast to any hazy photograph
    (the worst clean picture came back at 33 dB).
    """
    return Mixture((("rain", 0.97, Rain(StreakBank(seed, foreign=layers_of(pairs)))), *_CAMERA), untouched=UNTOUCHED)


def heavy_rain(seed: int) -> Degradation:
    """The hard end of the same rain, for scores: strong layers that no training saw, since the seed is another."""
    return Mixture((("rain", 1.0, Rain(StreakBank(seed, count=64), strength=(0.6, 1.0))), *_CAMERA))


def light_rain(seed: int) -> Degradation:
    return Mixture((("rain", 1.0, Rain(StreakBank(seed, count=64), strength=(0.1, 0.3), most_layers=1)), *_CAMERA))


TRIALS = (("heavy rain", heavy_rain), ("light rain", light_rain))
