"""Owns restoring all the pictures and videos of a folder tree, under the same names elsewhere; knows nothing of how one of them is done.

A file that fails does not stop the others: the report says what failed, and why.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from runtime.errors import ClearwayError, SourceError, UsageError
from runtime.restorer import Restorer
from video.files.encoding import EncodeOptions, check_encoder
from video.files.ends import is_file
from video.files.part import UNFINISHED, check_part, part_of
from video.files.reading import ReadOptions
from video.files.target import TO_REPLACE, make_folder
from video.finish.finish import FinishOptions
from video.restore.report import PictureReport, VideoReport
from video.restore.video import Progress, is_picture, restore_picture, restore_video

VIDEO_SUFFIXES = frozenset((".mp4", ".mov", ".mkv", ".m4v", ".avi", ".webm", ".ts", ".mts", ".m2ts", ".mpg", ".mpeg", ".wmv", ".3gp"))


@dataclass(frozen=True)
class FolderReport:
    done: tuple[VideoReport | PictureReport, ...]
    failed: tuple[tuple[str, str], ...]  # path, why
    left_alone: int  # files that are neither pictures nor videos
    there: int  # results that were complete before (resume)

    def as_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def restore_folder(
    source: Path,
    target: Path,
    restorer: Restorer,
    options: EncodeOptions | None = None,
    *,
    read: ReadOptions | None = None,
    finish: FinishOptions | None = None,
    resume: bool = False,
    overwrite: bool = False,
    begins: Callable[[Path], None] | None = None,
    progress: Progress | None = None,
) -> FolderReport:
    """Every picture and video below `source`, under the same names below `target`. `begins` hears of each file.

    With `resume` results that are there are left as they are, and one that is unfinished is gone on with.
    """
    finish = finish or FinishOptions()
    plan, failed, left_alone = plan_folder(source, target, options, resume=resume, overwrite=overwrite)
    missing = [(origin, goal) for origin, goal in plan if not (resume and goal.exists())]
    make_folder(target)
    done: list[VideoReport | PictureReport] = []
    for origin, goal in missing:
        if begins is not None:
            begins(origin)
        try:
            make_folder(goal.parent)
            if is_picture(origin):
                done.append(restore_picture(origin, goal, restorer, strength=finish.strength, overwrite=overwrite))
            else:
                rest = partial(restore_video, options=options, read=read, finish=finish, progress=progress)
                done.append(rest(origin, goal, restorer, resume=resume and part_of(goal).exists(), overwrite=overwrite))
        except (ClearwayError, OSError) as error:
            failed.append((str(origin), "; ".join([str(error), *getattr(error, "__notes__", ())])))
    return FolderReport(tuple(done), tuple(failed), left_alone, len(plan) - len(missing))


def plan_folder(
    source: Path, target: Path, options: EncodeOptions | None = None, *, resume: bool = False, overwrite: bool
) -> tuple[list[tuple[Path, Path]], list[tuple[str, str]], int]:
    """What would become what; the folders that cannot be read, and why; how many other files there are.

    All that is wrong with the names is said here, before the work.
    """
    options = options or EncodeOptions()
    check_encoder(options, [])
    inside = target.resolve()
    if inside.is_relative_to(source.resolve()):
        raise UsageError(f"{target}: the output folder is in the input folder; name one outside of it")
    if target.exists() and not target.is_dir():
        raise UsageError(f"{target}: a folder was expected for the output, a file is there; name a folder")
    errors: list[OSError] = []
    walked = os.walk(source, onerror=errors.append)
    files = sorted(path for folder, _, names in walked for name in names if (path := Path(folder, name)).is_file())
    seen = [path for path in files if not _hidden(path.relative_to(source))]
    wanted = [path for path in seen if is_picture(path) or path.suffix.lower() in VIDEO_SUFFIXES]
    unread = [
        (error.filename, f"{error.filename}: this folder cannot be read ({error.strerror}); change its permissions")
        for error in errors
        if not _hidden(Path(error.filename).relative_to(source))
    ]
    if unread and not wanted:
        raise SourceError(unread[0][1])
    if not wanted:
        raise UsageError(f"{source}: pictures or videos were expected, none is there; name another folder")
    plan = [(path, target / goal_of(path.relative_to(source), options)) for path in wanted]
    origins: dict[Path, Path] = {}
    for path, goal in plan:
        if (other := origins.setdefault(goal, path)) is not path:
            raise UsageError(f"{path}: would become {goal}, and so would {other}; rename one of them")
    if resume and overwrite:
        raise UsageError("--resume: complete files of a folder are left as they are with it, --force replaces them; leave one of them out")
    for _, goal in plan:
        check_part(goal, resume=resume, overwrite=overwrite)
    if not (resume or overwrite) and (there := [goal for _, goal in plan if goal.exists()]):
        raise UsageError(f"{there[0]}: exists already (and {len(there) - 1} more); name another folder, or {TO_REPLACE}")
    return plan, unread, len(files) - len(wanted)


def _hidden(name: Path) -> bool:
    """Not meant: thumbnails, what was left unfinished, and the ._clip.mp4 that macOS puts on memory cards."""
    return any(part.startswith(".") for part in name.parts) or name.stem.endswith(UNFINISHED)


def goal_of(name: Path, options: EncodeOptions) -> Path:
    """The same name; a container that is not written, or cannot hold what the encoder makes, becomes Matroska: a.avi → a.avi.mkv."""
    if is_picture(name) or not is_file(name) or name.suffix.lower() in options.facts.containers:
        return name
    return name.with_name(f"{name.name}.mkv")
