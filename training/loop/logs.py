"""What a training leaves to look at: log.csv, validation.csv and TensorBoard's files. Does not know training.

Lines beyond the step that a run goes on from are taken out: those steps are about to be trained again.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import numpy as np
from torch.utils.tensorboard import SummaryWriter

from runtime.files.atomic import written
from runtime.picture import Picture

LOG, VALIDATION, TENSORBOARD = "log.csv", "validation.csv", "tensorboard"


class Logs:
    def __init__(self, folder: Path, first: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        for name in (LOG, VALIDATION):
            _cut(folder / name, first)
        self._board = SummaryWriter(str(folder / TENSORBOARD), purge_step=first + 1)

    def __enter__(self) -> Logs:
        return self

    def __exit__(self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        self._board.close()

    def losses(self, step: int, values: Mapping[str, float]) -> None:
        self._line(LOG, step, values)
        for name, value in values.items():
            self._board.add_scalar(f"train/{name}", value, step)

    def validation(self, step: int, values: Mapping[str, float], panels: Mapping[str, Picture]) -> None:
        """`panels`: BGR pictures by name, each degraded | restored | clean."""
        self._line(VALIDATION, step, values)
        for name, value in values.items():
            self._board.add_scalar(f"validation/{name}", value, step)
        for name, picture in panels.items():
            self._board.add_image(name, np.ascontiguousarray(picture[..., ::-1]), step, dataformats="HWC")
        self._board.flush()

    def _line(self, name: str, step: int, values: Mapping[str, float]) -> None:
        """A loss that only some steps have may come late, and not in every line."""
        path = self._folder / name
        columns = _columns(path)
        if new := [one for one in ("step", *values) if one not in columns]:
            _widen(path, columns, columns := [*columns, *new])
        with path.open("a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, columns).writerow({"step": step} | {one: f"{value:.6g}" for one, value in values.items()})


def read_validation(path: Path) -> list[tuple[int, float]]:
    """(step, dB): the mean over the trials with weather, which is what decides on the best."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [(int(row.pop("step")), mean_over_weather({name: float(value) for name, value in row.items()})) for row in rows]


def mean_over_weather(psnr: Mapping[str, float]) -> float:
    """A trial without weather has a score far above the others: it is logged, and decides nothing unless it is alone."""
    weather = [value for name, value in psnr.items() if not name.endswith("clean")]
    return float(np.mean(weather or list(psnr.values())))


def _columns(path: Path) -> list[str]:
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return next(csv.reader(file), [])


def _widen(path: Path, before: list[str], columns: list[str]) -> None:
    lines: list[dict[str, str]] = []
    if before:
        with path.open(newline="", encoding="utf-8") as file:
            lines = list(csv.DictReader(file))
    with written(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(lines)


def _cut(path: Path, last: int) -> None:
    if not path.exists():
        return
    if last == 0:
        path.unlink()
        return
    head, *lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    with written(path) as temporary:
        temporary.write_text(head + "".join(line for line in lines if int(line.partition(",")[0]) <= last), encoding="utf-8")
