"""What is said of a video or a picture that was restored. Does not know how it was done."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from video.files.ends import FrameSink, VideoSource
from video.finish.flicker import FlickerScore


@dataclass(frozen=True)
class VideoReport:
    source: str
    target: str
    width: int
    height: int
    frames: int
    seconds: float
    fps: float
    strength: float
    source_fps: float | None
    kept_up: bool | None  # at least as fast as it plays; None where the source has no rate
    model: str
    backend: str  # which and why, in words
    stages: dict[str, dict[str, float]]  # StageTimes.as_dict()
    notes: tuple[str, ...]  # what a careful person wants to know of this file: assumed colours, damage, rounding
    flicker_reduced: bool
    flicker: FlickerScore | None  # None unless it was asked for, and there were frames to compare

    def as_dict(self) -> dict[str, Any]:
        facts = dataclasses.asdict(self)
        facts["steady"] = facts.pop("flicker_reduced")  # the key of earlier reports, which scripts read
        return facts


@dataclass(frozen=True)
class PictureReport:
    source: str
    target: str
    width: int
    height: int
    seconds: float
    strength: float
    model: str
    backend: str
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def notes_of(source: VideoSource, sink: FrameSink) -> tuple[str, ...]:
    info, notes = source.info, []
    if source.options.assume is not None and not info.color_assumed:
        notes.append("the source says all of its colour; nothing was assumed")
    if info.color_assumed:
        notes.append(f"the source does not say its colour {', '.join(info.color_assumed)}: {info.color.matrix.name} was assumed")
    if info.bit_depth > 8:
        notes.append(f"the source has {info.bit_depth} bits a channel; it was restored at 8")
    if info.interlaced:
        notes.append("the source is interlaced; it was restored as it is stored, without deinterlacing (--deinterlace)")
    if source.deinterlaced:
        notes.append(f"{source.deinterlaced} frames were interlaced in the source; they were deinterlaced before they were restored")
    elif source.options.deinterlace:
        notes.append("no frame of the source is marked as interlaced; nothing was deinterlaced")
    if source.further_videos:
        plural = "s were copied as they are" if source.further_videos > 1 else " was copied as it is"
        notes.append(f"{source.further_videos} further video stream{plural}: only the first is restored")
    notes.extend(source.damage.words())
    if sink.rounded:
        notes.append(f"the times of {sink.rounded} frames were rounded: {sink.rounding}")
    if sink.retimed:
        notes.append(f"{sink.retimed} packets of sound or subtitles shared their time with the one before and were moved by a tick")
    if sink.left_out:
        notes.append(f"not carried over: {', '.join(sink.left_out)}")
    return tuple(notes)
