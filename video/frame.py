"""What a frame and a video are while they are on their way. Does not know files, codecs or networks.

Time is rational: a frame is shown at `pts * time_base` seconds, exactly, and nothing here ever rounds it to a frame rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from runtime.picture import Picture
from video.color import ColorTags


@dataclass(frozen=True)
class Frame:
    """One picture and when it is shown."""

    index: int  # 0, 1, 2, … in the order of showing
    pts: int  # in ticks of time_base; strictly rising within a video
    time_base: Fraction  # seconds a tick
    image: Picture  # [H, W, 3] BGR; belongs to the frame
    duration: int = 0  # in ticks; 0 where the source does not say
    begins: bool = False  # a segment, of which nothing may depend on what was before: video/files/segments.py

    @property
    def time(self) -> Fraction:
        return self.pts * self.time_base


@dataclass(frozen=True)
class VideoInfo:
    """What a source says of itself before the first frame is restored, and what a sink needs to make a like one."""

    width: int
    height: int
    time_base: Fraction
    average_rate: Fraction | None  # frames a second, for encoders and progress bars only; frames carry their own times
    frames: int | None  # announced by the container, or reckoned from duration and rate; None where neither is known
    duration: Fraction | None  # seconds
    color: ColorTags
    color_assumed: tuple[str, ...]  # the fields of `color` that the source left out and the rule in video/color.py filled
    codec: str
    pixel_format: str  # as stored: "yuv420p", "yuv422p10le", "gbrp"
    bit_depth: int
    container: str  # FFmpeg's name of the format: "mov,mp4,m4a,3gp,3g2,mj2"
    sample_aspect_ratio: Fraction | None = None
    display_matrix: tuple[int, ...] | None = None  # nine fixed-point numbers; pictures stay as stored, players turn them
    interlaced: bool = False
    has_audio: bool = False
