"""Mixtures as one line of text, read and written. Does not know physics, and of each degradation only its fields.

    rain(strength=0.1..1, veil=0)@0.97 + noise(read=0..4) + jpeg(quality=50..95)@0.3 | untouched=0.15

Parts are applied from left to right. In brackets are fields of the degradation, each a number or a range to draw from; a field
that is not named keeps its default. `@0.3` is the chance that a part is applied, 1 by default; after the bar comes the share
of pictures that stay as they are. A part that comes twice needs a name of its own, as in `grain: noise(read=2)`.

One part without a chance is that degradation itself, not a mixture of one. Error messages list what exists.
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
from training.text_values import read_value

# Name → module in this folder, class. A module is imported when its degradation is used: one of them needs PyAV.
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
        rename = f"give one of them its own name, as in: other: {twice[0]}(…)"
        raise UsageError(f"expected {twice[0]} once, got it twice in {text!r}; {rename}")
    return Mixture(mixed, _parse_untouched(rest) if bar else 0.0)


def describe(degradation: Degradation, *, defaults: bool = False) -> str:
    """The line that `parse_mixture` makes this of, but for stocks and depths; with `defaults` every field is written."""
    if not isinstance(degradation, Mixture):
        return _describe_one(degradation, defaults)
    parts = []
    for name, chance, part in degradation.parts:
        label = "" if name == _kind_name(part) else f"{name}: "
        share = f"@{_number(chance)}" if chance < 1 or len(degradation.parts) == 1 else ""
        parts.append(f"{label}{_describe_one(part, defaults)}{share}")
    return " + ".join(parts) + (f" | untouched={_number(degradation.untouched)}" if degradation.untouched else "")


@dataclass(frozen=True)
class MixtureText:
    """A recipe's degradation as text, called as `Recipe.degradation` is. Rain uses the streaks of the pairs too."""

    text: str

    def __post_init__(self) -> None:
        parse_mixture(self.text)  # a spelling mistake is reported now, not after the pictures are loaded

    def __call__(self, seed: int, pairs: Sequence[Pair] = ()) -> Degradation:
        return parse_mixture(self.text, StreakBank(seed, foreign=layers_of(pairs)))

    def unseen(self, seed: int) -> Degradation:
        """For scores: streaks that no training used."""
        return parse_mixture(self.text, StreakBank(seed, count=64))


def kind_of(name: str) -> type:
    module, kind = KINDS[_known(name, KINDS, "degradation")]
    return cast(type, getattr(importlib.import_module(f"training.degradations.{module}"), kind))


def _parse_part(text: str, bank: StreakBank) -> tuple[str, float | None, Degradation, str]:
    """Name, chance if one was given, the degradation, and the name of its kind."""
    found = _PART.fullmatch(text)
    if found is None:
        raise UsageError(f"expected a part such as {_FORM}, got {text!r}; join parts by +")
    called, chance = found["kind"], found["chance"]
    kind = kind_of(called)
    types = dict(_fields(kind))
    values: dict[str, Any] = {}
    for setting in (piece.strip() for piece in (found["fields"] or "").split(",") if piece.strip()):
        field, equals, value = (piece.strip() for piece in setting.partition("="))
        if not equals:
            raise UsageError(f"{text}: expected FIELD=VALUE, got {setting!r}; the fields of {called}: {', '.join(types)}")
        field = _known(field, types, f"field of {called}")
        if field in values:
            raise UsageError(f"{text}: expected {field} once, got it twice")
        values[field] = _value(types[field], value, f"{text}: {field}")
    if "bank" in (field.name for field in dataclasses.fields(kind)):
        values["bank"] = bank
    try:
        made = kind(**values)
    except UsageError as error:
        raise UsageError(f"{text}: {error}") from error
    return found["name"] or called, None if chance is None else _chance(chance, f"{text}: the chance after @"), made, called


def _parse_untouched(text: str) -> float:
    name, equals, value = (piece.strip() for piece in text.partition("="))
    if name != "untouched" or not equals:
        raise UsageError(f"expected the share of pictures that stay as they are after |, as in untouched=0.15, got {text.strip()!r}")
    return _chance(value, "untouched")


def _chance(text: str, what: str) -> float:
    chance = _value(float, text, what)
    if not 0 <= chance <= 1:
        raise UsageError(f"{what}: expected a number between 0 and 1, got {text}")
    return float(chance)


def _known(name: str, known: Collection[str], what: str) -> str:
    if name not in known:
        meant = difflib.get_close_matches(name, known, n=1)
        guess = f" (did you mean {meant[0]}?)" if meant else ""
        raise UsageError(f"expected a {what}, got {name!r}{guess}; there are: {', '.join(known)}")
    return name


def _fields(kind: Any) -> Iterator[tuple[str, Any]]:
    """The fields that text can give, with their types; not the stock of streaks, nor the depth of one scene."""
    hints = typing.get_type_hints(kind)
    return ((field.name, hints[field.name]) for field in dataclasses.fields(kind) if field.compare and field.name != "bank")


def _value(hint: Any, text: str, what: str) -> Any:
    """A number, or for a range its two ends; one number alone is both."""
    is_range = typing.get_origin(hint) is tuple
    ends = text.split("..")
    try:
        return read_value(hint, ",".join(ends * 2 if len(ends) == 1 else ends) if is_range else text)
    except ValueError as error:
        expected = f"expected a number or a range such as 0.5..2, got {text!r}" if is_range else error
        raise UsageError(f"{what}: {expected}") from None


def _kind_name(degradation: Degradation) -> str:
    here = type(degradation).__module__.removeprefix("training.degradations."), type(degradation).__name__
    for name, place in KINDS.items():
        if here == place:
            return name
    raise UsageError(f"expected a degradation that text can describe, got {here[1]}; there are: {', '.join(KINDS)}")


def _describe_one(degradation: Any, defaults: bool) -> str:
    called = _kind_name(degradation)
    initial = {field.name: field.default for field in dataclasses.fields(degradation)}
    values = {name: getattr(degradation, name) for name, _ in _fields(type(degradation))}
    written = [f"{name}={_write(value)}" for name, value in values.items() if defaults or value != initial[name]]
    return called + (f"({', '.join(written)})" if written else "")


def _write(value: Any) -> str:
    if isinstance(value, tuple):
        return _number(value[0]) if value[0] == value[1] else "..".join(map(_number, value))
    return _number(value)


def _number(value: float) -> str:
    """As short as it can be and still be the same number."""
    return repr(int(value)) if value == int(value) else repr(float(value))
