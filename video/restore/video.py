"""Restores one video or one picture. Does not know terminals or folders.

A file gets the target's name only when it is whole. What an unfinished video has of whole segments stays beside it (video/files/part.py).
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from runtime.errors import BackendError, PictureError, SourceError
from runtime.files.pictures import DESCRIBED_SUFFIXES, left_behind, read_picture, write_picture
from runtime.machine.processor import usable_cores
from runtime.model.manifest import MINIMUM_SIDE
from runtime.restorer import Restored, Restorer
from runtime.timing import StageTimes
from video.files.ends import FrameSink, VideoSource, is_file, open_sink, open_source
from video.finish.finish import FrameFinisher
from video.finish.strength import apply_strength, processed_by
from video.frame import Frame, VideoInfo
from video.pipeline import run_pipeline
from video.restore.job import RestoreJob
from video.restore.made import made_from
from video.restore.report import PictureReport, VideoReport, notes_of
from video.restore.resume import ResumableResults

_LAYER = "What was removed, 128 + half the difference"

Progress = Callable[[int, int | None], None]  # frames done, frames announced


def engine_threads() -> int | None:
    """What an engine of the CPU may have beside a decoder and an encoder: a quarter of the cores is left to them, from four on.

    Of two cores it gets both (None): there, decoding, the model and encoding reach the bound that no division of cores can beat
    (docs/benchmarks.md). More cores were not to be had for a measurement.
    """
    cores = usable_cores()
    return None if cores < 4 else cores - cores // 4


def restore_video(job: RestoreJob, restorer: Restorer, *, progress: Progress | None = None) -> VideoReport:
    times, before, started = StageTimes(), restorer.guard.done(), time.perf_counter()
    after, comment = FrameFinisher(job.finish, times), processed_by(restorer.manifest, job.finish.strength)
    comments = dict(zip(job.results, (comment, f"{_LAYER}. {comment}"), strict=False))
    with (
        open_source(job.source, job.read, copies=is_file(job.target)) as video,
        ResumableResults(job, made_from(job, restorer) if job.resumable else {}) as parts,
        contextlib.ExitStack() as opened,
    ):
        info = _enlarged(video, restorer.manifest.graph.scale)
        open_ = partial(open_sink, info=info, options=job.encode, source=video, overwrite=job.overwrite)
        sinks = [
            opened.enter_context(open_(path, copies=path == job.target, comment=comment, part=parts.part(path)))
            for path, comment in comments.items()
        ]
        parts.catch_up(video, sinks)
        run_pipeline(
            parts.frames(video),
            partial(_restored, job.source, restorer),
            partial(_write, sinks),
            workers=restorer.choice.backend.depth,
            after=partial(_finished, after),
            times=times,
            progress=None if progress is None else lambda _: progress(sinks[0].done, video.info.frames),
        )
    if progress is not None:
        progress(sinks[0].done, video.info.frames)
    report = _report(video, sinks[0], restorer, after, kept=len(parts.done), seconds=time.perf_counter() - started, times=times)
    return dataclasses.replace(report, notes=(*parts.notes(), *report.notes, *restorer.guard.notes(before)))


def _restored(source: Path, restorer: Restorer, frame: Frame) -> tuple[Frame, Restored]:
    with _named(f"{source}, frame {frame.index}"):
        return frame, restorer(frame.image)


def _finished(finish: FrameFinisher, made: tuple[Frame, Restored]) -> tuple[Frame, Restored]:
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
        raise SourceError(f"{video.path}: expected at least {MINIMUM_SIDE}×{MINIMUM_SIDE} pixels, got {size}; use a larger video")
    return dataclasses.replace(info, width=info.width * scale, height=info.height * scale)


@contextmanager
def _named(what: str) -> Iterator[None]:
    """Names the frame or file in the error: a restorer knows only an array."""
    try:
        yield
    except (BackendError, PictureError) as error:
        raise type(error)(f"{what}: {error}") from error


def _report(
    video: VideoSource, sink: FrameSink, restorer: Restorer, after: FrameFinisher, *, kept: int, seconds: float, times: StageTimes
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
        flicker_reduced=after.options.reduce_flicker,
        flicker=after.flicker(),
    )


def restore_picture(job: RestoreJob, restorer: Restorer) -> PictureReport:
    """Of the job's `finish` only the strength counts."""
    started, before = time.perf_counter(), restorer.guard.done()
    source, target, strength = job.source, job.target, job.finish.strength
    picture = read_picture(source)
    notes = [f"not carried over: {what}" for what in left_behind(source)]
    with _named(str(source)):
        restored = apply_strength(restorer(picture), strength)
    image = restored.image
    if job.show_removed is not None:
        write_picture(job.show_removed, restored.removed)
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
