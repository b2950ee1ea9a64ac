"""The shipped bundles, and where a model lies by its name or path. Does not know what is in them."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

from runtime.errors import UsageError
from runtime.model.bundle import MANIFEST

_ZOO = Path(__file__).parents[1] / "zoo"


def shipped() -> list[str]:
    """The names of the bundles that come with Clearway."""
    return sorted(manifest.parent.name for manifest in _ZOO.glob(f"*/{MANIFEST}"))


def find(model: str | Path) -> Path:
    """The folder of a bundle. A string that is a shipped name is that model, even where such a folder exists: ./name is the folder."""
    names = shipped()
    if isinstance(model, str) and model in names:
        return _ZOO / model
    folder = Path(model)
    if os.path.isdir(folder):  # unlike Path.is_dir it takes any text: a name that is too long, say
        return folder
    listed = ", ".join(names) or "none"
    if os.path.exists(folder):
        raise UsageError(f"{model}: expected a model's name or the folder of a bundle, but this is a file; shipped models: {listed}")
    close = difflib.get_close_matches(str(model), names, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    raise UsageError(f"no model is called {str(model)!r}, and no bundle is at that path; {hint}shipped models: {listed}")


def name_of(folder: Path) -> str:
    """What `find` would find it by."""
    return folder.name if folder == _ZOO / folder.name else str(folder)
