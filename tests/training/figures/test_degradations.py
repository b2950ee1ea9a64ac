"""The contact sheet: every degradation is on it, visible, under the line that makes it."""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import pytest

from runtime.errors import PictureError, UsageError
from tests.support.training.pictures import clean_folder
from training.degradations.description import KINDS, parse_mixture
from training.figures import FIGURES, degradations


def _draw(out: Path, *words: str) -> list[str]:
    parser = argparse.ArgumentParser()
    parser.add_argument("-o", "--out", type=Path)
    degradations.arguments(parser)
    said: list[str] = []
    degradations.draw(parser.parse_args(["-o", str(out), *words]), said.append)
    return said


def _cells(file: Path) -> list[np.ndarray]:
    """As they stand on the sheet, from left to right and from above."""
    sheet = cv2.imread(str(file))
    assert sheet is not None
    gap, width, height, caption = 14, 300, 200, 38
    rows, columns = (sheet.shape[0] - gap) // (height + caption), (sheet.shape[1] - gap) // (width + gap)
    corners = [(gap + row * (height + caption), gap + column * (width + gap)) for row in range(rows) for column in range(columns)]
    return [sheet[top : top + height, left : left + width] for top, left in corners]


def test_every_degradation_is_on_the_sheet_and_to_be_seen(tmp_path: Path) -> None:
    assert "degradations" in FIGURES
    assert degradations.SPECIMENS.keys() == KINDS.keys()
    said = _draw(tmp_path / "sheet.png")
    assert [line.partition(" ms  ")[2].partition("(")[0] for line in said[1:]] == list(KINDS)
    assert all(float(line.partition(" ms ")[0]) > 0 for line in said[1:])
    clean, *others = _cells(tmp_path / "sheet.png")
    for name, cell in zip(degradations.SPECIMENS, others, strict=True):
        assert np.abs(cell.astype(int) - clean).mean() > 1.5, f"{name} is not to be seen"


def test_specimens_are_what_they_are_filed_under() -> None:
    for name, line in degradations.SPECIMENS.items():
        assert type(parse_mixture(line)) is type(parse_mixture(name))


def test_a_sheet_of_a_mixture_is_drawn_on_a_picture_of_ones_own(tmp_path: Path) -> None:
    folder = clean_folder(tmp_path / "clean", 2)
    said = _draw(tmp_path / "sheet.png", "--data", str(folder), "--mixture", "haze@0.5 | untouched=0.3", "--seed", "4")
    assert len(said) == 1
    assert said[0].startswith("haze(density=0.2..2")
    clean, *others = _cells(tmp_path / "sheet.png")
    untouched = [np.array_equal(clean, cell) for cell in others]
    assert 3 < sum(untouched) < len(others) - 1  # 65 of 100 are meant


def test_what_cannot_be_drawn_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected a degradation, got 'fogg'"):
        _draw(tmp_path / "sheet.png", "--mixture", "fogg")
    with pytest.raises(UsageError, match="--seed: expected 0 or more"):
        _draw(tmp_path / "sheet.png", "--seed", "-1")
    with pytest.raises(UsageError, match="expected a file in an existing folder"):
        _draw(tmp_path / "nowhere" / "sheet.png")
    with pytest.raises(UsageError, match=r"written as \.png or \.jpg"):
        _draw(tmp_path / "sheet.pdf")
    with pytest.raises(PictureError, match="there are none"):
        _draw(tmp_path / "sheet.png", "--data", str(tmp_path))
    assert not (tmp_path / "sheet.png").exists()
