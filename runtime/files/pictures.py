"""Picture files: 8-bit colour in, 8-bit colour out, whole or not at all. Does not know models.

What would have to be converted is refused instead, with the command that converts it: a 16-bit picture cut down to 8 bits in
silence is how evidence is lost. So is a damaged one, as far as its decoder notices: JPEG and PNG mostly do, the others have no checks.
"""

from __future__ import annotations

import os
import struct
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from runtime.errors import PictureError, needs_extra
from runtime.files.atomic import written
from runtime.model.manifest import MINIMUM_SIDE
from runtime.picture import Picture

with needs_extra("cpu"):
    import cv2

PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"})
DESCRIBED_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp"})  # those in which OpenCV writes words
_KINDS = ", ".join(sorted(PICTURE_SUFFIXES))
_LOG_LEVEL = cv2.utils.logging.getLogLevel()
# How libjpeg and libpng begin to say that a part of the picture is made up or missing, and what they say of pictures that are whole.
_DAMAGE = ("Corrupt JPEG data", "Premature end of JPEG file", "Inconsistent progression sequence", "libpng error")
_CHATTER = ("libpng warning", "Invalid SOS parameters", "Unknown Adobe color transform", "Warning: unknown JFIF")
_LISTENING = threading.Lock()
_BESIDE_THE_PIXELS = {
    cv2.IMAGE_METADATA_EXIF: "what the camera noted (EXIF)",
    cv2.IMAGE_METADATA_XMP: "notes of other programs (XMP)",
    cv2.IMAGE_METADATA_ICCP: "the colour profile (ICC)",
}


def read_picture(path: Path, *, grey: bool = False) -> Picture:
    """uint8 [H, W, 3] BGR, turned upright by its EXIF tag. `grey` lets grey pictures pass, as three equal channels."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise PictureError(f"{path}: expected a picture, but it cannot be read ({error.strerror or error}); check the path") from error
    if not content:
        raise PictureError(f"{path}: expected a picture, but the file is empty; copy it again")
    coded = np.frombuffer(content, np.uint8)
    # Twice, since no single mode keeps what must be refused (grey, alpha, 16 bits) and also turns the picture upright.
    _refuse_other_formats(path, _decode(path, coded, cv2.IMREAD_UNCHANGED), grey)
    if content.startswith((b"II", b"MM")):  # TIFF
        _refuse_more_pages(path, coded)
    return np.asarray(_decode(path, coded, cv2.IMREAD_COLOR), np.uint8)


def left_behind(path: Path) -> tuple[str, ...]:
    """What a whole JPEG, PNG or WebP says beside its pixels; write_picture writes none of it. Nothing can be said of TIFF."""
    with _quiet(), _overheard():
        _, kinds, _ = cv2.imdecodeWithMetadata(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_REDUCED_COLOR_8)
    return tuple(name for kind, name in _BESIDE_THE_PIXELS.items() if kind in kinds)


def _decode(path: Path, coded: NDArray[np.uint8], mode: int) -> NDArray[np.generic]:
    try:
        with _quiet(), _overheard() as damage:
            decoded = cv2.imdecode(coded, mode)
    except cv2.error as error:
        raise PictureError(f"{path}: expected a picture, but it cannot be decoded ({error.err}); convert or copy it again") from error
    if decoded is None:
        raise PictureError(f"{path}: expected a whole picture ({_KINDS}), but this is something else, damaged or cut off; copy it again")
    if damage:
        raise PictureError(
            f"{path}: expected a whole picture, but this one is damaged ({damage[0]}); copy it again, "
            f"or save what can be seen of it: ffmpeg -i {path.name} saved.png"
        )
    return decoded


def _refuse_other_formats(path: Path, stored: NDArray[np.generic], grey: bool) -> None:
    convert = f"convert it first: ffmpeg -i {path.name} -pix_fmt rgb24 converted.png"
    channels = 1 if stored.ndim == 2 else stored.shape[2]
    if stored.dtype != np.uint8:
        raise PictureError(f"{path}: expected 8 bits a channel, got {stored.dtype.itemsize * 8}; {convert}")
    if channels != 3 and not (grey and channels == 1):
        came = {1: "a grey picture", 4: "a picture with alpha"}.get(channels, f"{channels} channels")
        raise PictureError(f"{path}: expected three colour channels, got {came}; {convert}")
    if min(stored.shape[:2]) < MINIMUM_SIDE:
        size = f"{stored.shape[1]}×{stored.shape[0]}"
        raise PictureError(f"{path}: expected at least {MINIMUM_SIDE}×{MINIMUM_SIDE} pixels, got {size}; use a larger picture")


def _refuse_more_pages(path: Path, coded: NDArray[np.uint8]) -> None:
    with _quiet(), _overheard():
        second, _ = cv2.imdecodemulti(coded, cv2.IMREAD_UNCHANGED, range=(1, 2))
    if second:
        raise PictureError(
            f"{path}: expected one picture, but this file has several pages; make files of them first: magick {path.name} page-%d.tif"
        )


def write_picture(path: Path, picture: Picture, description: str | None = None) -> None:
    """All or nothing: the name appears only when every byte is on disk, and what lay under it until then stays whole.

    `description` goes into the EXIF of DESCRIBED_SUFFIXES; the other formats leave it out.
    """
    if path.suffix.lower() not in PICTURE_SUFFIXES:
        raise PictureError(f"{path}: expected a name ending in one of {_KINDS}; choose one of them")
    coded = encode_picture(path, picture, description)
    try:
        with written(path) as temporary:
            temporary.write_bytes(coded)
    except OSError as error:
        raise PictureError(f"{path}: cannot be written ({error.strerror or error}); choose another place or make room") from error


def encode_picture(path: Path, picture: Picture, description: str | None = None) -> bytes:
    """As a file of that name has it, without the file."""
    size = "×".join(str(side) for side in picture.shape[1::-1])
    try:
        with _quiet():
            if description is None or path.suffix.lower() not in DESCRIBED_SUFFIXES:
                done, coded = cv2.imencode(path.suffix.lower(), picture)
            else:
                exif = np.frombuffer(_exif(description), np.uint8)
                done, coded = cv2.imencodeWithMetadata(path.suffix.lower(), picture, [cv2.IMAGE_METADATA_EXIF], [exif])
    except cv2.error as error:
        raise PictureError(f"{path}: {size} pixels cannot be written as {path.suffix} ({error.err}); try .png") from error
    if not done:  # WebP ends at 16,383 pixels a side
        raise PictureError(f"{path}: {size} pixels cannot be written as {path.suffix}; try .png")
    return coded.tobytes()


def _exif(description: str) -> bytes:
    """A TIFF header and a directory of one entry, ImageDescription, whose text lies behind it: it is longer than four bytes."""
    text = description.encode() + b"\0"
    ascii_type, offset = 2, 26  # 8 of header, 18 of directory
    return struct.pack(">2sHLHHHLLL", b"MM", 42, 8, 1, 0x010E, ascii_type, len(text), offset, 0) + text


@contextmanager
def _quiet() -> Iterator[None]:
    """OpenCV tells its side on standard error, in several lines; one line of ours says it all.

    The level is OpenCV's own, one for all threads: back it goes to what it was at the start, since what it was a moment ago may
    be another thread's silence.
    """
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(_LOG_LEVEL)


@contextmanager
def _overheard() -> Iterator[list[str]]:
    """What the decoders say of damage, one line an item, complete when the block ends.

    OpenCV hands out a JPEG that was patched as if it were whole: libjpeg's line on standard error is the only sign. So standard error
    is a file for as long as one picture takes, one picture at a time, and what others wrote there meanwhile is passed on.
    """
    damage: list[str] = []
    with _LISTENING, _nowhere_on_disk() as heard:
        stderr = os.dup(2)
        os.dup2(heard.fileno(), 2)
        try:
            yield damage
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            heard.seek(0)
            lines = heard.read().decode(errors="replace").splitlines(keepends=True)
            damage.extend(line.strip() for line in lines if line.startswith(_DAMAGE))
            if others := [line for line in lines if not line.startswith((*_DAMAGE, *_CHATTER))]:
                os.write(2, "".join(others).encode())


def _nowhere_on_disk() -> IO[bytes]:
    """A box may have no folder that can be written, or a full one, and then damage would go by unheard."""
    return open(os.memfd_create("clearway"), "w+b") if sys.platform == "linux" else tempfile.TemporaryFile()


def list_pictures(folder: Path) -> list[Path]:
    """By name, hidden files left out. A folder without a picture is an error: it is never what was meant."""
    try:
        names = sorted(folder.iterdir())
    except OSError as error:
        raise PictureError(f"{folder}: expected a folder of pictures, but it cannot be listed ({error.strerror or error})") from error
    found = [path for path in names if path.suffix.lower() in PICTURE_SUFFIXES and not path.name.startswith(".") and path.is_file()]
    if not found:
        raise PictureError(f"{folder}: expected pictures ({_KINDS}), but there are none in this folder; name another one")
    return found
