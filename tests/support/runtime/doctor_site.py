"""Owns a folder of packages that a test makes: what is installed, and what importing it does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


class Site:
    """A folder as pip leaves it. Whoever makes one puts it on sys.path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def install(self, name: str, version: str, *, module: str = "", source: str = "", facts: Sequence[str] = ()) -> None:
        """A package with one module, called like itself unless `module` says otherwise."""
        lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *facts, ""]
        information = self.folder / f"{name.replace('-', '_')}-{version}.dist-info"
        information.mkdir()
        (information / "METADATA").write_text("\n".join(lines))
        self.module(module or name.replace("-", "_"), source)

    def module(self, name: str, source: str) -> None:
        (self.folder / f"{name}.py").write_text(source)

    def clearway(self, **extras: Sequence[str]) -> None:
        """Clearway's own metadata, with what each extra asks for."""
        facts = ["Requires-Dist: sound>=1.0"]
        for extra, requirements in extras.items():
            facts += [f"Provides-Extra: {extra}", *(f'Requires-Dist: {one}; extra == "{extra}"' for one in requirements)]
        self.install("clearway", "9.9", module="unused", facts=facts)
        self.install("sound", "1.2")
