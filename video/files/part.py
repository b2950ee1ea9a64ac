"""The unfinished part of a result: its name, what it was made from, what of it is whole, and how it ends. Does not know encoders.

clear.mp4 grows as clear.unfinished.mp4, which plays as far as it was written, however the work ended. Beside it lies
clear.unfinished.mp4.json, which says what it is made from and is locked by the process that works on it. Both go when clear.mp4 is whole.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, NoReturn

from runtime.errors import UsageError, needs_extra
from runtime.files.atomic import to_disk
from runtime.files.cache_folder import locked
from video.files.segments import Segments
from video.files.target import unwritable

with needs_extra("cpu"):
    import av
    from av.error import FFmpegError
    from av.packet import Packet
    from av.video.stream import VideoStream

_DEPTH = 4  # frames that may be decoded before one that is shown before them: no encoder of ours takes more

UNFINISHED = ".unfinished"  # at the end of a stem
_TO_BEGIN = "begin from the start: --force (overwrite=True in Python)"


def part_of(target: Path) -> Path:
    return target.with_name(f"{target.stem}{UNFINISHED}{target.suffix}")


def how_to_continue(target: Path) -> str:
    if target.exists():  # the run was to replace it
        return f"continue it, and replace {target.name} in the end: --resume --force (resume=True, overwrite=True in Python)"
    return "continue it: --resume (resume=True in Python)"


def check_part(target: Path, *, resume: bool, overwrite: bool) -> None:
    """An unfinished part is hours of work: it is neither replaced nor continued unasked."""
    if part_of(target).exists() and not (resume or overwrite):
        raise UsageError(
            f"{part_of(target)}: expected no unfinished part of {target.name}, got one; {how_to_continue(target)}, or {_TO_BEGIN}"
        )


class UnfinishedPart:
    """A context manager, which holds the lock. `made` says what the result is made from, and how."""

    def __init__(self, target: Path, made: dict[str, str], *, resume: bool, overwrite: bool) -> None:
        self.target = target
        self.path = part_of(target)
        self._made = made
        self._resume, self._overwrite = resume, overwrite
        self._words = self.path.with_name(f"{self.path.name}.json")
        self._beside = self.path.with_name(f".{self.path.name}")  # until what grows has all that an earlier part had
        self._growing = self.path
        self._lock = contextlib.ExitStack()

    def __enter__(self) -> UnfinishedPart:
        try:
            with self._lock:
                self._lock.enter_context(locked(self._words, waiting=self._busy))
                self._lock.callback(self._tidy)
                check_part(self.target, resume=self._resume, overwrite=self._overwrite)
                self._beside.unlink(missing_ok=True)
                if self._resume and self.path.exists():
                    self._compare()
                else:
                    self.discard()
                    self._words.write_text(json.dumps(self._made, indent=1, ensure_ascii=False), encoding="utf-8")
                self._lock = self._lock.pop_all()
        except OSError as error:
            raise unwritable(self.target, error.errno, error.strerror or str(error)) from error
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.close()

    def _tidy(self) -> None:
        if not self.path.exists():
            with contextlib.suppress(OSError):
                self._words.unlink()

    def _busy(self) -> NoReturn:
        raise UsageError(
            f"{self.path}: expected a file that no other process writes, got one that is being written; wait for it, or give another name"
        )

    def _compare(self) -> None:
        try:
            made: dict[str, str] = json.loads(self._words.read_text(encoding="utf-8"))
            differ = [f"{what} {made.get(what)!r} then, {now!r} now" for what, now in self._made.items() if made.get(what) != now]
        except (ValueError, AttributeError) as error:
            raise UsageError(
                f"{self._words}: expected what {self.path.name} was made from, got a file that cannot be read; {_TO_BEGIN}"
            ) from error
        if differ:
            raise UsageError(
                f"{self.path}: expected a part of this job, got another's ({'; '.join(differ)}); ask for the same, or {_TO_BEGIN}"
            )

    def whole(self) -> list[Fraction]:
        """When each frame of the whole segments is shown. The last segment that was begun is not one: its end may be missing."""
        segments, times, begun = Segments(), list[Fraction](), 0
        for packet in self._packets():
            if segments.begins(time := _shown(packet)):
                begun = len(times)
            times.append(time)
        return sorted(times[:begun])

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)

    def packets(self, done: Sequence[Fraction]) -> Iterator[Packet[VideoStream]]:
        """Those of the first frames, which are shown at these times."""
        for index, (_, packet) in enumerate(zip(done, self._packets(), strict=False)):
            if self.path.suffix.lower() == ".mkv":  # it stores no decoding times, and what FFmpeg makes up can be too late
                begin, ahead = done[max(0, index - _DEPTH)] / packet.time_base, max(0, _DEPTH - index)
                packet.dts = int(begin) - ahead
            yield packet

    def _packets(self) -> Iterator[Packet[VideoStream]]:
        """A file that was cut off ends where it cannot be read."""
        with contextlib.suppress(FFmpegError), av.open(os.path.abspath(self.path)) as container:
            yield from (packet for packet in container.demux(container.streams.video[0]) if packet.size)

    @contextmanager
    def written(self) -> Iterator[Path]:
        """A name to write under. At the end that file gets the target's name; if an error passes, it stays where a segment of it is whole.

        Where there is an earlier part, it stays as it is until `caught_up`.
        """
        if self.path.exists():
            self._growing = self._beside
        try:
            yield self._growing
            to_disk(self._growing)
            self._growing.replace(self.target)
        except BaseException:
            with contextlib.suppress(OSError):
                if self._growing != self.path or not self._has_a_segment():
                    self._growing.unlink()
            raise

    def caught_up(self) -> None:
        """What is being written has all that the earlier part had, and takes its place."""
        if self._growing != self.path:
            to_disk(self._growing)
            self._growing = self._growing.replace(self.path)

    def _has_a_segment(self) -> bool:
        segments = Segments()
        begun = (packet for packet in self._packets() if segments.begins(_shown(packet)))
        return next(begun, None) is not None and next(begun, None) is not None


def _shown(packet: Packet[Any]) -> Fraction:
    return (packet.pts or 0) * packet.time_base
