"""What lies in a folder of training pictures and which two files belong together. Knows no data set and decodes nothing."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

from runtime.errors import DataError, PictureError
from runtime.files.pictures import PICTURE_SUFFIXES

Part = Literal["whole", "left", "right"]  # which half of a file that holds two pictures side by side


@dataclass(frozen=True)
class PictureFile:
    """One picture of a file. `depth` is a file too: how far away each of its pixels is."""

    path: Path
    part: Part = "whole"
    depth: Path | None = None

    @property
    def name(self) -> str:
        return self.path.stem


@dataclass(frozen=True)
class Pairing:
    """Two pictures of one scene, not decoded yet."""

    name: str
    degraded: PictureFile
    clean: PictureFile
    kernel: Path | None = None  # a picture of what blurred it


@dataclass(frozen=True)
class FolderContents:
    """What one folder holds, before it is split into what is learned from and what is held out."""

    clean: tuple[PictureFile, ...] = ()
    pairs: tuple[Pairing, ...] = ()

    def renamed(self, prefix: str) -> FolderContents:
        return replace(self, pairs=tuple(replace(pair, name=f"{prefix}-{pair.name}") for pair in self.pairs))


class Folder:
    """A folder, listed once and only when asked; hidden files left out, names in order."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._here = Path(os.path.abspath(path))  # not resolved: a link into another disk is called what it is called here
        self.name, self.above = self._here.name, self._here.parent.name

    @cached_property
    def _entries(self) -> tuple[list[str], list[str]]:
        try:
            with os.scandir(self.path) as found:
                entries = sorted((entry.name, entry.is_dir()) for entry in found if not entry.name.startswith("."))
        except OSError as error:
            why = error.strerror or error
            raise PictureError(f"{self.path}: expected a folder of pictures, got one that cannot be listed ({why})") from error
        return [name for name, is_folder in entries if is_folder], [name for name, is_folder in entries if not is_folder]

    @cached_property
    def folders(self) -> tuple[Folder, ...]:
        return tuple(Folder(self.path / name) for name in self._entries[0])

    @property
    def files(self) -> list[str]:
        return self._entries[1]

    @cached_property
    def pictures(self) -> tuple[Path, ...]:
        return tuple(self.path / name for name in self.files if os.path.splitext(name)[1].lower() in PICTURE_SUFFIXES)

    def folder(self, *names: str) -> Folder | None:
        """The first folder inside of one of these names that holds pictures, in whichever letters it is written."""
        by_name = {inner.name.lower(): inner for inner in self.folders}
        there = (by_name[name] for name in names if name in by_name)
        return next((inner for inner in there if inner.pictures), None)

    def has_beside(self, name: str) -> bool:
        return (self._here.parent / name).is_dir()

    def named(self, pattern: str) -> bool:
        """Whether a picture is called so."""
        return any(re.fullmatch(pattern, stem) for stem in (path.stem for path in self.pictures))


def matched(
    where: Folder, degraded: Iterable[Path], clean: Iterable[Path], partner: Callable[[str], str | None], *, lonely: bool = False
) -> FolderContents:
    """Each degraded picture with the clean one that `partner` names; `lonely` clean pictures are let pass."""
    by_name: dict[str, Path] = {}
    for path in clean:
        if path.stem in by_name:
            raise DataError(f"{path}: expected one clean picture of that name, got {by_name[path.stem].name} too; take one out")
        by_name[path.stem] = path
    pairs, used = [], set()
    seen: dict[str, Path] = {}
    for path in degraded:
        if path.stem in seen:
            raise DataError(f"{path}: expected one degraded picture of that name, got {seen[path.stem].name} too; take one out")
        seen[path.stem] = path
        wanted = partner(path.stem)
        if wanted is None or wanted not in by_name:
            looked_for = "a name of this layout" if wanted is None else f"a clean picture called {wanted}"
            raise DataError(f"{path}: expected {looked_for} in {where.path}, got none; add it or take this one out")
        used.add(wanted)
        pairs.append(Pairing(path.stem, PictureFile(path), PictureFile(by_name[wanted])))
    if not lonely and (left := sorted(by_name.keys() - used)):
        raise DataError(
            f"{by_name[left[0]]}: expected a degraded picture of it in {where.path}, got none; "
            f"add it or take this one out{f' ({len(left)} such pictures)' if len(left) > 1 else ''}"
        )
    return FolderContents(pairs=tuple(pairs))


def halves(pictures: Iterable[Path], degraded: Part, clean: Part) -> FolderContents:
    """Files that hold both pictures of a pair side by side."""
    return FolderContents(pairs=tuple(Pairing(path.stem, PictureFile(path, degraded), PictureFile(path, clean)) for path in pictures))


def stills(pictures: Iterable[Path]) -> FolderContents:
    return FolderContents(clean=tuple(map(PictureFile, pictures)))
