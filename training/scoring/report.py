"""How scores are shown: a table, a CSV of every picture, the worst of them as one picture. Does not know models."""

from __future__ import annotations

import csv
import heapq
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import cv2
import numpy as np

from runtime.errors import DataError
from runtime.files.atomic import written
from runtime.files.pictures import write_picture
from runtime.picture import Picture
from training.scoring.evaluate import PictureScore, Summary
from training.scoring.trials import Case

WORST = 5
_WIDEST = 640  # pixels a panel: larger pictures are shown smaller
_GAP, _STRIP = 8, 44  # pixels between panels; above each row, for two lines of words
_PAPER, _INK, _FAINT = (255, 255, 255), (20, 20, 20), (110, 110, 110)


def table(summaries: Sequence[Summary]) -> Iterator[str]:
    wide = max(34, *(len(summary.data) + 2 for summary in summaries))
    yield f"{'':<{wide}}{'pictures':>9}{'input':>9}{'restored':>10}{'worst':>8}{'SSIM in':>10}{'out':>8}"
    for one in summaries:
        before = _input(one)
        ssim_before = "-" if one.ssim_input is None else f"{one.ssim_input:.4f}"
        after = f"{one.psnr_db:>10.2f}{one.psnr_worst_db:>8.2f}"
        yield f"{one.data:<{wide}}{one.pictures:>9}{before:>9}{after}{ssim_before:>10}{one.ssim:>8.4f}"


def _input(one: Summary) -> str:
    if one.psnr_input_db is not None:
        return f"{one.psnr_input_db:.2f}"
    return "-" if one.ssim_input is None else "clean"


def write_csv(path: Path, scores: Sequence[PictureScore]) -> None:
    """One line a picture, in the order of scoring; an input that is the truth, or is not at hand, is an empty field."""
    try:
        with written(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            lines = csv.DictWriter(file, [field.name for field in fields(PictureScore)], lineterminator="\n")
            lines.writeheader()
            lines.writerows({name: _cell(value) for name, value in asdict(score).items()} for score in scores)
    except OSError as error:
        raise DataError(f"{path}: the scores cannot be written ({error.strerror or error}); name another file with --csv") from error


def _cell(value: str | float | None) -> str:
    if value is None:
        return ""
    return f"{value:.6f}" if isinstance(value, float) else str(value)


@dataclass(frozen=True)
class _ScoredPicture:
    score: PictureScore
    degraded: Picture | None
    restored: Picture
    truth: Picture


class WorstPictures:
    """Keeps the pictures with the lowest PSNR while the others go by, no more than `WORST` of them at a time."""

    def __init__(self) -> None:
        self._kept: list[tuple[float, int, _ScoredPicture]] = []  # the best of the worst on top
        self._order = itertools.count()

    def watch(self, score: PictureScore, case: Case, restored: Picture) -> None:
        entry = (-score.psnr_db, -next(self._order), _ScoredPicture(score, _as_bytes(case), restored, case.clean))
        if len(self._kept) < WORST:
            heapq.heappush(self._kept, entry)
        else:
            heapq.heappushpop(self._kept, entry)

    @property
    def shown(self) -> list[_ScoredPicture]:
        return [shown for _, _, shown in sorted(self._kept, key=lambda entry: entry[:2], reverse=True)]

    def write(self, path: Path) -> None:
        """A row each, the worst first: degraded, restored, truth, with the name and the decibels above."""
        rows = [_row(number, shown) for number, shown in enumerate(self.shown, start=1)]
        width = max(row.shape[1] for row in rows)
        write_picture(path, np.concatenate([_widened(row, width) for row in rows]))


def _as_bytes(case: Case) -> Picture | None:
    if case.degraded is None:
        return None
    return np.asarray(np.rint(np.clip(case.degraded, 0, 255)), np.uint8)


def _row(number: int, shown: _ScoredPicture) -> Picture:
    score = shown.score
    panels = [(shown.restored, f"restored {score.psnr_db:.2f} dB, SSIM {score.ssim:.4f}"), (shown.truth, "truth")]
    if shown.degraded is not None:
        before = score.psnr_input_db
        words = "the truth itself" if before is None else f"degraded {before:.2f} dB, SSIM {score.ssim_input:.4f}"
        panels.insert(0, (shown.degraded, words))
    columns = []
    for picture, words in panels:
        small = _shrunk(picture)
        column = _paper(_STRIP + small.shape[0] + _GAP, small.shape[1] + _GAP)
        column[_STRIP : _STRIP + small.shape[0], : small.shape[1]] = small
        _write(column, words, (2, _STRIP - 8), _FAINT, small.shape[1])
        columns.append(column)
    row = np.concatenate(columns, axis=1)
    _write(row, f"{number}. {score.name}: {score.trial}", (2, 16), _INK, row.shape[1] - _GAP)
    return row


def _shrunk(picture: Picture) -> Picture:
    height, width = picture.shape[:2]
    if width <= _WIDEST:
        return picture
    return np.asarray(cv2.resize(picture, (_WIDEST, max(1, round(height * _WIDEST / width))), interpolation=cv2.INTER_AREA), np.uint8)


def _write(onto: Picture, words: str, at: tuple[int, int], ink: tuple[int, int, int], width: int) -> None:
    """Smaller where it would not fit; what the font lacks comes out as question marks."""
    scale = 0.5
    (wide, _), _ = cv2.getTextSize(words, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
    cv2.putText(onto, words, at, cv2.FONT_HERSHEY_SIMPLEX, scale * min(1.0, (width - 4) / wide), ink, 1, cv2.LINE_AA)


def _paper(height: int, width: int) -> Picture:
    return np.full((height, width, 3), _PAPER, np.uint8)


def _widened(row: Picture, width: int) -> Picture:
    return np.concatenate([row, _paper(row.shape[0], width - row.shape[1])], axis=1)
