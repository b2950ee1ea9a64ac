"""The unfinished parts of one video's results, which continue together at the end of the shorter one. Does not know networks."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from types import TracebackType

from video.files.ends import FrameSink, VideoSource
from video.files.part import UnfinishedPart, how_to_continue
from video.files.segments import in_segments
from video.files.sinks.file import VideoSink
from video.frame import Frame
from video.restore.job import RestoreJob


class ResumableResults:
    """A context manager, which holds the parts' locks. `made`: what they are made from, and how (video/restore/made.py)."""

    def __init__(self, job: RestoreJob, made: dict[str, str]) -> None:
        self._asked = job.resume
        self._parts = {target: UnfinishedPart(target, made, resume=job.resume, overwrite=job.overwrite) for target in job.resumable}
        self._locks = contextlib.ExitStack()
        self.done: list[Fraction] = []  # when each frame that an earlier run made is shown

    def part(self, target: Path) -> UnfinishedPart | None:
        return self._parts.get(target)

    def __enter__(self) -> ResumableResults:
        with self._locks:  # of the first, if the second cannot be had
            for part in self._parts.values():
                self._locks.enter_context(part)
            if self._asked:
                self.done = min((part.whole() for part in self._parts.values()), key=len)
            if not self.done:
                for part in self._parts.values():
                    part.discard()
            self._locks = self._locks.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        left = [part for part in self._parts.values() if part.path.exists()]
        self._locks.close()
        if value is not None and left:
            names = " and ".join(str(part.path) for part in left)
            value.add_note(f"{names}: what is finished so far, which plays; {how_to_continue(left[0].target)}")

    def catch_up(self, video: VideoSource, sinks: Iterable[FrameSink]) -> None:
        """Copies what the parts have into their sinks, and skips it in the source."""
        if not self.done:
            return
        files = [sink for sink in sinks if isinstance(sink, VideoSink)]
        kept = [self._parts[sink.path].packets(self.done) for sink in files]
        for _, *packets in itertools.zip_longest(video.skip(self.done), *kept):
            for sink, packet in zip(files, packets, strict=True):
                sink.keep(packet)
        for part in self._parts.values():
            part.caught_up()

    def frames(self, video: VideoSource) -> Iterable[Frame]:
        return in_segments(video) if self._parts else video

    def notes(self) -> list[str]:
        if not self._asked:
            return []
        if not self.done:
            return ["there was nothing to continue (--resume): it was restored from the start"]
        return [f"continued after {len(self.done)} frames; their faults, rounded times and flicker are not counted here"]
