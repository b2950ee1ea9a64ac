"""JSON ↔ frozen dataclasses, strict in both directions. Does not know manifests, engines or files.

What does not fit is a ValueError of one line that names the place. The caller, who knows the file, adds its name and what to do.

Written by hand because a library was longer: cattrs converts whatever it can ("3" to 3, a word to a tuple of its letters), so each
kind of field had to be made strict again, in more lines than these, and importing it took 50 ms when the first bundle was opened.
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
        return json.loads(text, parse_constant=_refuse_number)
    except RecursionError as error:  # a million brackets
        raise ValueError("expected a few levels of brackets, got more than can be read") from error


def _refuse_number(name: str) -> NoReturn:
    raise ValueError(f"expected a number that JSON has, got {name}")


def decode(kind: type[_T], raw: Any, where: str) -> _T:
    """Parsed JSON → a dataclass. A field that is missing, unknown or of another type is named with its path."""
    if not isinstance(raw, dict):
        raise ValueError(f"{where}: expected an object, got {type(raw).__name__}")
    hints = typing.get_type_hints(kind)
    names = {f.name for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    if missing := sorted(names - raw.keys()):
        raise ValueError(f"{where}: expected {', '.join(missing)}, got an object without it")
    if unknown := sorted(raw.keys() - names):
        raise ValueError(f"{where}: expected only fields that this Clearway knows, got {', '.join(unknown)}")
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
        raise ValueError(f"{where}: expected {plain.__name__}, got {type(raw).__name__}")
    if origin is dict and arguments[1] is not Any:
        return {key: _value(arguments[1], value, f"{where}[{key}]") for key, value in raw.items()}
    return raw


def _list(raw: Any, where: str) -> list[Any]:
    if not isinstance(raw, list):
        raise ValueError(f"{where}: expected a list, got {type(raw).__name__}")
    return raw


def _named(kind: Any, raw: list[Any], where: str) -> Any:
    """A NamedTuple, which JSON keeps as a list."""
    hints = typing.get_type_hints(kind)
    if len(raw) != len(hints):
        raise ValueError(f"{where}: expected {', '.join(hints)}, got {len(raw)} values")
    return kind(*(_value(hint, item, f"{where}.{name}") for (name, hint), item in zip(hints.items(), raw, strict=True)))
