"""Text from a command line → a value of a declared type: numbers, words, yes or no, `none`, and several with commas between.

Does not know recipes or degradations. What does not fit is a ValueError of one line; the caller adds where it stood.
"""

from __future__ import annotations

import types
import typing
from typing import Any

_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_READERS: dict[Any, tuple[Any, str]] = {
    bool: (lambda text: _TRUTH[text.lower()], "true or false"),
    int: (int, "a whole number"),
    float: (float, "a number"),
    str: (str, "text"),
}


def is_readable(hint: Any) -> bool:
    if typing.get_origin(hint) is types.UnionType:
        return type(None) in typing.get_args(hint) and is_readable(_without_none(hint))
    if typing.get_origin(hint) is tuple:
        return all(is_readable(part) for part in typing.get_args(hint) if part is not Ellipsis)
    return hint in _READERS


def read_value(hint: Any, text: str) -> Any:
    if typing.get_origin(hint) is types.UnionType:
        return None if text.lower() == "none" else read_value(_without_none(hint), text)
    if typing.get_origin(hint) is tuple:
        hints = [part for part in typing.get_args(hint) if part is not Ellipsis]
        parts = [part.strip() for part in text.split(",") if part.strip()]
        hints = hints * len(parts) if len(hints) == 1 else hints
        if len(hints) != len(parts):
            raise ValueError(f"expected {len(hints)} values with commas between, got {len(parts)}")
        return tuple(map(read_value, hints, parts))
    read, expected = _READERS[hint]
    try:
        return read(text)
    except (KeyError, ValueError):
        raise ValueError(f"expected {expected}, got {text!r}") from None


def _without_none(hint: Any) -> Any:
    """The other side of `X | None`."""
    return next(part for part in typing.get_args(hint) if part is not type(None))
