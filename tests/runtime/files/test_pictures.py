"""Picture files: what is read comes as it is or not at all, what is written is whole or not there."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import pytest

from runtime.errors import PictureError
from runtime.files.pictures import DESCRIBED_SUFFIXES, PICTURE_SUFFIXES, left_behind, list_pictures, read_picture, write_picture
from runtime.picture import Picture
from tests.support.files import full_disk

# Orientation 6, as a phone held upright writes it: a JPEG's APP1 segment with a TIFF header and one entry.
_TIFF = b"MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00"
_EXIF = b"\xff\xe1" + (len(_TIFF) + 8).to_bytes(2, "big") + b"Exif\x00\x00" + _TIFF


def picture(height: int = 24, width: int = 32) -> Picture:
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows * 5, columns * 5, rows + columns], axis=2).astype(np.uint8)


def coded(image: np.ndarray, suffix: str = ".png") -> bytes:
    return cv2.imencode(suffix, image)[1].tobytes()


def noise() -> Picture:
    return np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)


def _torn_jpeg() -> bytes:
    jpeg = coded(noise(), ".jpg")
    return jpeg[: len(jpeg) // 2] + b"\xff\xd9"  # with an end marker, as tools that save what is left put it there


def one_line(error: pytest.ExceptionInfo[PictureError], path: Path) -> str:
    message = str(error.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tiff", ".PNG"])
def test_lossless_pictures_come_back_as_they_were(tmp_path: Path, suffix: str) -> None:
    write_picture(tmp_path / f"a{suffix}", picture())
    assert np.array_equal(read_picture(tmp_path / f"a{suffix}"), picture())


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_lossy_pictures_keep_their_channel_order(tmp_path: Path, suffix: str) -> None:
    write_picture(tmp_path / f"a{suffix}", np.full((16, 16, 3), (200, 100, 20), np.uint8))
    assert np.abs(read_picture(tmp_path / f"a{suffix}").mean((0, 1)) - (200, 100, 20)).max() < 4


def test_several_pages_are_refused(tmp_path: Path) -> None:
    (tmp_path / "scan.tif").write_bytes(cv2.imencodemulti(".tiff", [picture(), picture()])[1].tobytes())
    with pytest.raises(PictureError, match="several pages") as error:
        read_picture(tmp_path / "scan.tif")
    one_line(error, tmp_path / "scan.tif")


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_what_is_left_behind_is_known(tmp_path: Path, suffix: str) -> None:
    beside = {cv2.IMAGE_METADATA_EXIF: _TIFF, cv2.IMAGE_METADATA_ICCP: bytes(200)}
    chunks = [np.frombuffer(chunk, np.uint8) for chunk in beside.values()]
    (tmp_path / f"a{suffix}").write_bytes(cv2.imencodeWithMetadata(suffix, picture(), list(beside), chunks)[1].tobytes())
    assert left_behind(tmp_path / f"a{suffix}") == ("what the camera noted (EXIF)", "the colour profile (ICC)")
    write_picture(tmp_path / f"b{suffix}", read_picture(tmp_path / f"a{suffix}"))
    assert left_behind(tmp_path / f"b{suffix}") == ()


def test_a_picture_is_turned_upright(tmp_path: Path) -> None:
    jpeg = coded(picture(24, 32), ".jpg")
    (tmp_path / "phone.jpg").write_bytes(jpeg[:2] + _EXIF + jpeg[2:])
    (tmp_path / "plain.jpg").write_bytes(jpeg)
    upright = read_picture(tmp_path / "phone.jpg")
    assert upright.shape == (32, 24, 3)
    assert np.array_equal(upright, np.rot90(read_picture(tmp_path / "plain.jpg"), -1))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(_torn_jpeg(), "this one is damaged (Corrupt JPEG data: premature end of data segment)", id="jpeg without its end"),
        pytest.param(b"", "the file is empty", id="zero bytes"),
        pytest.param(b"not a picture at all", "something else, damaged or cut off", id="text"),
        pytest.param(coded(picture())[:-30], "something else, damaged or cut off", id="cut off"),
        pytest.param(coded(picture(200, 200), ".jpg")[:900], "something else, damaged or cut off", id="cut off jpeg"),
        pytest.param(coded(picture().astype(np.uint16) * 256), "expected 8 bits a channel, got 16", id="16 bits"),
        pytest.param(coded(picture()[:, :, 0]), "got a grey picture", id="grey"),
        pytest.param(coded(picture()[:, :, 0], ".jpg"), "got a grey picture", id="grey jpeg"),
        pytest.param(coded(np.dstack([picture(), picture()[:, :, 0]])), "got a picture with alpha", id="alpha"),
        pytest.param(coded(picture(1, 1)), "at least 16×16 pixels, got 1×1", id="1×1"),
        pytest.param(coded(picture(15, 40)), "at least 16×16 pixels, got 40×15", id="too low"),
    ],
)
def test_what_is_no_colour_picture_is_refused(tmp_path: Path, content: bytes, expected: str) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(PictureError) as error:
        read_picture(path)
    assert expected in one_line(error, path)


def test_opencv_adds_no_lines_of_its_own(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for suffix in (".jpg", ".png"):
        (tmp_path / f"a{suffix}").write_bytes(coded(picture(200, 200), suffix)[:900])
        with pytest.raises(PictureError):
            read_picture(tmp_path / f"a{suffix}")
    assert capfd.readouterr().err == ""


def flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1 :]


def test_no_flipped_bit_of_a_png_goes_by_unseen(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    png, path = coded(noise()), tmp_path / "a.png"
    for at in range(0, len(png) - 12, 97):  # the last twelve end the file; no pixel hangs on them
        path.write_bytes(flipped(png, at))
        with pytest.raises(PictureError) as error:
            read_picture(path)
        one_line(error, path)
    assert capfd.readouterr().err == ""


def test_a_jpeg_that_its_decoder_had_to_patch_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A JPEG has no checksum: what is still a valid stream of symbols after a flip cannot be told from another picture."""
    jpeg, path = coded(noise(), ".jpg"), tmp_path / "a.jpg"
    refused, changed = 0, range(len(jpeg) // 3, len(jpeg) - 2, 41)
    for at in changed:
        path.write_bytes(flipped(jpeg, at))
        with suppress(PictureError):
            read_picture(path)
            continue
        refused += 1
    assert refused > len(changed) / 4
    assert capfd.readouterr().err == ""


def test_reading_needs_no_place_to_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").write_bytes(coded(picture()))
    monkeypatch.setattr(tempfile, "tempdir", "/proc")
    assert np.array_equal(read_picture(tmp_path / "a.png"), picture())


def test_what_others_say_while_a_picture_is_read_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    decode = cv2.imdecode

    def busy(content: np.ndarray, mode: int) -> np.ndarray:
        os.write(2, b"from another thread\n")
        return np.asarray(decode(content, mode))

    monkeypatch.setattr(cv2, "imdecode", busy)
    (tmp_path / "a.png").write_bytes(coded(picture()))
    assert np.array_equal(read_picture(tmp_path / "a.png"), picture())
    assert capfd.readouterr().err == "from another thread\n" * 2, "it is read twice"


def test_pictures_read_on_several_threads_do_not_hear_each_other(tmp_path: Path) -> None:
    whole, torn = tmp_path / "whole.jpg", tmp_path / "torn.jpg"
    whole.write_bytes(coded(noise(), ".jpg"))
    torn.write_bytes(_torn_jpeg())

    def fine(path: Path) -> bool:
        try:
            read_picture(path)
        except PictureError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(fine, [whole, torn] * 40)) == [True, False] * 40


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "none.png", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(PictureError, match=reason):
            read_picture(path)


def _under_a_file(folder: Path) -> Path:
    (folder / "file").write_text("")
    return folder / "file" / "a.png"


def _a_folder(folder: Path) -> Path:
    (folder / "a.png").mkdir()
    return folder / "a.png"


def _in_no_folder(folder: Path) -> Path:
    return folder / "none" / "a.png"


@pytest.mark.parametrize("place", [_in_no_folder, _under_a_file, _a_folder])
def test_a_place_that_cannot_be_written(tmp_path: Path, place: Callable[[Path], Path]) -> None:
    path = place(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(PictureError) as error:
        write_picture(path, picture())
    assert "cannot be written" in one_line(error, path)
    assert sorted(tmp_path.rglob("*")) == before


def test_words_beside_the_pixels(tmp_path: Path) -> None:
    for suffix in sorted(PICTURE_SUFFIXES):
        plain, described = tmp_path / f"plain{suffix}", tmp_path / f"described{suffix}"
        write_picture(plain, picture())
        write_picture(described, picture(), "Restored, Größe 2")
        assert np.array_equal(read_picture(described), read_picture(plain)), "nothing of the picture, nor its way up, is changed"
        _, kinds, chunks = cv2.imdecodeWithMetadata(np.fromfile(described, np.uint8), cv2.IMREAD_COLOR)
        assert (list(kinds) == [cv2.IMAGE_METADATA_EXIF]) is (suffix in DESCRIBED_SUFFIXES)
        assert all(bytes(chunk).endswith("Restored, Größe 2\0".encode()) for chunk in chunks)


def test_a_picture_that_does_not_fit_leaves_the_old_one_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.bmp"
    write_picture(path, picture())
    with full_disk(1000), pytest.raises(PictureError, match="cannot be written"):
        write_picture(path, picture(64, 64))
    assert np.array_equal(read_picture(path), picture())
    assert list(tmp_path.iterdir()) == [path]


def test_a_disk_that_is_full_only_in_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(PictureError, match="No space left on device"):
        write_picture(tmp_path / "a.png", picture())
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_picture(tmp_path / "a.png", picture())
    assert list(tmp_path.iterdir()) == []


def test_what_no_picture_format_can_hold(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for name, image in (("a.webp", picture(16, 17000)), ("a.png", picture()[:0]), ("a.gif", picture()), ("a", picture())):
        with pytest.raises(PictureError) as error:
            write_picture(tmp_path / name, image)
        one_line(error, tmp_path / name)
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr().err == ""


def test_the_pictures_of_a_folder_by_name(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.png", ".hidden.png", "notes.txt", "c.tif"):
        (tmp_path / name).write_text("")
    (tmp_path / "folder.png").mkdir()
    assert [path.name for path in list_pictures(tmp_path)] == ["a.png", "b.JPG", "c.tif"]


def test_a_folder_without_pictures_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("")
    reasons = {"": "none in this folder", "none": "No such file", "notes.txt": "Not a directory"}
    for name, reason in reasons.items():
        with pytest.raises(PictureError, match=reason):
            list_pictures(tmp_path / name)
