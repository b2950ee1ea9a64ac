"""Owns which source and which sink a name stands for: a file, numbered pictures (frames/%05d.png), or a pipe (-)."""

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
from video.files.numbered import Numbered
from video.files.part import Part, check_part, part_of
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
    """What gives the frames of one video, once, as a context manager, and says what it met on the way."""

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
    def skip(self, done: Sequence[Fraction]) -> Iterator[None]: ...
    def __iter__(self) -> Iterator[Frame]: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None: ...


class FrameSink(Protocol):
    """What takes them, as a context manager, and says what it could not keep."""

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
    return path != PIPE and Numbered.parse(path) is None


def check_ends(source: Path, target: Path, options: EncodeOptions, read: ReadOptions, *, resume: bool = False, overwrite: bool) -> None:
    """All that is wrong with the names and what was said of them, before any work."""
    if read.raw is not None and source != PIPE:
        raise UsageError(f"--raw: standard input (-) was expected with it, {source} came; leave it out")
    if read.raw is not None or Numbered.parse(source) is not None:
        read.rate_of(source)
    elif read.rate is not None:
        raise UsageError(f"--fps: numbered pictures or raw frames were expected with it, {source} says its times itself; leave it out")
    if resume and (source == PIPE or not is_file(target)):
        raise UsageError(f"--resume: a file or numbered pictures were expected that become a file, {source} → {target} came; leave it out")
    if is_file(target):
        if source.resolve() == part_of(target).resolve():
            raise UsageError(f"{target}: its unfinished part is the input, and would be written over; give the output another name")
        if source != PIPE:
            check_part(target, resume=resume, overwrite=overwrite)
        check_target(target, CONTAINERS, source=source, overwrite=overwrite)
        check_encoder(options, [target.suffix.lower()])
        return
    if options != EncodeOptions():
        raise UsageError(f"{target}: no encoder, quality or preset was expected with it, {options.describe()} came; leave them out")
    if target != PIPE:
        check_numbered(target, sorted(PICTURE_SUFFIXES))
    elif sys.stdout.isatty():
        raise UsageError("-: a program or a file behind standard output was expected, a terminal came; add > FILE or | PROGRAM")


def open_source(path: Path, read: ReadOptions, *, copies: bool) -> VideoSource:
    """With `copies` the other streams are read too, for a sink that takes them."""
    if path == PIPE:
        return open_pipe(sys.stdin.buffer, read, copies=copies)
    if Numbered.parse(path) is not None:
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
    part: Part | None = None,
) -> FrameSink:
    """With `copies` the other streams of the source come too, where the sink is a file. It grows as `part`, where that is given."""
    file = source if isinstance(source, FileSource) else None
    others = () if file is None else file.other_kinds
    if path == PIPE:
        raw = source.options.raw
        return PipeSink(path, info, sys.stdout.buffer, raw=None if raw is None else raw.pixel_format, others=others)
    if Numbered.parse(path) is not None:
        first = source.first if isinstance(source, SequenceSource) else 1  # as FFmpeg counts
        return SequenceSink(path, info, first=first, comment=comment, others=others)
    copy_from = file if copies else None
    return VideoSink(path, info, options, copy_from=copy_from, comment=comment, overwrite=overwrite, part=part)
