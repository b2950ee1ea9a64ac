"""Owns mixtures as one line of text, both ways; knows no physics, and of each degradation only its fields.

    rain(strength=0.1..1, veil=0)@0.97 + noise(read=0..4) + jpeg(quality=50..95)@0.3 | untouched=0.15

Parts are applied from left to right. In brackets are fields of the degradation, each a number or a range to draw from; what is
not named keeps its default. `@0.3` is the chance that a part is applied, 1 if it is not said; behind the bar stands the share
of pictures that stay as they are. A part that comes twice needs a name of its own, as in `grain: noise(read=2)`.

One part without a chance is that degradation itself, not a mixture of one. What is wrong is said together with what exists.
"""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import re
import typing
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from runtime.errors import UsageError
from training.degradations.degradation import Degradation, Pair
from training.degradations.mixture import Mixture
from training.degradations.weather.rain import StreakBank, layers_of

# What it is called → the module of this folder and the class. A module is loaded when it is asked for: one of them needs PyAV.
KINDS: dict[str, tuple[str, str]] = {
    "rain": ("weather.rain", "Rain"),
    "downpour": ("weather.downpour", "Downpour"),
    "rain-film": ("weather.rain_film", "RainFilm"),
    "splash": ("weather.splash", "Splash"),
    "drops": ("optics.drops", "Drops"),
    "haze": ("weather.haze", "Haze"),
    "night": ("sensor.night", "Night"),
    "glare": ("optics.glare", "Glare"),
    "dirt": ("optics.dirt", "Dirt"),
    "blur": ("optics.blur", "Blur"),
    "defocus": ("optics.blur", "Defocus"),
    "shake": ("optics.shake", "Shake"),
    "low-resolution": ("sensor.low_resolution", "LowResolution"),
    "noise": ("sensor.noise", "Noise"),
    "sensor-noise": ("sensor.sensor_noise", "SensorNoise"),
    "chroma-noise": ("sensor.chroma_noise", "ChromaNoise"),
    "jpeg": ("sensor.compression", "Jpeg"),
    "h264": ("sensor.video_compression", "H264"),
    "h265": ("sensor.video_compression", "H265"),
}
_FORM = "NAME, NAME(FIELD=NUMBER, FIELD=LOW..HIGH) or NAME(…)@CHANCE"
_PART = re.compile(r"(?:(?P<name>[\w-]+)\s*:\s*)?(?P<kind>[\w-]+)\s*(?:\((?P<fields>[^()]*)\))?\s*(?:@\s*(?P<chance>[^\s@]+))?")


def parse_mixture(text: str, bank: StreakBank | None = None) -> Degradation:
    """`bank` is the stock of streaks for whatever rains; it is made up where none is given."""
    bank = bank or StreakBank(seed=1)
    described, bar, rest = text.partition("|")
    parts = [_parse_part(part.strip(), bank) for part in described.split("+")]
    if not bar and len(parts) == 1 and parts[0][1] is None and parts[0][0] == parts[0][3]:
        return parts[0][2]
    mixed = tuple((name, 1.0 if chance is None else chance, degradation) for name, chance, degradation, _ in parts)
    names = [name for name, _, _ in mixed]
    if twice := [name for name in names if names.count(name) > 1]:
        raise UsageError(f"{twice[0]} comes twice in {text!r}; give one of them a name of its own, as in: other: {twice[0]}(…)")
    return Mixture(mixed, _parse_untouched(rest) if bar else 0.0)


def describe(degradation: Degradation, *, defaults: bool = False) -> str:
    """The line that `parse_mixture` makes this of, but for stocks and depths; with `defaults` every field is said."""
    if not isinstance(degradation, Mixture):
        return _described(degradation, defaults)
    parts = []
    for name, chance, part in degradation.parts:
        label = "" if name == _called(part) else f"{name}: "
        parts.append(f"{label}{_described(part, defaults)}" + (f"@{_number(chance)}" if chance < 1 or len(degradation.parts) == 1 else ""))
    return " + ".join(parts) + (f" | untouched={_number(degradation.untouched)}" if degradation.untouched else "")


@dataclass(frozen=True)
class Described:
    """A recipe's degradation in words; `Recipe.degradation` is called as this is. Rain shows the streaks of the pairs as well."""

    text: str

    def __post_init__(self) -> None:
        parse_mixture(self.text)  # what is misspelt is said now, not after the pictures are loaded

    def __call__(self, seed: int, pairs: Sequence[Pair] = ()) -> Degradation:
        return parse_mixture(self.text, StreakBank(seed, foreign=layers_of(pairs)))

    def unseen(self, seed: int) -> Degradation:
        """For scores: what falls here fell in no training."""
        return parse_mixture(self.text, StreakBank(seed, count=64))


def kind_of(name: str) -> type:
    module, kind = KINDS[_known(name, KINDS, "degradation")]
    return cast(type, getattr(importlib.import_module(f"training.degradations.{module}"), kind))


def _parse_part(text: str, bank: StreakBank) -> tuple[str, float | None, Degradation, str]:
    """Name, chance if one was said, the degradation, and what it is called when it has no name of its own."""
    found = _PART.fullmatch(text)
    if found is None:
        raise UsageError(f"a part such as {_FORM} was expected, {text!r} came; parts are joined by +")
    called, chance = found["kind"], found["chance"]
    kind = kind_of(called)
    types = dict(_fields(kind))
    values: dict[str, Any] = {}
    for setting in (piece.strip() for piece in (found["fields"] or "").split(",") if piece.strip()):
        field, equals, value = (piece.strip() for piece in setting.partition("="))
        if not equals:
            raise UsageError(f"{text}: FIELD=VALUE was expected, {setting!r} came; the fields of {called}: {', '.join(types)}")
        field = _known(field, types, f"field of {called}")
        if field in values:
            raise UsageError(f"{text}: {field} was given twice")
        values[field] = _value(types[field], value, f"{text}: {field}")
    if "bank" in (field.name for field in dataclasses.fields(kind)):
        values["bank"] = bank
    try:
        made = kind(**values)
    except UsageError as error:
        raise UsageError(f"{text}: {error}") from error
    return found["name"] or called, None if chance is None else _chance(chance, f"{text}: the chance behind @"), made, called


def _parse_untouched(text: str) -> float:
    name, equals, value = (piece.strip() for piece in text.partition("="))
    if name != "untouched" or not equals:
        raise UsageError(f"behind | the share of pictures that stay as they are was expected, as in untouched=0.15; {text.strip()!r} came")
    return _chance(value, "untouched")


def _chance(text: str, what: str) -> float:
    chance = _value(float, text, what)
    if not 0 <= chance <= 1:
        raise UsageError(f"{what} is between 0 and 1; {text} came")
    return float(chance)


def _known(name: str, there: Collection[str], what: str) -> str:
    if name not in there:
        meant = difflib.get_close_matches(name, there, n=1)
        guess = f" (did you mean {meant[0]}?)" if meant else ""
        raise UsageError(f"no {what} is called {name!r}{guess}; there are: {', '.join(there)}")
    return name


def _fields(kind: Any) -> Iterator[tuple[str, Any]]:
    """The fields that text can give, with their types; not a stock of streaks, nor the depth of one scene."""
    hints = typing.get_type_hints(kind)
    return ((field.name, hints[field.name]) for field in dataclasses.fields(kind) if field.compare and field.name != "bank")


def _value(hint: Any, text: str, what: str) -> Any:
    ends = text.split("..")
    try:
        if typing.get_origin(hint) is tuple and len(ends) <= 2:
            return float(ends[0]), float(ends[-1])
        return {int: int, float: float}[hint](text)
    except (KeyError, ValueError):
        wanted = {int: "a whole number", float: "a number"}.get(hint, "a number or a range such as 0.5..2")
        raise UsageError(f"{what} is {wanted}; {text!r} came") from None


def _called(degradation: Degradation) -> str:
    here = type(degradation).__module__.removeprefix("training.degradations."), type(degradation).__name__
    for name, there in KINDS.items():
        if here == there:
            return name
    raise UsageError(f"a {here[1]} has no description; there are those of: {', '.join(KINDS)}")


def _described(degradation: Any, defaults: bool) -> str:
    called = _called(degradation)
    initial = {field.name: field.default for field in dataclasses.fields(degradation)}
    values = {name: getattr(degradation, name) for name, _ in _fields(type(degradation))}
    said = [f"{name}={_said(value)}" for name, value in values.items() if defaults or value != initial[name]]
    return called + (f"({', '.join(said)})" if said else "")


def _said(value: Any) -> str:
    if isinstance(value, tuple):
        return _number(value[0]) if value[0] == value[1] else "..".join(map(_number, value))
    return _number(value)


def _number(value: float) -> str:
    """As short as it can be and still be the same number."""
    return repr(int(value)) if value == int(value) else repr(float(value))
