"""What is done to restored frames in their order before they are written: flicker reduction, strength, measuring. Does not know files."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from runtime.restorer import Restored
from runtime.timing import StageTimes
from video.finish.flicker import Flicker, FlickerMeter
from video.finish.flicker_reduction import Steadier
from video.finish.strength import at_strength, check_strength


@dataclass(frozen=True)
class FinishOptions:
    strength: float = 1.0  # of the restored picture: video/finish/strength.py
    steady: bool = False  # lowers PSNR where a camera drives in dry weather: docs/flicker.md
    flicker: bool = False  # measure it; that takes twice as long as steadying

    def __post_init__(self) -> None:
        check_strength(self.strength)


class Finish:
    """The last step of a video's frames: called with each restored one, in order; steadied first, for it is the network that flickers.

    Stage times are taken as "steady" and "flicker".
    """

    def __init__(self, options: FinishOptions, times: StageTimes) -> None:
        self.options = options
        self._times = times
        self._steadier = Steadier() if options.steady else None
        self._meter = FlickerMeter() if options.flicker else None

    def __call__(self, restored: Restored) -> Restored:
        if self._steadier is not None:
            with self._times.stage("steady"):
                restored = dataclasses.replace(restored, image=self._steadier(restored.image))
        restored = at_strength(restored, self.options.strength)
        if self._meter is not None:
            with self._times.stage("flicker"):
                self._meter.add(restored.source, restored.image)
        return restored

    def restart(self) -> None:
        """Where a segment begins: its frames come out as if nothing had been before. The score leaves out the pair across the border."""
        for part in (self._steadier, self._meter):
            if part is not None:
                part.restart()

    def flicker(self) -> Flicker | None:
        """None where it was not asked for, or no two frames could be compared."""
        return None if self._meter is None else self._meter.score()
