"""Reads numbered pictures as a video. Does not know networks or what is written."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from types import TracebackType

from runtime.errors import SourceError, UsageError, needs_extra
from runtime.files.pictures import read_picture
from runtime.picture import Picture
from video.color import read_color
from video.files.numbered import NumberedPictures
from video.files.reading import ReadOptions
from video.files.sources.damage import Damage
from video.frame import Frame, VideoInfo

with needs_extra("cpu"):
    import av


class SequenceSource:
    """frames/%05d.png, from the least number that is there, one after the other, at the rate that is asked for."""

    further_videos = 0
    deinterlaced = 0
    other_kinds = ()
    copy_from = None

    def __init__(self, path: Path, options: ReadOptions) -> None:
        numbered = NumberedPictures.parse(path)
        if numbered is None:
            raise UsageError(f"{path}: expected a name with a number in it, got one without; write it like frames/%05d.png")
        self._rate = options.rate_of(path)
        numbers = numbered.there()
        if not numbers:
            raise SourceError(f"{path}: expected numbered pictures, got none; check the folder and the name")
        for number, following in itertools.pairwise(numbers):
            if following != number + 1:
                raise SourceError(
                    f"{numbered.path(number + 1)}: expected every number from {numbers[0]} to {numbers[-1]}, got no file for this one; "
                    "copy it again, or number the pictures anew"
                )
        self.path = path
        self.options = options
        self.damage = Damage()
        self.first_number = numbers[0]
        self._skipped = 0
        self._files = [numbered.path(number) for number in numbers]
        self.info = self._describe(read_picture(self._files[0]))

    def _describe(self, first: Picture) -> VideoInfo:
        height, width = first.shape[:2]
        color, assumed = read_color(av.VideoFrame(width, height, "bgr24"), self.options.assume)
        return VideoInfo(
            width=width,
            height=height,
            time_base=1 / self._rate,
            average_rate=self._rate,
            frames=len(self._files),
            duration=len(self._files) / self._rate,
            color=color,
            color_assumed=assumed,
            codec=self.path.suffix[1:].lower(),
            pixel_format="bgr24",
            bit_depth=8,
            container="pictures",
        )

    def skip(self, done: Sequence[Fraction]) -> Iterator[None]:
        """The first ones, which were `done` before: they are not even looked at."""
        self._skipped = len(done)
        yield

    def __iter__(self) -> Iterator[Frame]:
        for index, path in itertools.islice(enumerate(self._files), self._skipped, None):
            picture = read_picture(path)
            if picture.shape != (self.info.height, self.info.width, 3):
                expected = f"{self.info.width}×{self.info.height}"
                raise SourceError(f"{path}: expected {expected} throughout, got {picture.shape[1]}×{picture.shape[0]}; take it out")
            yield Frame(index, index, self.info.time_base, picture, 1)

    def __enter__(self) -> SequenceSource:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        pass  # no file is open between two pictures
