"""How many bytes a video file says that it has, where it does: a copy that was cut short shows at once. Does not know decoding.

AVI and Matroska write their length in front when they are finished. FFmpeg reads on to wherever such a file ends and takes that for its
end. (MP4 has an index, which is compared with what came; streams say nothing.)
"""

from __future__ import annotations

FRONT = 4096  # bytes; both lengths stand in them
_RIFF_UNKNOWN = frozenset({0x7FFFFFFF, 0xFFFFFFFF})  # of recordings that were never finished
_RIFF_MORE = 8  # some recorders count the eight bytes before the length too
_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"


def missing_bytes(start: bytes, size: int) -> int:
    """How many the file lacks of what its first FRONT bytes announce; 0 where they announce nothing."""
    return max(0, _announced(start, size) - size)


def _announced(start: bytes, size: int) -> int:
    if start[:4] == b"RIFF" and start[8:12] == b"AVI ":
        length = int.from_bytes(start[4:8], "little")
        return size if length in _RIFF_UNKNOWN or 8 + length <= size + _RIFF_MORE else 8 + length
    if start[:4] != _EBML:
        return size
    header = _element(start, 4)
    if header is None:
        return size
    at = sum(header)
    segment = _element(start, at + 4) if start[at : at + 4] == _SEGMENT else None
    return size if segment is None else sum(segment)


def _element(start: bytes, at: int) -> tuple[int, int] | None:
    """Where the content of an EBML element begins whose length stands at `at`, and how long it is; None where it does not say."""
    if at >= len(start) or not start[at]:
        return None
    width = 9 - start[at].bit_length()  # the number of leading zeros of its first byte tells how many bytes follow
    bits = 7 * width
    length = int.from_bytes(start[at : at + width], "big") & ((1 << bits) - 1)
    return None if length == (1 << bits) - 1 else (at + width, length)
