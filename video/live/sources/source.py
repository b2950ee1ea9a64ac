"""What a live source is, what it gives, and the clock of its frames. Does not know networks, cameras or threads."""

from __future__ import annotations

import threading
from collections.abc import Generator
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from runtime.picture import Picture
from video.color import assumed_tags
from video.frame import VideoInfo

TICK = Fraction(1, 90000)  # that of RTP and MPEG; divides the milliseconds of RTMP


@dataclass(frozen=True)
class CapturedPicture:
    """A picture as it came. The stamps are seconds of time.monotonic()."""

    image: Picture
    time: Fraction | None  # the source's own, from any zero; it may jump
    arrived: float  # when its packet was there
    decoded: float  # when `image` was
    info: VideoInfo  # another object only where something in it has changed


@dataclass(frozen=True)
class DroppedFrame:
    """A frame that came and is not handed on, and why."""

    reason: str


class LiveSource(Protocol):
    """Something that gives frames in its own time, and can be opened again after it failed."""

    @property
    def name(self) -> str:
        """For people; without credentials."""

    @property
    def ends(self) -> bool:
        """Whether its end is an end, as a file's, and not a loss, as a camera's."""

    def frames(self, stopped: threading.Event) -> Generator[CapturedPicture | DroppedFrame, None, None]:
        """Opens it, gives what comes, and closes it, all in the caller's thread.

        Setting `stopped` in another thread ends a wait, at the latest after the source's own time limit. Raises SourceLost where
        another try is worth it, SourceError where it is not.
        """


class LiveClock:
    """Times that always rise: the source's own where they go on as time does, else those of arrival."""

    def __init__(self) -> None:
        self.retimed = 0  # frames whose own time was missing or jumped
        self._pts = 0
        self._arrived: float | None = None
        self._offset: int | None = None  # from the source's own ticks to ours

    def __call__(self, time: Fraction | None, arrived: float) -> int:
        """In ticks of TICK, 0 for the first frame."""
        own = None if time is None else round(time / TICK)
        since = 0 if self._arrived is None else max(1, round((arrived - self._arrived) / TICK))
        said = None if own is None or self._offset is None else own + self._offset - self._pts
        if said is None or not 0 < said <= since + _LEAP:
            self.retimed += self._arrived is not None and not (said is None and own is not None)
            said = since
            self._offset = None if own is None else self._pts + said - own
        self._pts += said
        self._arrived = arrived
        return self._pts

    def restart(self) -> None:
        """The source's own times start again."""
        self._offset = None


_LEAP = round(1 / TICK)  # ticks; a source may be behind its arrival by any pause of the network, but not ahead of it


def make_info(width: int, height: int, codec: str, rate: Fraction | None) -> VideoInfo:
    """Of pictures that came as BGR and were never stored: what a file of them is to say follows the rule of video/color.py."""
    return VideoInfo(
        width=width,
        height=height,
        time_base=TICK,
        average_rate=rate,
        frames=None,
        duration=None,
        color=assumed_tags(width, height),
        color_assumed=(),
        codec=codec,
        pixel_format="bgr24",
        bit_depth=8,
        container="none",
    )
