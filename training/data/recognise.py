"""Which data sets a folder holds and how they are split. Decodes nothing, and what a data set looks like is in layouts.py."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from runtime.errors import DataError
from training.data.folders import Folder, FolderContents, stills
from training.data.layouts import CLEAN_FOLDER, LAYOUTS, Layout

_DEEPEST = 4  # folders inside of folders
_FOR_TRAINING = re.compile(r"train", re.IGNORECASE)
_FOR_TESTS = re.compile(r"(?<![a-z])(test(ing|set)?|val(id|idation)?|sots)(?![a-z])", re.IGNORECASE)


@dataclass(frozen=True)
class RecognisedDataSet:
    """The files of one data set, split."""

    layout: Layout
    learned: FolderContents
    held_out: FolderContents
    rule: str

    @property
    def described(self) -> str:
        pairs, clean = len(self.learned.pairs + self.held_out.pairs), len(self.learned.clean + self.held_out.clean)
        counts = [f"{count} {what}" for count, what in ((pairs, "pairs"), (clean, "clean pictures")) if count]
        kind = f" ({self.layout.name})" if self.layout.tasks or self.layout.protocol else ""
        return f"{' and '.join(counts)}{kind}, {self.rule}"


def recognise(path: Path) -> list[RecognisedDataSet]:
    """Every data set in the folder; an error says which layouts are known and what was found."""
    top = Folder(path)
    taken = list(_walk(top, top.name, _DEEPEST))
    if not taken and top.pictures:
        return [_split(CLEAN_FOLDER, [(top.name, stills(top.pictures))])]
    if not taken:
        raise DataError(_nothing_known(top))
    layouts = {layout.name: layout for layout, _, _ in taken}
    return [_split(layout, [(where, part) for one, where, part in taken if one is layout]) for layout in layouts.values()]


def _walk(folder: Folder, where: str, deeper: int) -> Iterator[tuple[Layout, str, FolderContents]]:
    """The folder by the first layout that takes it, else those inside of it."""
    for layout in LAYOUTS:
        if not (layout.anywhere or "/" not in where or _is_test(folder.name) is not None):
            continue
        if not layout.called or re.search(layout.called, f"{folder.above}/{where}", re.IGNORECASE):
            parts = layout.find(folder)
            if parts:
                yield from ((layout, f"{where}/{word}" if word else where, part) for word, part in parts.items())
                return
    if deeper:
        for inner in folder.folders:
            yield from _walk(inner, f"{where}/{inner.name}", deeper - 1)


def _split(layout: Layout, parts: Sequence[tuple[str, FolderContents]]) -> RecognisedDataSet:
    names = [pair.name for _, part in parts for pair in part.pairs]
    if len(parts) > 1 and len(set(names)) < len(names):  # sequences count from zero each: their folders go into the names
        parts = [(where, part.renamed("-".join(where.split("/")[1:]))) for where, part in parts]
    learned, held_out, rules = [], [], []
    for where, part in parts:
        test = None if layout.names_decide else _is_test(where)
        if test is None and layout.held_out is not None:
            held, rule = layout.held_out([one.name for one in part.clean] + [one.name for one in part.pairs])
        else:
            held = [layout.benchmark if test is None else test] * (len(part.clean) + len(part.pairs))
            rule = "all held out" if test is None and layout.benchmark else "test folders held out"
        learned.append(_chosen(part, [not one for one in held]))
        held_out.append(_chosen(part, held))
        rules.append(rule)
    kept_back = _joined(held_out)
    rule = ", ".join(dict.fromkeys(rules)) if kept_back != FolderContents() else "nothing held out"
    return RecognisedDataSet(layout, _joined(learned), kept_back, rule)


def _is_test(where: str) -> bool | None:
    """What the innermost folder that says so says; None where none does."""
    for name in reversed(where.split("/")):
        if _FOR_TRAINING.search(name):
            return False
        if _FOR_TESTS.search(name):
            return True
    return None


def _chosen(part: FolderContents, chosen: Sequence[bool]) -> FolderContents:
    many = len(part.clean)
    clean = tuple(still for still, keep in zip(part.clean, chosen[:many], strict=True) if keep)
    return FolderContents(clean, tuple(pair for pair, keep in zip(part.pairs, chosen[many:], strict=True) if keep))


def _joined(parts: Sequence[FolderContents]) -> FolderContents:
    return FolderContents(tuple(one for part in parts for one in part.clean), tuple(one for part in parts for one in part.pairs))


def _nothing_known(top: Folder) -> str:
    folders, files = len(top.folders), len(top.files)
    found = [f"the folder{'s' * (folders > 1)} {', '.join(inner.name for inner in top.folders[:8])}"] if folders else []
    found += [f"{files} file{'s' * (files > 1)} ({', '.join(top.files[:3])})"] if files else []
    known = ", ".join(layout.name for layout in LAYOUTS)
    return (
        f"{top.path}: expected a folder of clean pictures or one of these layouts: {known}; "
        f"got {' and '.join(found) or 'an empty folder'}; docs/data.md shows what each looks like"
    )
