"""Restores all the pictures and videos of a folder tree, under the same names elsewhere. Does not know how one of them is done.

A file that fails does not stop the others: the report says what failed, and why.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runtime.errors import ClearwayError, SourceError, UsageError
from runtime.restorer import Restorer
from video.files.encoding import check_encoder
from video.files.part import UNFINISHED, check_part, part_of
from video.files.target import TO_REPLACE, make_folder
from video.restore.job import RestoreJob, goal_of, is_picture
from video.restore.report import PictureReport, VideoReport
from video.restore.video import Progress, restore_picture, restore_video

VIDEO_SUFFIXES = frozenset((".mp4", ".mov", ".mkv", ".m4v", ".avi", ".webm", ".ts", ".mts", ".m2ts", ".mpg", ".mpeg", ".wmv", ".3gp"))


@dataclass(frozen=True)
class FolderPlan:
    job: RestoreJob
    files: tuple[tuple[Path, Path], ...]  # each picture or video, and what it becomes
    unread: tuple[tuple[str, str], ...]  # folders that cannot be read, and why
    left_alone: int  # files that are neither pictures nor videos


@dataclass(frozen=True)
class FolderReport:
    done: tuple[VideoReport | PictureReport, ...]
    failed: tuple[tuple[str, str], ...]  # path, why
    left_alone: int  # files that are neither pictures nor videos
    there: int  # results that were complete before (resume)

    def as_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self) | {"done": [one.as_dict() for one in self.done]}


def restore_folder(
    plan: FolderPlan,
    restorer: Restorer,
    *,
    begins: Callable[[Path], None] | None = None,
    progress: Progress | None = None,
) -> FolderReport:
    """`begins` is called with each file before its work. When resuming, complete results stay as they are."""
    job, failed = plan.job, list(plan.unread)
    missing = [(origin, goal) for origin, goal in plan.files if not (job.resume and goal.exists())]
    make_folder(job.target)
    done: list[VideoReport | PictureReport] = []
    for origin, goal in missing:
        if begins is not None:
            begins(origin)
        try:
            make_folder(goal.parent)
            done.append(_restore_file(job, origin, goal, restorer, progress))
        except (ClearwayError, OSError) as error:
            failed.append((str(origin), "; ".join([str(error), *getattr(error, "__notes__", ())])))
    return FolderReport(tuple(done), tuple(failed), plan.left_alone, len(plan.files) - len(missing))


def _restore_file(
    folder: RestoreJob, origin: Path, goal: Path, restorer: Restorer, progress: Progress | None
) -> VideoReport | PictureReport:
    resume = folder.resume and not is_picture(origin) and part_of(goal).exists()
    job = dataclasses.replace(folder, source=origin, target=goal, resume=resume)
    return restore_picture(job, restorer) if is_picture(origin) else restore_video(job, restorer, progress=progress)


def plan_folder(job: RestoreJob) -> FolderPlan:
    """Scans the folder, maps its files to their results, and checks all names before the work."""
    check_encoder(job.encode, [])
    if job.target.resolve().is_relative_to(job.source.resolve()):
        raise UsageError(f"{job.target}: expected an output folder outside of the input folder, got one in it; name another")
    if job.target.exists() and not job.target.is_dir():
        raise UsageError(f"{job.target}: expected a folder for the output, got a file; name a folder")
    found, unread, left_alone = _scan(job.source)
    files = [(path, job.target / goal_of(path.relative_to(job.source), job.encode)) for path in found]
    _check_goals(files, job)
    return FolderPlan(job, tuple(files), tuple(unread), left_alone)


def _scan(source: Path) -> tuple[list[Path], list[tuple[str, str]], int]:
    """The pictures and videos; the folders that cannot be read, and why; how many other files there are."""
    errors: list[OSError] = []
    walked = os.walk(source, onerror=errors.append)
    files = sorted(path for folder, _, names in walked for name in names if (path := Path(folder, name)).is_file())
    shown = [path for path in files if not _hidden(path.relative_to(source))]
    found = [path for path in shown if is_picture(path) or path.suffix.lower() in VIDEO_SUFFIXES]
    unread = [
        (error.filename, f"{error.filename}: expected a folder that can be read, got {error.strerror}; change its permissions")
        for error in errors
        if not _hidden(Path(error.filename).relative_to(source))
    ]
    if unread and not found:
        raise SourceError(unread[0][1])
    if not found:
        raise UsageError(f"{source}: expected pictures or videos, got a folder without any; name another folder")
    return found, unread, len(files) - len(found)


def _check_goals(files: Sequence[tuple[Path, Path]], job: RestoreJob) -> None:
    origins: dict[Path, Path] = {}
    for path, goal in files:
        if (other := origins.setdefault(goal, path)) is not path:
            raise UsageError(f"{path}: expected a result of its own, got {goal}, which {other} becomes too; rename one of them")
    if job.resume and job.overwrite:
        raise UsageError("--resume: expected it without --force, which replaces the complete files that it keeps; leave one of them out")
    for _, goal in files:
        check_part(goal, resume=job.resume, overwrite=job.overwrite)
    if not (job.resume or job.overwrite) and (there := [goal for _, goal in files if goal.exists()]):
        raise UsageError(
            f"{there[0]}: expected new files, got one that exists already (and {len(there) - 1} more); name another folder, or {TO_REPLACE}"
        )


def _hidden(name: Path) -> bool:
    """Not meant: thumbnails, what was left unfinished, and the ._clip.mp4 that macOS puts on memory cards."""
    return any(part.startswith(".") for part in name.parts) or name.stem.endswith(UNFINISHED)
