"""Owns what is done to restored frames in their order before they are written: steadying and measuring. Knows nothing of files."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from runtime.backend import Picture
from runtime.timing import StageTimes
from video.flicker import Flicker, FlickerMeter
from video.frame import Frame
from video.steady import Steadier


@dataclass(frozen=True)
class FinishOptions:
    steady: bool = False  # lowers PSNR where a camera drives in dry weather: docs/steady.md
    flicker: bool = False  # measure it; that takes twice as long as steadying


class Finish:
    """The last step of a video's frames. `keep` each source frame, from any thread; then call it with each restored one, in order.

    Stage times are taken as "steady" and "flicker".
    """

    def __init__(self, options: FinishOptions, times: StageTimes) -> None:
        self.options = options
        self._times = times
        self._steadier = Steadier() if options.steady else None
        self._meter = FlickerMeter() if options.flicker else None
        self._sources: dict[int, Picture] = {}  # by index; of the frames that are on their way

    def keep(self, source: Frame) -> None:
        if self._meter is not None:
            self._sources[source.index] = source.image

    def __call__(self, restored: Frame) -> Frame:
        if self._steadier is not None:
            with self._times.stage("steady"):
                restored = dataclasses.replace(restored, image=self._steadier(restored.image))
        if self._meter is not None:
            with self._times.stage("flicker"):
                self._meter.add(self._sources.pop(restored.index), restored.image)
        return restored

    def restart(self) -> None:
        """Where a segment begins: its frames come out as if nothing had been before. The score leaves out the pair across the border."""
        for part in (self._steadier, self._meter):
            if part is not None:
                part.restart()

    def flicker(self) -> Flicker | None:
        """None where it was not asked for, or no two frames could be compared."""
        return None if self._meter is None else self._meter.score()
