"""Owns restoring a video, a picture, or a folder of either, and the report of it; knows nothing of terminals.

A video that cannot be read to its end, or written, leaves nothing under the target's name. In a folder the other files are still
restored, and what failed is in the report.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from runtime.errors import BackendError, ClearwayError, PictureError, SourceError, UsageError
from runtime.manifest import MINIMUM_SIDE
from runtime.pictures import DESCRIBED_SUFFIXES, PICTURE_SUFFIXES, left_behind, read_picture, write_picture
from runtime.restorer import Restored, Restorer
from runtime.timing import StageTimes
from video.encoding import EncodeOptions, check_encoder
from video.ends import FrameSink, VideoSource, check_ends, is_file, open_sink, open_source
from video.finish import Finish, FinishOptions
from video.flicker import Flicker
from video.frame import Frame, VideoInfo
from video.pipeline import run_pipeline
from video.reading import ReadOptions
from video.strength import at_strength, check_strength, processed_by
from video.target import TO_REPLACE, check_target, make_folder

VIDEO_SUFFIXES = frozenset((".mp4", ".mov", ".mkv", ".m4v", ".avi", ".webm", ".ts", ".mts", ".m2ts", ".mpg", ".mpeg", ".wmv", ".3gp"))

_LAYER = "What was removed, 128 + half the difference"

Progress = Callable[[int, int | None], None]  # frames done, frames announced


@dataclass(frozen=True)
class VideoReport:
    source: str
    target: str
    width: int
    height: int
    frames: int
    seconds: float
    fps: float
    strength: float
    source_fps: float | None
    kept_up: bool | None  # at least as fast as it plays; None where the source has no rate
    model: str
    backend: str  # which and why, in words
    stages: dict[str, dict[str, float]]  # StageTimes.as_dict()
    notes: tuple[str, ...]  # what a careful person wants to know of this file: assumed colours, damage, rounding
    steady: bool  # steadied against flicker
    flicker: Flicker | None  # None unless it was asked for, and there were frames to compare

    def as_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class PictureReport:
    source: str
    target: str
    width: int
    height: int
    seconds: float
    strength: float
    model: str
    backend: str
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class FolderReport:
    done: tuple[VideoReport | PictureReport, ...]
    failed: tuple[tuple[str, str], ...]  # path, why
    left_alone: int  # files that are neither pictures nor videos

    def as_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def engine_threads() -> int | None:
    """What an engine of the CPU may have beside a decoder and an encoder: a quarter of the cores is left to them, from four on.

    Of two cores it gets both (None): there, decoding, the model and encoding reach the bound that no division of cores can beat
    (docs/performance.md). More cores were not to be had for a measurement.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return None if cores < 4 else cores - cores // 4


def restore_video(
    source: Path,
    target: Path,
    restorer: Restorer,
    options: EncodeOptions | None = None,
    *,
    read: ReadOptions | None = None,
    finish: FinishOptions | None = None,
    show_removed: Path | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> VideoReport:
    """`show_removed` names a second video of the same times: what was taken out of each frame of the first, around mid-grey."""
    times, before, started = StageTimes(), restorer.guard.done(), time.perf_counter()
    options, read = options or EncodeOptions(), read or ReadOptions()
    after = Finish(finish or FinishOptions(), times)
    check_file(source, target, options, read, show_removed=show_removed, overwrite=overwrite)
    with open_source(source, read, copies=is_file(target)) as video, contextlib.ExitStack() as sinks:
        open_ = partial(open_sink, info=_enlarged(video, restorer.manifest.graph.scale), options=options, source=video, overwrite=overwrite)
        said = processed_by(restorer.manifest, after.options.strength)
        layers = []
        if show_removed is not None:
            layers.append(sinks.enter_context(open_(show_removed, copies=False, comment=f"{_LAYER}. {said}")))
        sink = sinks.enter_context(open_(target, copies=True, comment=said))
        done = 0

        def work(frame: Frame) -> tuple[Frame, Restored]:
            with _named(f"{source}, frame {frame.index}"):
                return frame, restorer(frame.image)

        def write(made: tuple[Frame, Restored]) -> None:
            frame, restored = made
            sink.write(dataclasses.replace(frame, image=restored.image))
            for layer in layers:
                layer.write(dataclasses.replace(frame, image=restored.removed))

        def count(frames: int) -> None:
            nonlocal done
            done = frames
            if progress is not None:
                progress(frames, video.info.frames)

        workers = restorer.choice.backend.depth
        run_pipeline(video, work, write, workers=workers, after=lambda made: (made[0], after(made[1])), times=times, progress=count)
    report = _report(video, sink, restorer, after, frames=done, seconds=time.perf_counter() - started, times=times)
    return dataclasses.replace(report, notes=(*report.notes, *restorer.guard.notes(before)))


def _enlarged(video: VideoSource, scale: int) -> VideoInfo:
    info = video.info
    if min(info.width, info.height) < MINIMUM_SIDE:
        size = f"{info.width}×{info.height}"
        raise SourceError(f"{video.path}: at least {MINIMUM_SIDE}×{MINIMUM_SIDE} pixels were expected, {size} came; use a larger video")
    return dataclasses.replace(info, width=info.width * scale, height=info.height * scale)


@contextmanager
def _named(what: str) -> Iterator[None]:
    """A restorer knows only of an array; which one it was is said here."""
    try:
        yield
    except (BackendError, PictureError) as error:
        raise type(error)(f"{what}: {error}") from error


def _report(
    video: VideoSource, sink: FrameSink, restorer: Restorer, after: Finish, *, frames: int, seconds: float, times: StageTimes
) -> VideoReport:
    rate = float(video.info.average_rate) if video.info.average_rate else None
    fps = frames / seconds
    return VideoReport(
        source=str(video.path),
        target=str(sink.path),
        width=sink.info.width,
        height=sink.info.height,
        frames=frames,
        seconds=seconds,
        fps=fps,
        strength=after.options.strength,
        source_fps=rate,
        kept_up=None if rate is None else fps >= rate,
        model=restorer.manifest.name,
        backend=restorer.choice.describe(),
        stages=times.as_dict(),
        notes=_notes(video.info, video, sink),
        steady=after.options.steady,
        flicker=after.flicker(),
    )


def restore_picture(
    source: Path,
    target: Path,
    restorer: Restorer,
    *,
    strength: float = 1,
    show_removed: Path | None = None,
    overwrite: bool = False,
) -> PictureReport:
    started, before = time.perf_counter(), restorer.guard.done()
    check_strength(strength)
    check_file(source, target, show_removed=show_removed, overwrite=overwrite)
    picture = read_picture(source)
    notes = [f"not carried over: {what}" for what in left_behind(source)]
    with _named(str(source)):
        restored = at_strength(restorer(picture), strength)
    image = restored.image
    if show_removed is not None:
        write_picture(show_removed, restored.removed)
    write_picture(target, image, processed_by(restorer.manifest, strength))
    if target.suffix.lower() not in DESCRIBED_SUFFIXES:
        notes.append(f"{target.suffix} has no place for the words that it was restored (.png, .jpg and .webp have)")
    return PictureReport(
        source=str(source),
        target=str(target),
        width=image.shape[1],
        height=image.shape[0],
        seconds=time.perf_counter() - started,
        strength=strength,
        model=restorer.manifest.name,
        backend=restorer.choice.describe(),
        notes=(*notes, *restorer.guard.notes(before)),
    )


def restore_folder(
    source: Path,
    target: Path,
    restorer: Restorer,
    options: EncodeOptions | None = None,
    *,
    read: ReadOptions | None = None,
    finish: FinishOptions | None = None,
    overwrite: bool = False,
    begins: Callable[[Path], None] | None = None,
    progress: Progress | None = None,
) -> FolderReport:
    """Every picture and video below `source`, under the same names below `target`. `begins` hears of each file."""
    finish = finish or FinishOptions()
    plan, failed, left_alone = plan_folder(source, target, options, overwrite=overwrite)
    make_folder(target)
    done: list[VideoReport | PictureReport] = []
    for origin, goal in plan:
        if begins is not None:
            begins(origin)
        try:
            make_folder(goal.parent)
            if is_picture(origin):
                done.append(restore_picture(origin, goal, restorer, strength=finish.strength, overwrite=overwrite))
            else:
                rest = partial(restore_video, options=options, read=read, finish=finish, overwrite=overwrite, progress=progress)
                done.append(rest(origin, goal, restorer))
        except (ClearwayError, OSError) as error:
            failed.append((str(origin), str(error)))
    return FolderReport(tuple(done), tuple(failed), left_alone)


def plan_folder(
    source: Path, target: Path, options: EncodeOptions | None = None, *, overwrite: bool
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
    if not overwrite and (there := [goal for _, goal in plan if goal.exists()]):
        raise UsageError(f"{there[0]}: exists already (and {len(there) - 1} more); name another folder, or {TO_REPLACE}")
    return plan, unread, len(files) - len(wanted)


def _hidden(name: Path) -> bool:
    """Not meant: thumbnails, what a crash left half written, and the ._clip.mp4 that macOS puts on memory cards."""
    return any(part.startswith(".") for part in name.parts)


def is_picture(path: Path) -> bool:
    return path.suffix.lower() in PICTURE_SUFFIXES and is_file(path)


def goal_of(name: Path, options: EncodeOptions) -> Path:
    """The same name; a container that is not written, or cannot hold what the encoder makes, becomes Matroska: a.avi → a.avi.mkv."""
    if is_picture(name) or not is_file(name) or name.suffix.lower() in options.facts.containers:
        return name
    return name.with_name(f"{name.name}.mkv")


def check_file(
    source: Path,
    target: Path,
    options: EncodeOptions | None = None,
    read: ReadOptions | None = None,
    *,
    show_removed: Path | None = None,
    overwrite: bool,
) -> None:
    """All that is wrong with the names of one file's results, said before the seconds that loading a model takes."""
    results = [target] if show_removed is None else [target, show_removed]
    for result in results:
        if is_picture(source):
            check_target(result, sorted(PICTURE_SUFFIXES), source=source, overwrite=overwrite)
        else:
            check_ends(source, result, options or EncodeOptions(), read or ReadOptions(), overwrite=overwrite)
    if show_removed is not None and show_removed.resolve() == target.resolve():
        raise UsageError(f"{target}: two names were expected, the restored file and what was removed have one; give one of them another")


def _notes(info: VideoInfo, source: VideoSource, sink: FrameSink) -> tuple[str, ...]:
    notes = []
    if source.options.assume is not None and not info.color_assumed:
        notes.append("the source says all of its colour; nothing was assumed")
    if info.color_assumed:
        notes.append(f"the source does not say its colour {', '.join(info.color_assumed)}: {info.color.matrix.name} was assumed")
    if info.bit_depth > 8:
        notes.append(f"the source has {info.bit_depth} bits a channel; it was restored at 8")
    if info.interlaced:
        notes.append("the source is interlaced; it was restored as it is stored, without deinterlacing (--deinterlace)")
    if source.deinterlaced:
        notes.append(f"{source.deinterlaced} frames were interlaced in the source; they were deinterlaced before they were restored")
    elif source.options.deinterlace:
        notes.append("no frame of the source is marked as interlaced; nothing was deinterlaced")
    if source.further_videos:
        plural = "s were copied as they are" if source.further_videos > 1 else " was copied as it is"
        notes.append(f"{source.further_videos} further video stream{plural}: only the first is restored")
    notes.extend(source.damage.words())
    if sink.rounded:
        notes.append(f"the times of {sink.rounded} frames were rounded: {sink.rounding}")
    if sink.retimed:
        notes.append(f"{sink.retimed} packets of sound or subtitles shared their time with the one before and were moved by a tick")
    if sink.left_out:
        notes.append(f"not carried over: {', '.join(sink.left_out)}")
    return tuple(notes)
