"""Names with a number in them: which names those are, and which pictures they stand for."""

from __future__ import annotations

from pathlib import Path

import pytest

from video.files.numbered import NumberedPictures


@pytest.mark.parametrize(
    ("name", "number", "written"),
    [
        ("frames/%05d.png", 7, "frames/00007.png"),
        ("a_%d.jpg", 12, "a_12.jpg"),
        ("%02d", 345, "345"),
        ("[x]%03d(1).png", 5, "[x]005(1).png"),
    ],
)
def test_a_name_and_its_pictures(name: str, number: int, written: str) -> None:
    numbered = NumberedPictures.parse(Path(name))
    assert numbered is not None
    assert numbered.path(number) == Path(written)


@pytest.mark.parametrize("name", ["a.png", "-", "100%.png", "%s.png", "%5d.png", "%d-%d.png", "%05d/a.png", "%%d.png"])
def test_names_of_one_file(name: str) -> None:
    assert NumberedPictures.parse(Path(name)) is None


def test_what_is_there(tmp_path: Path) -> None:
    for name in ("f.08.png", "f.9.png", "f.10.png", "f.100.png", "fx11.png", "f.12.jpg", "f.-1.png"):
        (tmp_path / name).touch()
    (tmp_path / "f.13.png").mkdir()
    numbered = NumberedPictures.parse(tmp_path / "f.%02d.png")
    assert numbered is not None
    assert numbered.there() == [8, 10, 100], "9 without its zero is another name, and a folder is no picture"
    missing = NumberedPictures.parse(tmp_path / "nowhere" / "%d.png")
    assert missing is not None
    assert missing.there() == []
