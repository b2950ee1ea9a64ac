"""The tree of errors: one root, the exit codes, and the drawing at the top of the file."""

from __future__ import annotations

import re

import runtime.errors
from runtime.errors import ClearwayError, MissingExtra, UsageError


def _drawn() -> dict[str, str]:
    """name → parent, read from the tree in the module's docstring."""
    parents: dict[str, str] = {}
    above: list[str] = []
    for line in (runtime.errors.__doc__ or "").splitlines():
        if found := re.match(r"    ([│├└─ ]*)([A-Z]\w+)", line):
            above = [*above[: len(found[1]) // 4], found[2]]
            parents[found[2]] = above[-2] if len(above) > 1 else "Exception"
    return parents


def test_the_drawing_is_the_tree() -> None:
    real = {name: kind.__mro__[1].__name__ for name, kind in vars(runtime.errors).items() if isinstance(kind, type)}
    assert _drawn() == real


def test_exit_codes() -> None:
    assert (ClearwayError.exit_code, UsageError.exit_code) == (1, 2)


def test_a_missing_package_is_the_line_that_installs_it() -> None:
    assert str(MissingExtra("openvino", "cpu")) == "openvino is not installed; it comes with: pip install 'clearway[cpu]'"
