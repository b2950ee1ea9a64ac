"""Which video encoders PyAV has and which of them open on this machine. Does not know files or frames.

PyAV is imported only where this module is run as a program: what an encoder writes while it opens, and what a driver does to it, stays
in that process.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction

from runtime.doctor.child import answer, ask
from runtime.model.strict_json import decode

_FORMATS = ("h264", "hevc", "av1")
_SIDE = 256  # pixels; hardware encoders refuse less than about 150
_PATIENCE = 60  # seconds


@dataclass(frozen=True)
class Encoder:
    name: str  # "libx264"
    format: str  # "h264", "hevc" or "av1"
    hardware: bool
    opens: bool  # here


@dataclass(frozen=True)
class Encoders:
    found: tuple[Encoder, ...]
    fault: str  # why PyAV could not be asked; "" where it could


def encoders() -> Encoders:
    asked = ask(__name__, seconds=_PATIENCE)
    return Encoders((), asked.fault) if asked.fault else decode(Encoders, asked.value, "encoders")


def _all() -> tuple[Encoder, ...]:
    from av.codec import Capabilities, Codec, codecs_available
    from av.codec.codec import UnknownCodecError

    on_hardware = int(Capabilities.hardware | Capabilities.hybrid)
    found: dict[str, Encoder] = {}  # by their own names: the list has a second one for some
    for listed in sorted(codecs_available):
        try:
            codec = Codec(listed, "w")
        except UnknownCodecError:  # it only decodes
            continue
        if codec.canonical_name in _FORMATS and codec.name not in found:
            pixels = [pixels.name for pixels in codec.video_formats or ()]
            hardware = bool(codec.capabilities & on_hardware)
            found[codec.name] = Encoder(codec.name, codec.canonical_name, hardware, _opens(codec.name, pixels))
    return tuple(found.values())


def _opens(name: str, pixels: Sequence[str]) -> bool:
    from av import CodecContext, FFmpegError
    from av.video.codeccontext import VideoCodecContext

    context = CodecContext.create(name, "w")
    assert isinstance(context, VideoCodecContext)
    context.width = context.height = _SIDE
    context.time_base = Fraction(1, 25)
    context.pix_fmt = pixels[0] if pixels else "yuv420p"
    try:
        context.open()
    except FFmpegError:
        return False
    return True


if __name__ == "__main__":
    answer(asdict(Encoders(_all(), "")))
