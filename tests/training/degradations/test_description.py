"""Mixtures as text: what is written is what is made, both ways, and what is miswritten is said together with what exists."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from runtime.errors import UsageError
from tests.support.training.scenes import SCENE
from training.degradations.degradation import Degradation, Degraded, Light, Pair, to_picture
from training.degradations.description import KINDS, MixtureText, describe, kind_of, parse_mixture
from training.degradations.mixture import Mixture
from training.degradations.sensor.compression import Jpeg
from training.degradations.sensor.noise import Noise
from training.degradations.weather.haze import Haze
from training.degradations.weather.rain import Rain, StreakBank

BANK = StreakBank(seed=1)
LINES: dict[str, Degradation] = {
    "haze": Haze(),
    "haze(density=0.5..1, unevenness=0)": Haze(density=(0.5, 1.0), unevenness=0.0),
    "noise(shot=0)": Noise(shot=(0.0, 0.0)),
    "haze@1": Mixture((("haze", 1.0, Haze()),)),
    "jpeg@0.3": Mixture((("jpeg", 0.3, Jpeg()),)),
    "haze | untouched=0.25": Mixture((("haze", 1.0, Haze()),), untouched=0.25),
    "first: noise + haze@0.5 + noise(read=2)": Mixture(
        (("first", 1.0, Noise()), ("haze", 0.5, Haze()), ("noise", 1.0, Noise(read=(2.0, 2.0))))
    ),
    "rain(strength=0.1..1, most_layers=2)@0.97 + noise(read=0..4) + jpeg(quality=50..95)@0.3 | untouched=0.15": Mixture(
        (
            ("rain", 0.97, Rain(BANK, strength=(0.1, 1.0), most_layers=2)),
            ("noise", 1.0, Noise(read=(0.0, 4.0))),
            ("jpeg", 0.3, Jpeg(quality=(50.0, 95.0))),
        ),
        untouched=0.15,
    ),
}


@pytest.mark.parametrize("line", LINES)
def test_a_line_makes_its_mixture(line: str) -> None:
    assert _same(parse_mixture(line, BANK), LINES[line])


@pytest.mark.parametrize("line", LINES)
def test_a_mixture_makes_a_line_that_makes_it_again(line: str) -> None:
    for defaults in (False, True):
        assert _same(parse_mixture(describe(LINES[line], defaults=defaults), BANK), LINES[line])


def _same(one: Degradation, other: Degradation) -> bool:
    """Equal, and of equal kind, since a mixture of one part draws a chance and the part alone does not."""
    return type(one) is type(other) and one == other


@pytest.mark.parametrize("name", KINDS)
def test_every_degradation_can_be_said_and_read_back(name: str) -> None:
    made = parse_mixture(name)
    assert type(made) is kind_of(name)
    assert describe(made) == name
    line = describe(made, defaults=True)
    assert "=" in line
    assert _same(parse_mixture(line), made)


def test_odd_numbers_survive() -> None:
    haze = Haze(density=(0.1 + 0.2, 1 / 0.3), airlight=(1e-7, 1.0))
    assert _same(parse_mixture(describe(haze)), haze)


def test_space_does_not_matter() -> None:
    assert parse_mixture("  noise ( read = 0..4 ,shot=1 ) @ 0.5+jpeg|untouched = .1 ") == parse_mixture(
        "noise(read=0..4, shot=1)@0.5 + jpeg | untouched=0.1"
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("hazze", "expected a degradation, got 'hazze' (did you mean haze?); there are: rain, downpour"),
        ("qqq", "expected a degradation, got 'qqq'; there are: rain, downpour"),
        ("haze(densty=1)", "expected a field of haze, got 'densty' (did you mean density?); there are: density, airlight"),
        ("haze(depth=1)", "expected a field of haze, got 'depth'"),
        ("rain(bank=1)", "expected a field of rain, got 'bank'"),
        ("haze(density)", "expected FIELD=VALUE, got 'density'; the fields of haze: density"),
        ("haze(density=thick)", "haze(density=thick): density: expected a number or a range such as 0.5..2, got 'thick'"),
        ("haze(density=1..2..3)", "density: expected a number or a range"),
        ("haze(density=)", "density: expected a number or a range"),
        ("haze(density=nan)", "density: expected a low and a high end between 0 and 10, got (nan, nan)"),
        ("haze(density=2..1)", "density: expected a low and a high end between 0 and 10, got (2.0, 1.0)"),
        ("haze(airlight=0.5..1.5)", "airlight: expected a low and a high end between 0 and 1"),
        ("haze(unevenness=0..1)", "unevenness: expected a number, got '0..1'"),
        ("haze(unevenness=2)", "unevenness: expected a number between 0 and 1, got 2.0"),
        ("rain(most_layers=1.5)", "most_layers: expected a whole number, got '1.5'"),
        ("low-resolution(scale=2.2..2.8)", "scale: expected a range with a whole number in it, got (2.2, 2.8)"),
        ("glare(cars=1.2..1.8)", "cars: expected a range with a whole number in it"),
        ("downpour(distances=2.1..2.9)", "distances: expected a range with a whole number in it"),
        ("shake(pauses=1000)", "pauses: expected a number between 0 and 5, got 1000.0"),
        ("haze(density=1, density=2)", "expected density once, got it twice"),
        ("haze@2", "the chance after @: expected a number between 0 and 1, got 2"),
        ("haze@often", "the chance after @: expected a number, got 'often'"),
        ("haze | clean=0.1", "untouched=0.15, got 'clean=0.1'"),
        ("haze | untouched=7", "untouched: expected a number between 0 and 1, got 7"),
        ("noise + noise", "expected noise once, got it twice in 'noise + noise'; give one of them its own name, as in: other: noise(…)"),
        ("haze + ", "a part such as NAME"),
        ("", "a part such as NAME"),
        ("haze(density=1", "a part such as NAME"),
        ("haze, noise", "join parts by +"),
    ],
)
def test_a_mistake_is_reported_with_what_was_expected(line: str, message: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_mixture(line)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_degradation_without_a_name_cannot_be_described() -> None:
    def own(clean: Light, rng: np.random.Generator) -> Degraded:
        return Degraded(clean, clean)

    with pytest.raises(UsageError, match="that text can describe, got function; there are: rain"):
        describe(own)


def test_a_recipe_may_be_given_its_degradation_in_words() -> None:
    pair = Pair("one", to_picture(np.clip(SCENE * 0.5 + 0.3, 0, 1)), to_picture(SCENE * 0.5))
    degradation = MixtureText("rain(veil=0)@1 + noise")(7, [pair])
    assert isinstance(degradation, Mixture)
    rain = degradation.parts[0][2]
    assert isinstance(rain, Rain)
    assert rain.bank != StreakBank(7)  # the streaks of the pair are in it
    assert MixtureText("rain")(7) == Rain(StreakBank(7))
    with pytest.raises(UsageError, match="expected a degradation, got 'rian'"):
        MixtureText("rian")


def test_only_those_who_ask_for_video_need_pyav(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    monkeypatch.delitem(sys.modules, "training.degradations.sensor.video_compression", raising=False)
    parse_mixture("haze + jpeg")
    with pytest.raises(ModuleNotFoundError, match="av"):
        parse_mixture("h264")
