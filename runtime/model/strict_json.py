"""Owns JSON ↔ frozen dataclasses, strict in both directions; knows nothing of manifests, engines or files.

What does not fit is a ValueError of one line that names the place. Whoever owns the text adds whose it is and what to do.
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from typing import Any, NoReturn, TypeVar

_T = TypeVar("_T")


def encode(value: Any) -> str:
    """A dataclass → text for people and machines. NaN and Infinity, which JSON does not have, are a ValueError."""
    return json.dumps(dataclasses.asdict(value), indent=2, allow_nan=False) + "\n"


def parse(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_number)
    except RecursionError as error:  # a million brackets
        raise ValueError("it is nested too deeply") from error


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number in JSON")


def decode(kind: type[_T], raw: Any, where: str) -> _T:
    """Parsed JSON → a dataclass. A field that is missing, unknown or of another type is named with its path."""
    if not isinstance(raw, dict):
        raise ValueError(f"{where}: an object was expected, {type(raw).__name__} came")
    hints = typing.get_type_hints(kind)
    names = {f.name for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    if missing := sorted(names - raw.keys()):
        raise ValueError(f"{where}: {', '.join(missing)} is missing")
    if unknown := sorted(raw.keys() - names):
        raise ValueError(f"{where}: {', '.join(unknown)} is unknown to this Clearway")
    return kind(**{name: _value(hints[name], raw[name], f"{where}.{name}") for name in names})


def _value(hint: Any, raw: Any, where: str) -> Any:
    if dataclasses.is_dataclass(hint):
        return decode(typing.cast("type[Any]", hint), raw, where)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is types.UnionType:  # only `X | None` is used
        return None if raw is None else _value(arguments[0], raw, where)
    if origin is tuple:
        return tuple(_value(arguments[0], item, f"{where}[{i}]") for i, item in enumerate(_list(raw, where)))
    plain = origin or hint
    if issubclass(plain, tuple):
        return _named(plain, _list(raw, where), where)
    if plain is float and type(raw) is int:
        return float(raw)
    if not isinstance(raw, plain) or (plain is int and isinstance(raw, bool)):
        raise ValueError(f"{where}: {plain.__name__} was expected, {type(raw).__name__} came")
    if origin is dict and arguments[1] is not Any:
        return {key: _value(arguments[1], value, f"{where}[{key}]") for key, value in raw.items()}
    return raw


def _list(raw: Any, where: str) -> list[Any]:
    if not isinstance(raw, list):
        raise ValueError(f"{where}: a list was expected, {type(raw).__name__} came")
    return raw


def _named(kind: Any, raw: list[Any], where: str) -> Any:
    """A NamedTuple, which JSON keeps as a list."""
    hints = typing.get_type_hints(kind)
    if len(raw) != len(hints):
        raise ValueError(f"{where}: {', '.join(hints)} were expected, {len(raw)} values came")
    return kind(*(_value(hint, item, f"{where}.{name}") for (name, hint), item in zip(hints.items(), raw, strict=True)))
