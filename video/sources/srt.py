"""Owns an SRT stream through an installed ffmpeg, since PyAV's wheel has no SRT; knows nothing of how the stream is decoded."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Generator
from typing import IO

from runtime.errors import MissingExtra, SourceError
from video.sources.decode import decoded, translated
from video.sources.live import Captured, Dropped
from video.sources.stream import SOON, redacted

try:
    import av
except ImportError as error:
    raise MissingExtra("av", "live") from error

_PATIENCE = "5000000"  # microseconds without data, after which ffmpeg ends


class SrtSource:
    """ffmpeg receives and passes on what it gets, as a transport stream, without decoding it. Each call of frames() is one ffmpeg."""

    ends = False

    def __init__(self, url: str) -> None:
        self.name = redacted(url)
        self._url = url
        program = shutil.which("ffmpeg")
        if program is None:
            raise SourceError(f"{self.name}: an installed ffmpeg with SRT was expected, none is on the PATH; apt install ffmpeg")
        self._program = program

    def frames(self, stopped: threading.Event) -> Generator[Captured | Dropped, None, None]:
        command = [self._program, "-nostdin", "-loglevel", "quiet", "-timeout", _PATIENCE, "-i", self._url]
        command += ["-map", "0:v:0", "-c", "copy", "-f", "mpegts", "-flush_packets", "1", "pipe:1"]
        ended = threading.Event()
        # Unbuffered: a buffered read waits until 32 kB have come, which is half a second of a small stream.
        with subprocess.Popen(command, bufsize=0, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            # A read from a silent pipe cannot be let go of, but the process at its other end can be ended.
            threading.Thread(target=_kill_when, args=(stopped, ended, process), name="clearway-reader-ffmpeg", daemon=True).start()
            try:
                assert process.stdout is not None
                yield from self._read(process.stdout, stopped)
            finally:
                ended.set()
                process.kill()

    def _read(self, pipe: IO[bytes], stopped: threading.Event) -> Generator[Captured | Dropped, None, None]:
        with translated(self.name):
            container = av.open(pipe, format="mpegts", mode="r", options=SOON, metadata_errors="replace")
        with container:
            yield from decoded(self.name, container, stopped)


def _kill_when(stopped: threading.Event, ended: threading.Event, process: subprocess.Popen[bytes]) -> None:
    while not ended.wait(0.2):
        if stopped.is_set():
            process.kill()
            return
