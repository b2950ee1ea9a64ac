"""What may be asked of an encoder and how it is opened. Does not know files or where pictures come from."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from runtime.errors import SinkError, UsageError, needs_extra
from video.files.encoders import ENCODERS, PRESETS, Encoder
from video.frame import VideoInfo

with needs_extra("cpu"):
    from av.codec.codec import Codec, UnknownCodecError
    from av.error import FFmpegError
    from av.video.codeccontext import VideoCodecContext
    from av.video.format import VideoFormat

QUALITY = 60
# 720p with heavy rain at x264's crf 20, CPU a frame and file: ultrafast 6.3 ms, 15.2 MB; superfast 12.8 ms, 10.5 MB; veryfast 21.4 ms,
# 9.1 MB, at the same PSNR (35.5–35.7 dB). Beside a network on two cores the encoder's time is the network's loss.
PRESET = "superfast"


@dataclass(frozen=True)
class EncodeOptions:
    """How to encode. `quality` is 0 to 100 for every encoder, 100 its best; `preset` is how much time it takes to make the file small."""

    encoder: str = "h264"
    quality: int | None = None  # None: QUALITY, or the only one that the encoder knows
    preset: str | None = None  # None: PRESET, or the encoder's own where it knows none of PRESETS

    def __post_init__(self) -> None:
        if self.encoder not in ENCODERS:
            raise UsageError(f"encoder: expected one of {', '.join(ENCODERS)}, got {self.encoder!r}; leave it out for h264")
        if self.quality is not None and not 0 <= self.quality <= 100:
            raise UsageError(f"quality: expected 0 to 100 (the encoder's best), got {self.quality}; leave it out for {QUALITY}")
        if self.quality is not None and not self.facts.scale:
            raise UsageError(f"quality: expected none with {self.encoder}, which is always lossless, got {self.quality}; leave it out")
        if self.preset is not None and self.preset not in PRESETS:
            raise UsageError(f"preset: expected one of {', '.join(PRESETS)}, got {self.preset!r}; leave it out for {PRESET}")
        if self.preset is not None and not self.facts.presets:
            raise UsageError(f"preset: expected none with {self.encoder}, got {self.preset!r}; leave it out")

    @property
    def facts(self) -> Encoder:
        return ENCODERS[self.encoder]

    @property
    def lossless(self) -> bool:
        return not self.facts.scale or (self.quality == 100 and self.facts.lossless is not None)

    def describe(self) -> str:
        """For reports: h264 superfast, quality 60."""
        preset = f" {self.preset or PRESET}" if self.facts.presets else ""
        quality = "lossless" if self.lossless else f"quality {QUALITY if self.quality is None else self.quality}"
        return f"{self.encoder}{preset}, {quality}"

    def settings(self) -> dict[str, str]:
        """The options in FFmpeg's words."""
        facts = self.facts
        settings = facts.settings | ({"preset": facts.presets[self.preset or PRESET]} if facts.presets else {})
        if self.lossless:
            return settings | (facts.lossless or {})
        quality = QUALITY if self.quality is None else self.quality
        number = float(np.interp(quality, np.linspace(0, 100, len(facts.scale)), facts.scale))
        return settings | {name: str(round(number)) if name in _WHOLE else f"{number:g}" for name in facts.number}

    def pixel_format(self, info: VideoInfo) -> str:
        """Lossy video is 4:2:0, which everything plays; lossless files keep the source's chroma. 8 bits always, and ProRes' own 10."""
        usual = self.facts.pixel_formats[0]
        if info.width % 2 or info.height % 2:
            if self.facts.odd_sizes is None:
                size = f"{info.width}×{info.height}"
                raise UsageError(f"{self.encoder}: expected an even width and height, got {size}; use --encoder h264 or ffv1")
            return self.facts.odd_sizes
        kept = chroma_kept(info)
        return kept if self.lossless and kept in self.facts.pixel_formats else usual


_WHOLE = frozenset({"global_quality", "qp_i", "qp_p"})  # the options that take no fractions


def chroma_kept(info: VideoInfo) -> str:
    """The pixel format of 8 bits that keeps what the source has of colour: 4:4:4, 4:2:2 or 4:2:0."""
    source = VideoFormat(info.pixel_format, info.width, info.height)
    if source.is_rgb or source.has_palette:
        return "yuv444p"
    if len(source.components) < 3:  # grey
        return "yuv420p"
    # Rounded up, since half of an odd side is.
    halves = (-(-info.width // source.chroma_width(info.width)), -(-info.height // source.chroma_height(info.height)))
    return {(1, 1): "yuv444p", (2, 1): "yuv422p"}.get(halves, "yuv420p")


def check_encoder(options: EncodeOptions, suffixes: Collection[str]) -> None:
    """That this FFmpeg has it, and that files with these endings can hold it. Whether it opens only opening it shows."""
    facts = options.facts
    for suffix in suffixes:
        if suffix not in facts.containers:
            expected = " or ".join(facts.containers)
            raise UsageError(
                f"{options.encoder}: expected an output name that ends in {expected}, got {suffix}, which cannot hold it; rename the output"
            )
    try:
        Codec(facts.codec, "w")
    except UnknownCodecError as error:
        raise SinkError(f"{options.encoder}: expected an FFmpeg that has {facts.codec}, got one without it; {_instead(facts)}") from error


def open_encoder(context: VideoCodecContext, options: EncodeOptions) -> None:
    """Apart from the container, so that a GPU without an encoder is not blamed on the disk."""
    if options.encoder == "av1":
        os.environ.setdefault("SVT_LOG", "0")  # it writes to standard error past FFmpeg's log, and calls it an error to be given up
    try:
        context.open()
    except FFmpegError as error:
        facts = options.facts
        got = f"{facts.codec}, which does not open here ({error.strerror})"
        raise SinkError(f"{options.encoder}: expected an encoder that works on this machine, got {got}; {_instead(facts)}") from error


def _instead(facts: Encoder) -> str:
    return f"use --encoder {facts.instead}" if facts.instead else "use another --encoder"
