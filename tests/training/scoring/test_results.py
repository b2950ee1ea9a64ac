"""A folder of results: each answers the truth of its name, and whatever does not fit is named."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from runtime.errors import DataError, PictureError
from runtime.picture import Picture
from tests.support.tiny import make_bundle
from tests.support.training.pictures import drawn
from training.scoring.results import answer_from, is_results, results_in
from training.scoring.trials import Case


def _folder(folder: Path, names: Sequence[str], side: int = 48) -> list[Picture]:
    folder.mkdir()
    pictures = drawn(len(names), side)
    for name, picture in zip(names, pictures, strict=True):
        cv2.imwrite(str(folder / name), picture)
    return pictures


def test_a_folder_is_results_unless_it_is_a_bundle_or_a_shipped_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _folder(tmp_path / "results", ["a.png"])
    assert is_results(str(tmp_path / "results"))
    assert not is_results(str(make_bundle(tmp_path / "bundle")))
    assert not is_results(str(tmp_path / "nowhere"))
    (tmp_path / "derain").mkdir()
    monkeypatch.chdir(tmp_path)
    assert not is_results("derain")
    assert is_results("./derain")


@pytest.mark.parametrize("files", [("1.png", "11.png"), ("Derained-Rain100L-1.png", "Derained-Rain100L-11.png"), ("1.png", "x_11.png")])
def test_results_answer_by_name_whatever_stands_before_it(files: Sequence[str], tmp_path: Path) -> None:
    first, second = _folder(tmp_path / "results", files)
    answer = answer_from(tmp_path / "results", results_in(tmp_path / "results"), ["11", "1"])
    np.testing.assert_array_equal(answer(Case("1", None, first)), first)
    np.testing.assert_array_equal(answer(Case("11", None, second)), second)


def test_the_longer_name_takes_the_result_that_ends_in_both(tmp_path: Path) -> None:
    first, _ = _folder(tmp_path / "results", ["my-rain-1.png", "my-1.png"])
    answer = answer_from(tmp_path / "results", results_in(tmp_path / "results"), ["1", "rain-1"])
    np.testing.assert_array_equal(answer(Case("rain-1", None, first)), first)


@pytest.mark.parametrize(
    ("files", "names", "says"),
    [
        (("a.png",), ("a", "b", "c"), "no result for b, c;"),
        (("a.png", "b.png", "c.png"), ("a",), "no truth for b.png, c.png;"),
        (("a.png", "x.png"), ("a", "b"), "no result for b and no truth for x.png;"),
        (("0.png",), tuple("0abcdef"), "no result for a, b, c and 3 more;"),
        (("a.png", "a.bmp"), ("a",), "a.bmp and a.png have one name"),
        (("a.png",), ("a", "a"), "two pictures called a"),
    ],
)
def test_what_does_not_fit_is_named(files: Sequence[str], names: Sequence[str], says: str, tmp_path: Path) -> None:
    _folder(tmp_path / "results", files)
    with pytest.raises(DataError, match=says):
        answer_from(tmp_path / "results", results_in(tmp_path / "results"), names)


def test_an_empty_folder_is_neither_results_nor_a_bundle(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"bundle \(with manifest.json\) or a folder of results"):
        results_in(tmp_path)


def test_a_result_has_the_size_of_its_truth(tmp_path: Path) -> None:
    _folder(tmp_path / "results", ["a.png"])
    truth = drawn(1, 40)[0]
    with pytest.raises(DataError, match=r"a\.png: expected 48×40 pixels, as its truth has, got 56×48"):
        answer_from(tmp_path / "results", results_in(tmp_path / "results"), ["a"])(Case("a", None, truth))


def test_a_result_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    truth, _ = _folder(tmp_path / "results", ["a.png", "b.png"])
    (tmp_path / "results" / "b.png").write_bytes(b"half a picture")
    answer = answer_from(tmp_path / "results", results_in(tmp_path / "results"), ["a", "b"])
    answer(Case("a", None, truth))
    with pytest.raises(PictureError, match=r"b\.png"):
        answer(Case("b", None, truth))
