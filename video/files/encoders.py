"""The table of encoders: our name, FFmpeg's, and what each makes of one number of quality. Does not know files or libraries.

Quality runs from 0 to 100. At h264, 12 more double the size; at the others the same number gives about the same PSNR (docs/restore.md has
the table and how it was measured). 100 is the best that an encoder has: lossless for those that can.
"""

from __future__ import annotations

from dataclasses import dataclass, field

PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow")

_X26X = {name: name for name in PRESETS}
_SVT = dict(zip(PRESETS, ("12", "10", "9", "8", "7", "6", "5", "4", "3"), strict=True))
_ALL_CHROMA = ("yuv420p", "yuv422p", "yuv444p")
_ANY = (".mp4", ".mov", ".mkv")
_NOT_MOV = (".mp4", ".mkv")

# An encoder's own number at quality 0, 10, … 100.
_CRF_H264 = (50, 45, 40, 35, 30, 25, 20, 15, 10, 5, 1)
_CRF_H265 = (50, 48, 43, 37.5, 32, 26.5, 20.5, 15, 9, 3.5, 1)
_CRF_AV1 = (63, 63, 63, 59, 48.5, 34, 16.5, 7.5, 3, 1, 1)
_QUANTISER_PRORES = (64, 64, 64, 64, 64, 55, 30, 15, 7, 1, 1)  # its coarsest is good already
_LAMBDA = 118  # FFmpeg's units in one step of a quantiser


@dataclass(frozen=True)
class Encoder:
    codec: str  # FFmpeg's name
    scale: tuple[float, ...] = ()  # empty: it knows one quality only
    number: tuple[str, ...] = ("crf",)  # the options that take it
    settings: dict[str, str] = field(default_factory=dict)
    lossless: dict[str, str] | None = None  # added in place of the number at quality 100
    presets: dict[str, str] = field(default_factory=dict)  # ours → its own
    containers: tuple[str, ...] = _ANY
    pixel_formats: tuple[str, ...] = ("yuv420p",)  # the usual one, then those in which lossless files keep the source's chroma
    odd_sizes: str | None = None  # the pixel format that keeps an odd width or height; None: even sizes only
    intra: bool = False  # its pictures stand alone: no distance between keyframes to set
    instead: str = ""  # for hardware: the software that every machine has


def _in_steps(quantiser: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(_LAMBDA * step for step in quantiser)


# None of these was measured: no machine of ours has one. Their scales are those of the software for the same format.
def _nvenc(codec: str, scale: tuple[float, ...], instead: str, containers: tuple[str, ...] = _ANY) -> Encoder:
    return Encoder(codec, scale, ("cq",), {"rc": "vbr"}, containers=containers, instead=instead)


def _qsv(codec: str, scale: tuple[float, ...], instead: str) -> Encoder:
    return Encoder(codec, scale, ("global_quality",), pixel_formats=("nv12",), instead=instead)


def _amf(codec: str, scale: tuple[float, ...], instead: str) -> Encoder:
    return Encoder(codec, scale, ("qp_i", "qp_p"), {"rc": "cqp"}, pixel_formats=("nv12",), instead=instead)


def _videotoolbox(codec: str, instead: str) -> Encoder:
    scale = _in_steps((1, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100))  # Apple's own runs from 1 to 100, upwards
    return Encoder(codec, scale, ("global_quality",), {"flags": "+qscale"}, pixel_formats=("nv12",), instead=instead)


ENCODERS = {
    "h264": Encoder("libx264", _CRF_H264, lossless={"crf": "0"}, presets=_X26X, pixel_formats=_ALL_CHROMA, odd_sizes="yuv444p"),
    "h265": Encoder(
        "libx265",
        _CRF_H265,
        settings={"x265-params": "log-level=error"},  # it writes to standard error past FFmpeg's log
        lossless={"x265-params": "log-level=error:lossless=1"},
        presets=_X26X,
        pixel_formats=_ALL_CHROMA,
        odd_sizes="yuv444p",
    ),
    "av1": Encoder("libsvtav1", _CRF_AV1, lossless={"svtav1-params": "lossless=1"}, presets=_SVT, containers=_NOT_MOV),
    "ffv1": Encoder(
        "ffv1", settings={"level": "3", "slicecrc": "1"}, containers=_NOT_MOV, pixel_formats=_ALL_CHROMA, odd_sizes="yuv444p", intra=True
    ),
    "prores": Encoder(
        "prores_ks",
        _in_steps(_QUANTISER_PRORES),
        number=("global_quality",),
        settings={"profile": "hq", "flags": "+qscale"},
        containers=(".mov", ".mkv"),
        pixel_formats=("yuv422p10le",),
        intra=True,
    ),
    "h264-nvenc": _nvenc("h264_nvenc", _CRF_H264, "h264"),
    "h265-nvenc": _nvenc("hevc_nvenc", _CRF_H265, "h265"),
    "av1-nvenc": _nvenc("av1_nvenc", _CRF_AV1, "av1", _NOT_MOV),
    "h264-qsv": _qsv("h264_qsv", _CRF_H264, "h264"),
    "h265-qsv": _qsv("hevc_qsv", _CRF_H265, "h265"),
    "h264-amf": _amf("h264_amf", _CRF_H264, "h264"),
    "h265-amf": _amf("hevc_amf", _CRF_H265, "h265"),
    "h264-videotoolbox": _videotoolbox("h264_videotoolbox", "h264"),
    "h265-videotoolbox": _videotoolbox("hevc_videotoolbox", "h265"),
}
