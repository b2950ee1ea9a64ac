"""Reads a video from standard input: Y4M or another format that FFmpeg knows, or raw frames. Does not know what is written."""

from __future__ import annotations

import re
from pathlib import Path
from typing import BinaryIO

from runtime.errors import SourceError, needs_extra
from video.files.reading import ReadOptions
from video.files.sources.file import FileSource

with needs_extra("cpu"):
    import av
    from av.error import FFmpegError

PIPE = Path("-")
_BUFFER = 1 << 20
_Y4M = b"YUV4MPEG2 "
_CHROMA = {"420": (2, 2), "411": (4, 1), "422": (2, 1), "444": (1, 1), "mono": (0, 0)}  # luma columns and lines to a chroma sample


def open_pipe(stream: BinaryIO, options: ReadOptions, *, copies: bool = False) -> FileSource:
    """Raw frames come at the rate of the options; anything else says its rate itself. `copies` is open_video's."""
    raw, kind, facts = options.raw, None, {}
    if raw is not None:
        rate = str(options.rate_of(PIPE))
        kind, facts = "rawvideo", {"video_size": f"{raw.width}x{raw.height}", "pixel_format": raw.pixel_format, "framerate": rate}
    try:
        container = av.open(_Y4mStream(stream), "r", format=kind, options=facts, buffer_size=_BUFFER)
    except FFmpegError as error:
        expected = "expected a video on standard input (Y4M, or raw frames with --raw and --fps)"
        raise SourceError(f"{PIPE}: {expected}, got {error.strerror}; check the program before the pipe") from error
    try:
        if not container.streams.video:
            raise SourceError(f"{PIPE}: expected a video on standard input, got no video stream; check the program before the pipe")
        return FileSource(PIPE, container, container.streams.video[0], options, copies=copies)
    except BaseException:
        container.close()
        raise


class _Y4mStream:
    """A stream that tells an end between two frames of Y4M from one inside of a frame, which FFmpeg takes for the end as well."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._line = b""  # of a header that is not complete yet
        self._left = 0  # bytes of the frame that have not come yet
        self._frame: int | None = None  # bytes of each frame; 0 where it cannot be followed, None before the first header

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        if self._frame is None and not (self._line + data).startswith(_Y4M):
            self._frame = 0
        if not data and self._frame and (self._left or self._line):
            raise SourceError(f"{PIPE}: expected whole frames, got a stream that ends inside of one; check the program before the pipe")
        self._follow(data)
        return data

    def _follow(self, data: bytes) -> None:
        while data and self._frame != 0:
            if self._left:
                taken = min(self._left, len(data))
                self._left, data = self._left - taken, data[taken:]
                continue
            line, ended, rest = data.partition(b"\n")
            self._line += line
            if not ended:
                return
            if self._frame is None:
                self._frame = _frame_size(self._line)
            else:
                self._left = self._frame
            self._line, data = b"", rest


def _frame_size(header: bytes) -> int:
    """Bytes of a frame by a Y4M header; 0 for the formats that nobody pipes (alpha)."""
    fields = {field[:1]: field[1:].decode("ascii", "replace") for field in header.split()[1:]}
    match = re.fullmatch(r"(420|411|422|444|mono)(jpeg|mpeg2|paldv|p?\d+)?", fields.get(b"C", "420"))
    if match is None:
        return 0
    width, height = int(fields[b"W"]), int(fields[b"H"])
    across, down = _CHROMA[match[1]]
    samples = width * height + (2 * -(-width // across) * -(-height // down) if across else 0)
    return samples * (2 if re.fullmatch(r"p?\d+", match[2] or "") else 1)
