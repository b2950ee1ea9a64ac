"""Owns restoring one video or one picture; knows nothing of terminals or of folders.

A file gets the target's name only when it is whole. What an unfinished video has of whole segments stays beside it (video/files/part.py).
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from runtime.errors import BackendError, PictureError, SourceError, UsageError
from runtime.files.pictures import DESCRIBED_SUFFIXES, PICTURE_SUFFIXES, left_behind, read_picture, write_picture
from runtime.machine.processor import usable_cores
from runtime.model.manifest import MINIMUM_SIDE
from runtime.restorer import Restored, Restorer
from runtime.timing import StageTimes
from video.files.encoding import EncodeOptions
from video.files.ends import FrameSink, VideoSource, check_ends, is_file, open_sink, open_source
from video.files.reading import ReadOptions
from video.files.sources.pipe import PIPE
from video.files.target import check_target
from video.finish.finish import Finish, FinishOptions
from video.finish.strength import at_strength, check_strength, processed_by
from video.frame import Frame, VideoInfo
from video.pipeline import run_pipeline
from video.restore.made import made_from
from video.restore.report import PictureReport, VideoReport, notes_of
from video.restore.resume import Resumable

_LAYER = "What was removed, 128 + half the difference"

Progress = Callable[[int, int | None], None]  # frames done, frames announced


def engine_threads() -> int | None:
    """What an engine of the CPU may have beside a decoder and an encoder: a quarter of the cores is left to them, from four on.

    Of two cores it gets both (None): there, decoding, the model and encoding reach the bound that no division of cores can beat
    (docs/benchmarks.md). More cores were not to be had for a measurement.
    """
    cores = usable_cores()
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
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> VideoReport:
    """`show_removed` names a second video of the same times: what was taken out of each frame of the first, around mid-grey.

    `resume` goes on where an earlier call ended before its end, and gives the result that it would have given.
    """
    options, read, finish = options or EncodeOptions(), read or ReadOptions(), finish or FinishOptions()
    times, before, started = StageTimes(), restorer.guard.done(), time.perf_counter()
    after, said = Finish(finish, times), processed_by(restorer.manifest, finish.strength)
    check_file(source, target, options, read, show_removed=show_removed, resume=resume, overwrite=overwrite)
    results = {target: said} if show_removed is None else {target: said, show_removed: f"{_LAYER}. {said}"}
    made = partial(made_from, source, read, restorer, finish, options)
    with (
        open_source(source, read, copies=is_file(target)) as video,
        _resumable(source, results, made, resume=resume, overwrite=overwrite) as job,
        contextlib.ExitStack() as opened,
    ):
        info = _enlarged(video, restorer.manifest.graph.scale)
        open_ = partial(open_sink, info=info, options=options, source=video, overwrite=overwrite)
        sinks = [
            opened.enter_context(open_(path, copies=path == target, comment=comment, part=job.part(path)))
            for path, comment in results.items()
        ]
        job.catch_up(video, sinks)
        run_pipeline(
            job.frames(video),
            partial(_restored, source, restorer),
            partial(_write, sinks),
            workers=restorer.choice.backend.depth,
            after=partial(_finished, after),
            times=times,
            progress=None if progress is None else lambda _: progress(sinks[0].done, video.info.frames),
        )
    if progress is not None:
        progress(sinks[0].done, video.info.frames)
    report = _report(video, sinks[0], restorer, after, kept=len(job.done), seconds=time.perf_counter() - started, times=times)
    return dataclasses.replace(report, notes=(*job.notes(), *report.notes, *restorer.guard.notes(before)))


def _resumable(source: Path, results: Iterable[Path], made: Callable[[], dict[str, str]], *, resume: bool, overwrite: bool) -> Resumable:
    """A pipe cannot be read again."""
    files = [] if source == PIPE else [result for result in results if is_file(result)]
    return Resumable(files, made() if files else {}, resume=resume, overwrite=overwrite)


def _restored(source: Path, restorer: Restorer, frame: Frame) -> tuple[Frame, Restored]:
    with _named(f"{source}, frame {frame.index}"):
        return frame, restorer(frame.image)


def _finished(finish: Finish, made: tuple[Frame, Restored]) -> tuple[Frame, Restored]:
    frame, restored = made
    if frame.begins:
        finish.restart()
    return frame, finish(restored)


def _write(sinks: Sequence[FrameSink], made: tuple[Frame, Restored]) -> None:
    """What was removed goes into the second, where there is one."""
    frame, restored = made
    sinks[0].write(dataclasses.replace(frame, image=restored.image))
    for layer in sinks[1:]:
        layer.write(dataclasses.replace(frame, image=restored.removed))


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
    video: VideoSource, sink: FrameSink, restorer: Restorer, after: Finish, *, kept: int, seconds: float, times: StageTimes
) -> VideoReport:
    rate = float(video.info.average_rate) if video.info.average_rate else None
    fps = (sink.done - kept) / seconds
    return VideoReport(
        source=str(video.path),
        target=str(sink.path),
        width=sink.info.width,
        height=sink.info.height,
        frames=sink.done,
        seconds=seconds,
        fps=fps,
        strength=after.options.strength,
        source_fps=rate,
        kept_up=None if rate is None else fps >= rate,
        model=restorer.manifest.name,
        backend=restorer.choice.describe(),
        stages=times.as_dict(),
        notes=notes_of(video, sink),
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


def is_picture(path: Path) -> bool:
    return path.suffix.lower() in PICTURE_SUFFIXES and is_file(path)


def check_file(
    source: Path,
    target: Path,
    options: EncodeOptions | None = None,
    read: ReadOptions | None = None,
    *,
    show_removed: Path | None = None,
    resume: bool = False,
    overwrite: bool,
) -> None:
    """All that is wrong with the names of one file's results, said before the seconds that loading a model takes."""
    results = [target] if show_removed is None else [target, show_removed]
    for result in results:
        if is_picture(source):
            if resume:
                raise UsageError(f"--resume: a video or a folder was expected with it, {source} is a picture; leave it out")
            check_target(result, sorted(PICTURE_SUFFIXES), source=source, overwrite=overwrite)
        else:
            check_ends(source, result, options or EncodeOptions(), read or ReadOptions(), resume=resume, overwrite=overwrite)
    if show_removed is not None and show_removed.resolve() == target.resolve():
        raise UsageError(f"{target}: two names were expected, the restored file and what was removed have one; give one of them another")
