"""Owns picture files: 8-bit colour in, 8-bit colour out, whole or not at all; knows nothing of models.

What would have to be converted is refused instead, with the command that converts it: a 16-bit picture cut down to 8 bits in
silence is how evidence is lost.
"""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np

from runtime.backend import Picture
from runtime.errors import PictureError
from runtime.manifest import MINIMUM_SIDE

PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"})


def read_picture(path: Path) -> Picture:
    """uint8 [H, W, 3] BGR, turned upright by its EXIF tag."""
    try:
        coded = np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise PictureError(f"{path}: a picture was expected, it cannot be read ({error.strerror or error})") from error
    if coded.size == 0:
        raise PictureError(f"{path}: a picture was expected, the file is empty; copy it again")
    try:
        stored = cv2.imdecode(coded, cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise PictureError(f"{path}: a picture was expected, it cannot be decoded ({error.err})") from error
    if stored is None:
        raise PictureError(f"{path}: a picture ({', '.join(sorted(PICTURE_SUFFIXES))}) was expected, this is something else or damaged")
    _refuse_other_formats(path, stored)
    upright = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    return np.asarray(upright, np.uint8)


def _refuse_other_formats(path: Path, stored: np.ndarray) -> None:
    convert = f"convert it first: ffmpeg -i {path.name} -pix_fmt rgb24 converted.png"
    if stored.dtype != np.uint8:
        raise PictureError(f"{path}: 8 bits a channel were expected, {stored.dtype.itemsize * 8} came; {convert}")
    channels = 1 if stored.ndim == 2 else stored.shape[2]
    if channels != 3:
        came = {1: "a grey picture", 4: "a picture with alpha"}.get(channels, f"{channels} channels")
        raise PictureError(f"{path}: three colour channels were expected, {came} came; {convert}")
    if min(stored.shape[:2]) < MINIMUM_SIDE:
        raise PictureError(f"{path}: at least {MINIMUM_SIDE}×{MINIMUM_SIDE} pixels were expected, {stored.shape[1]}×{stored.shape[0]} came")


def write_picture(path: Path, picture: Picture) -> None:
    """All or nothing: the final name appears only when every byte is on disk."""
    if path.suffix.lower() not in PICTURE_SUFFIXES:
        raise PictureError(f"{path}: the name must end in one of {', '.join(sorted(PICTURE_SUFFIXES))}")
    _, coded = cv2.imencode(path.suffix, picture)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(coded.tobytes())
        temporary.replace(path)
    except OSError as error:
        raise PictureError(f"{path}: cannot be written ({error.strerror or error}); nothing was left under that name") from error
    finally:
        temporary.unlink(missing_ok=True)


def list_pictures(folder: Path) -> list[Path]:
    """By name. A folder without a picture is an error: it is never what was meant."""
    if not folder.is_dir():
        raise PictureError(f"{folder}: a folder of pictures was expected, {'a file' if folder.exists() else 'nothing'} is there")
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)
    if not found:
        raise PictureError(f"{folder}: no picture in it ({', '.join(sorted(PICTURE_SUFFIXES))})")
    return found
