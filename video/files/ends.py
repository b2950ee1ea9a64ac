"""Finds the source and the sink that a name stands for: a file, numbered pictures (frames/%05d.png), or a pipe (-)."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from runtime.errors import UsageError
from runtime.files.pictures import PICTURE_SUFFIXES
from video.files.encoding import EncodeOptions, check_encoder
from video.files.numbered import NumberedPictures
from video.files.part import UnfinishedPart, check_part, part_of
from video.files.reading import ReadOptions
from video.files.sinks.file import CONTAINERS, VideoSink
from video.files.sinks.untimed import PipeSink, SequenceSink
from video.files.sources.damage import Damage
from video.files.sources.file import FileSource, open_video
from video.files.sources.pipe import PIPE, open_pipe
from video.files.sources.sequence import SequenceSource
from video.files.target import check_numbered, check_target
from video.frame import Frame, VideoInfo


class VideoSource(Protocol):
    """Gives the frames of one video, once, as a context manager, and reports what it met on the way."""

    @property
    def path(self) -> Path: ...
    @property
    def options(self) -> ReadOptions: ...
    @property
    def info(self) -> VideoInfo: ...
    @property
    def damage(self) -> Damage: ...
    @property
    def further_videos(self) -> int: ...
    @property
    def deinterlaced(self) -> int: ...
    @property
    def other_kinds(self) -> tuple[str, ...]: ...  # audio, subtitle, …: what a sink of pictures alone leaves out
    @property
    def copy_from(self) -> FileSource | None: ...  # where the other streams, chapters and metadata are, if there are any
    @property
    def first_number(self) -> int: ...  # of numbered pictures that are made from it
    def skip(self, done: Sequence[Fraction]) -> Iterator[None]: ...
    def __iter__(self) -> Iterator[Frame]: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None: ...


class FrameSink(Protocol):
    """Takes them, as a context manager, and reports what it could not keep."""

    @property
    def path(self) -> Path: ...
    @property
    def info(self) -> VideoInfo: ...
    @property
    def left_out(self) -> list[str]: ...
    @property
    def retimed(self) -> int: ...
    @property
    def rounded(self) -> int: ...
    @property
    def rounding(self) -> str: ...
    @property
    def done(self) -> int: ...
    def write(self, frame: Frame) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None: ...


def is_file(path: Path) -> bool:
    return path != PIPE and NumberedPictures.parse(path) is None


def check_ends(source: Path, target: Path, options: EncodeOptions, read: ReadOptions, *, resume: bool = False, overwrite: bool) -> None:
    """All that is wrong with the names and what was said of them, before any work."""
    if read.raw is not None and source != PIPE:
        raise UsageError(f"--raw: expected standard input (-), got {source}; leave it out")
    if read.raw is not None or NumberedPictures.parse(source) is not None:
        read.rate_of(source)
    elif read.rate is not None:
        raise UsageError(f"--fps: expected numbered pictures or raw frames, got {source}, which has times of its own; leave it out")
    if resume and (source == PIPE or not is_file(target)):
        raise UsageError(f"--resume: expected a file or numbered pictures that become a file, got {source} → {target}; leave it out")
    if is_file(target):
        if source.resolve() == part_of(target).resolve():
            raise UsageError(
                f"{target}: expected an input that is not its own unfinished part, which would be overwritten; give the output another name"
            )
        if source != PIPE:
            check_part(target, resume=resume, overwrite=overwrite)
        check_target(target, CONTAINERS, source=source, overwrite=overwrite)
        check_encoder(options, [target.suffix.lower()])
        return
    if options != EncodeOptions():
        raise UsageError(f"{target}: expected no encoder, quality or preset, got {options.describe()}; leave them out")
    if target != PIPE:
        check_numbered(target, sorted(PICTURE_SUFFIXES))
    elif sys.stdout.isatty():
        raise UsageError("-: expected a program or a file behind standard output, got a terminal; add > FILE or | PROGRAM")


def open_source(path: Path, read: ReadOptions, *, copies: bool) -> VideoSource:
    """With `copies` the other streams are read too, for a sink that takes them."""
    if path == PIPE:
        return open_pipe(sys.stdin.buffer, read, copies=copies)
    if NumberedPictures.parse(path) is not None:
        return SequenceSource(path, read)
    return open_video(path, read, copies=copies)


def open_sink(
    path: Path,
    info: VideoInfo,
    options: EncodeOptions,
    *,
    source: VideoSource,
    copies: bool,
    comment: str,
    overwrite: bool,
    part: UnfinishedPart | None = None,
) -> FrameSink:
    """With `copies` the other streams of the source come too, where the sink is a file. It grows as `part`, where that is given."""
    if path == PIPE:
        raw = source.options.raw
        return PipeSink(path, info, sys.stdout.buffer, raw=None if raw is None else raw.pixel_format, others=source.other_kinds)
    if NumberedPictures.parse(path) is not None:
        return SequenceSink(path, info, first=source.first_number, comment=comment, others=source.other_kinds)
    copy_from = source.copy_from if copies else None
    return VideoSink(path, info, options, copy_from=copy_from, comment=comment, overwrite=overwrite, part=part)
