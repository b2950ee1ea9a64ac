"""Streams that another program writes to a pipe: SRT through an installed ffmpeg, since PyAV's wheel has none, and the screen.

Does not know how the stream is decoded.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import IO

from runtime.errors import SourceError, needs_extra
from video.live.sources.decode import decode_stream, translate_errors
from video.live.sources.source import CapturedPicture, DroppedFrame
from video.live.sources.stream import SOON, redact

with needs_extra("live"):
    import av

_SCREEN_RATE = "15"
_PATIENCE = "5000000"  # microseconds without data, after which ffmpeg ends


class ProgramSource:
    """What `command` writes to its standard output, in FFmpeg's `format`. Each call of frames() is one process."""

    ends = False

    def __init__(self, name: str, command: Sequence[str], format: str) -> None:
        self.name = name
        self._command = list(command)
        self._format = format

    def frames(self, stopped: threading.Event) -> Generator[CapturedPicture | DroppedFrame, None, None]:
        ended = threading.Event()
        # Unbuffered: a buffered read waits until 32 kB have come, which is half a second of a small stream.
        with subprocess.Popen(
            self._command, bufsize=0, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process:
            try:
                # A read from a silent pipe cannot be let go of, but the process at its other end can be ended.
                threading.Thread(target=_kill_when, args=(stopped, ended, process), name="clearway-reader-program", daemon=True).start()
                assert process.stdout is not None
                yield from self._read(process.stdout, stopped)
            finally:
                ended.set()
                process.kill()

    def _read(self, pipe: IO[bytes], stopped: threading.Event) -> Generator[CapturedPicture | DroppedFrame, None, None]:
        with translate_errors(self.name):
            container = av.open(pipe, format=self._format, mode="r", options=SOON, metadata_errors="replace")
        with container:
            yield from decode_stream(self.name, container, stopped)


def _kill_when(stopped: threading.Event, ended: threading.Event, process: subprocess.Popen[bytes]) -> None:
    while not ended.wait(0.2):
        if stopped.is_set():
            process.kill()
            return


def srt(url: str) -> ProgramSource:
    """ffmpeg receives it and passes on what it gets, without decoding it."""
    program = shutil.which("ffmpeg")
    if program is None:
        raise SourceError(f"{redact(url)}: expected an ffmpeg with SRT on the PATH, found none; apt install ffmpeg")
    command = [program, "-nostdin", "-loglevel", "quiet", "-timeout", _PATIENCE, "-i", url]
    command += ["-map", "0:v:0", "-c", "copy", "-f", "mpegts", "-flush_packets", "1", "pipe:1"]
    return ProgramSource(redact(url), command, "mpegts")


def screen() -> ProgramSource:
    """The whole screen of the X server that DISPLAY names."""
    display = os.environ.get("DISPLAY")
    if "x11grab" not in av.formats_available or not display:
        why = "DISPLAY is not set" if "x11grab" in av.formats_available else "this PyAV cannot grab one"
        raise SourceError(f"screen: expected the screen of an X server, {why}; try another source, such as `pattern`")
    grabber = Path(__file__).with_name("screen.py")
    return ProgramSource(f"screen {display}", [sys.executable, "-P", str(grabber), display, _SCREEN_RATE], "nut")
