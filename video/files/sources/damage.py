"""What was wrong with a video that could be read to its end all the same, in numbers and in words. Does not know how it is read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from runtime.errors import needs_extra

with needs_extra("cpu"):
    from av.error import ArgumentError, InvalidDataError, PatchWelcomeError

# What FFmpeg says of damaged packets: HEVC's decoder of an invalid argument, MJPEG's that nobody has written yet what would be needed.
UNDECODABLE = (InvalidDataError, ArgumentError, PatchWelcomeError)


@dataclass
class Damage:
    patched: int = 0  # frames that the decoder says it had to make up in part
    lost: int = 0  # frames that could not be decoded at all
    torn: int = 0  # packets of transport streams that came incomplete; what they held may have been patched or lost too
    retimed: int = 0  # frames whose time was missing, not after the one before, or far from both its neighbours'
    astray: int = 0  # packets of sound whose time lay far from those around them
    first: Fraction | None = None  # when the first damaged frame is shown

    def note(self, time: Fraction) -> None:
        """That something was wrong then."""
        if self.first is None:
            self.first = time

    def words(self) -> Iterator[str]:
        where = f" (the first at {float(self.first):.2f} s)" if self.first is not None else ""
        said = {
            f"damaged in the source, and restored as the decoder patched them: {_frames(self.patched)}{where}": self.patched,
            f"could not be decoded and are missing: {_frames(self.lost)}{where}": self.lost,
            f"packets of the video that came incomplete: {self.torn}{where}": self.torn,
            f"no time of their own, or an impossible one, and given the next possible: {_frames(self.retimed)}{where}": self.retimed,
            f"packets of sound whose time was damaged, and that were left out: {self.astray}": self.astray,
        }
        return (words for words, count in said.items() if count)


def _frames(count: int) -> str:
    return f"{count} frame" + "s" * (count != 1)
