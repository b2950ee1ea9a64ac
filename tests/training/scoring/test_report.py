"""How scores are shown: nothing is lost on the way to the table, the CSV or the picture of the worst."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

import numpy as np
import pytest

from runtime.errors import DataError
from runtime.files.pictures import read_picture
from training.scoring.evaluate import PictureScore, summarised
from training.scoring.report import WORST, WorstPictures, table, write_csv
from training.scoring.trials import Case


def _score(name: str, psnr_db: float, before: float | None = 20.0, ssim_before: float | None = 0.5) -> PictureScore:
    return PictureScore("rain, heavy", name, 40, 32, before, psnr_db, ssim_before, 0.75)


def _watched(*reached: float, degraded: bool = True) -> WorstPictures:
    worst = WorstPictures()
    for i, psnr_db in enumerate(reached):
        level = np.full((32, 40, 3), i, np.uint8)
        worst.watch(_score(str(i), psnr_db), Case(str(i), level + np.uint8(50) if degraded else None, level + np.uint8(200)), level)
    return worst


def test_the_csv_has_a_line_for_every_picture_and_reads_back(tmp_path: Path) -> None:
    scores = [_score("a, b", 30.1234567), _score("ü", 100.0, None, 1.0), _score("c", 25.0, None, None)]
    write_csv(tmp_path / "scores.csv", scores)
    with (tmp_path / "scores.csv").open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert list(lines[0]) == [field.name for field in dataclasses.fields(PictureScore)]
    assert [line["name"] for line in lines] == ["a, b", "ü", "c"]
    assert (lines[0]["psnr_db"], lines[0]["trial"]) == ("30.123457", "rain, heavy")
    assert [line["psnr_input_db"] for line in lines] == ["20.000000", "", ""]
    assert [line["ssim_input"] for line in lines] == ["0.500000", "1.000000", ""]


def test_a_csv_that_cannot_be_written_names_the_option(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--csv"):
        write_csv(tmp_path / "nowhere" / "scores.csv", [])


@pytest.mark.parametrize(("before", "ssim_before", "shown"), [(20.0, 0.5, "20.00"), (None, 1.0, "clean"), (None, None, "-")])
def test_the_table_says_what_is_known_of_the_input(before: float | None, ssim_before: float | None, shown: str) -> None:
    head, line = table(summarised([_score("a", 30.0, before, ssim_before)], "rgb"))
    assert head.split() == ["pictures", "input", "restored", "worst", "SSIM", "in", "out"]
    assert line.split()[:5] == ["rain,", "heavy", "1", shown, "30.00"]
    assert len(head) == len(line)


def test_the_worst_five_are_kept_worst_first_and_the_first_of_equals_stays() -> None:
    worst = _watched(30, 20, 25, 20, 40, 22, 35, 21, 99, 20)
    assert [shown.score.name for shown in worst.shown] == ["1", "3", "9", "7", "5"]
    assert len(worst.shown) == WORST


def test_the_picture_has_a_row_for_each_with_the_three_pictures_unchanged(tmp_path: Path) -> None:
    _watched(30, 20).write(tmp_path / "worst.png")
    sheet = read_picture(tmp_path / "worst.png")
    assert sheet.shape == (2 * (44 + 32 + 8), 3 * (40 + 8), 3)
    for row, number in enumerate((1, 0)):  # 20 dB before 30 dB
        top = row * 84 + 44
        for column, level in enumerate((number + 50, number, number + 200)):
            left = column * 48
            np.testing.assert_array_equal(sheet[top : top + 32, left : left + 40], np.full((32, 40, 3), level, np.uint8))
        assert (sheet[top - 44 : top] < 128).any(), "no words above the row"


def test_without_the_degraded_picture_there_are_two_columns_and_wide_pictures_are_shown_smaller(tmp_path: Path) -> None:
    _watched(30, degraded=False).write(tmp_path / "two.png")
    assert read_picture(tmp_path / "two.png").shape[1] == 2 * 48
    worst, wide = WorstPictures(), np.zeros((100, 1280, 3), np.uint8)
    worst.watch(_score("wide", 3.0), Case("wide", wide, wide), wide)
    worst.write(tmp_path / "wide.png")
    assert read_picture(tmp_path / "wide.png").shape == (44 + 50 + 8, 3 * 648, 3)


def test_floats_are_shown_clipped() -> None:
    worst, truth = WorstPictures(), np.zeros((16, 16, 3), np.uint8)
    worst.watch(_score("a", 3.0), Case("a", np.full((16, 16, 3), -20.0, np.float32), truth), truth)
    assert worst.shown[0].degraded is not None
    np.testing.assert_array_equal(worst.shown[0].degraded, truth)
