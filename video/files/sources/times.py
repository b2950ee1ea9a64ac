"""The times at which a file's frames are shown, which rise whatever the file says. Does not know packets or decoding."""

from __future__ import annotations

from collections import deque
from fractions import Fraction
from pathlib import Path

from runtime.errors import SourceError, needs_extra
from video.files.sources.damage import Damage

with needs_extra("cpu"):
    import av

_JUMP_BACK_S = 1  # less is a disorder of the recorder's, more is another recording


class FrameTimes:
    """In ticks of `time_base`. Where a container holds the `order_only`, its packets' decoding times are its frames', one after another."""

    def __init__(self, path: Path, time_base: Fraction, damage: Damage, *, order_only: bool) -> None:
        self.rate: Fraction | None = None  # frames a second, once it is known
        self._path, self._time_base, self._damage = path, time_base, damage
        self._order_only = order_only
        self._decoding: deque[int | None] = deque()  # of the packets whose frames have not come yet
        self._last: int | None = None

    def sent(self, decoding: int | None) -> None:
        """A packet went to the decoder."""
        if self._order_only:
            self._decoding.append(decoding)

    def lost(self) -> None:
        """No frame will come for the last packet."""
        if self._decoding:
            self._decoding.pop()

    def of(self, decoded: av.VideoFrame, following: av.VideoFrame | None) -> int:
        """Of each frame in the order of showing, once; it is judged by its neighbours."""
        self._last = self._after(self._last, decoded, None if following is None else following.pts)
        return self._last

    def _after(self, last: int | None, decoded: av.VideoFrame, following: int | None) -> int:
        pts = decoded.pts if decoded.pts is not None else decoded.dts
        if self._decoding:
            pts = self._decoding.popleft()  # the n-th frame to be shown has the n-th time
        elif last is not None and pts is not None and following is not None and self._astray(last, pts, following):
            self._count(last)
            return (last + following) // 2
        if pts is not None and (last is None or pts > last):
            return pts
        if pts is not None and last is not None and (last - pts) * self._time_base > _JUMP_BACK_S:
            raise SourceError(
                f"{self._path}: expected times that rise, got a jump back from {float(last * self._time_base):.2f} s to "
                f"{float(pts * self._time_base):.2f} s, as in files joined end to end; "
                "make them one first: ffmpeg -fflags +genpts -i IN -c copy OUT.mkv"
            )
        self._count(last)
        if last is None:
            return 0
        step = int(1 / (self.rate * self._time_base)) if pts is None and self.rate else 1
        return last + max(1, step)

    def _astray(self, last: int, pts: int, following: int) -> bool:
        """Far from both its neighbours, which are near each other: one flipped bit, and not a pause or another recording."""
        far = _JUMP_BACK_S / self._time_base
        return last + 1 < following <= last + far and (pts < last - far or pts > following + far)

    def _count(self, last: int | None) -> None:
        self._damage.retimed += 1
        if last is not None:
            self._damage.note(last * self._time_base)
