"""What is done to restored frames in their order before they are written: flicker reduction, strength, measuring. Does not know files."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from runtime.restorer import Restored
from runtime.timing import StageTimes
from video.finish.flicker import FlickerMeter, FlickerScore
from video.finish.flicker_reduction import FlickerReducer
from video.finish.strength import apply_strength, check_strength


@dataclass(frozen=True)
class FinishOptions:
    strength: float = 1.0  # of the restored picture: video/finish/strength.py
    reduce_flicker: bool = False  # lowers PSNR where a camera drives in dry weather: docs/flicker.md
    flicker: bool = False  # measure it; that takes twice as long as reducing it

    def __post_init__(self) -> None:
        check_strength(self.strength)


class FrameFinisher:
    """The last step of a video's frames: called with each restored one, in order. Flicker goes first: it is the network's.

    Stage times are taken as "steady" (flicker reduction; the name is that of earlier reports) and "flicker" (measuring it).
    """

    def __init__(self, options: FinishOptions, times: StageTimes) -> None:
        self.options = options
        self._times = times
        self._reducer = FlickerReducer() if options.reduce_flicker else None
        self._meter = FlickerMeter() if options.flicker else None

    def __call__(self, restored: Restored) -> Restored:
        if self._reducer is not None:
            with self._times.stage("steady"):
                restored = dataclasses.replace(restored, image=self._reducer(restored.image))
        restored = apply_strength(restored, self.options.strength)
        if self._meter is not None:
            with self._times.stage("flicker"):
                self._meter.add(restored.source, restored.image)
        return restored

    def restart(self) -> None:
        """Where a segment begins: its frames come out as if nothing had been before. The score leaves out the pair across the border."""
        for part in (self._reducer, self._meter):
            if part is not None:
                part.restart()

    def flicker(self) -> FlickerScore | None:
        """None where it was not asked for, or no two frames could be compared."""
        return None if self._meter is None else self._meter.score()
