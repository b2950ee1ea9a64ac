"""Owns the shipped bundles and finding a model by name or path; knows nothing of what is in them."""

from __future__ import annotations

import difflib
from pathlib import Path

from runtime.bundle import MANIFEST
from runtime.errors import UsageError

_ZOO = Path(__file__).parent / "zoo"


def shipped() -> list[str]:
    return sorted(folder.name for folder in _ZOO.iterdir() if (folder / MANIFEST).is_file())


def find(model: str | Path) -> Path:
    """The folder of a shipped model, or of a bundle that the path names. A shipped name wins; ./name is always a path."""
    if isinstance(model, str) and model in shipped():
        return _ZOO / model
    if Path(model).is_dir():
        return Path(model)
    close = difflib.get_close_matches(str(model), shipped(), n=1)
    hint = f"did you mean {close[0]}?" if close else f"shipped are: {', '.join(shipped())}"
    raise UsageError(f"no model is called {str(model)!r} and no bundle is at that path; {hint}")
