"""The check of a machine with a GPU: which tasks come first, when to stop, the record. Does not know how each figure is measured.

`python -m benchmarks.gpu.check [--minutes 8] [--record FILE] [--models NAME ...]`. The most important tasks come
first; those that do not fit into the minutes are named in the record and left out. The record is written after every task.
"""

from __future__ import annotations

import argparse
import json
import re
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from types import FrameType

from benchmarks.gpu.contenders import explain, find_contenders
from benchmarks.gpu.models import CheckedModels
from benchmarks.gpu.tasks import ON_CPU, ON_GPU, CheckTask, CheckTasks, Scale
from benchmarks.machine import describe_machine
from benchmarks.record import Record, dated, say, write_record
from benchmarks.reports.gpu import table
from runtime.errors import BackendError, ClearwayError, UsageError

SECTIONS = ("roof", "jit", "tests", "exports", "parity", "speed", "streams", "not_done", "failed")
_RESULTS = Path(__file__).parents[1] / "results"


class _OutOfTimeError(Exception):
    """Raised in the middle of a task."""


class Budget:
    """Seconds until the check must end."""

    def __init__(self, minutes: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ends = clock() + 60 * minutes

    def left(self) -> float:
        return self._ends - self._clock()


def run_tasks(tasks: Iterable[CheckTask], budget: Budget, record: Record, after_each: Callable[[], None]) -> None:
    """Each that fits, by priority; what fails or does not fit is noted."""
    for task in sorted(tasks, key=lambda task: task.priority):
        left = budget.left()
        if task.seconds > left:
            why = f"it takes about {task.seconds:.0f} s, {max(left, 0):.0f} s were left"
            record["not_done"].append({"what": task.what, "why": why})
            continue
        started = time.perf_counter()
        try:
            with _ends_after(left):
                record[task.section] += task.run()
        except _OutOfTimeError:
            record["not_done"].append({"what": task.what, "why": "the time ran out in the middle of it"})
        except Exception as error:  # noqa: BLE001  anything may fail on a machine that was never seen, and the other tasks go on
            record["failed"].append({"what": task.what, "why": explain(error)})
        say(f"{time.perf_counter() - started:6.1f} s  {task.what}")
        after_each()


@contextmanager
def _ends_after(seconds: float) -> Iterator[None]:
    """Interrupts Python code at once, and native code when it returns."""

    def over(number: int, frame: FrameType | None) -> None:
        raise _OutOfTimeError

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def check(scale: Scale, minutes: float, names: Sequence[str], path: Path | None) -> Record:
    budget = Budget(minutes)
    contenders, missing = find_contenders(scale.device)
    record = dated({"on": scale.device, "minutes": minutes})
    record |= {"contenders": contenders, "missing": missing} | {section: [] for section in SECTIONS}
    with tempfile.TemporaryDirectory(prefix="clearway-gpu-check-") as scratch:
        tasks = CheckTasks(CheckedModels(names, Path(scratch)), contenders, scale, Path(scratch))
        run_tasks(tasks.all(), budget, record, lambda: None if path is None else write_record(path, record))
    record["took_s"] = round(60 * minutes - budget.left(), 1)
    if path is not None:
        write_record(path, record)
    return record


def record_path(gpu: str, day: date) -> Path:
    slug = re.sub(r"[^a-z0-9]+", "-", gpu.lower()).strip("-")
    return _RESULTS / f"gpu-{slug}-{day:%Y%m%d}.json"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu.check", description=__doc__)
    parser.add_argument("--minutes", type=float, default=8.0, help="stop after this many (default: 8)")
    parser.add_argument("--record", type=Path, metavar="FILE", help="default: benchmarks/results/gpu-NAME-DATE.json")
    parser.add_argument("--models", nargs="+", default=[], metavar="NAME", help="bundles or presets (default: all)")
    parser.add_argument("--on-cpu", action="store_true", help="run the check itself on the CPU, at tiny sizes")
    parser.add_argument("--json", action="store_true", help="print the record as one line of JSON")
    options = parser.parse_args(arguments)
    try:
        if not options.minutes > 0:
            raise UsageError(f"--minutes: expected more than 0, got {options.minutes:g}")
        found = describe_machine()["gpus"]
        if not found and not options.on_cpu:
            raise BackendError("expected a machine with an NVIDIA GPU, nvidia-smi finds none; try the check itself with --on-cpu")
        path = options.record or (None if options.on_cpu else record_path(found[0]["name"], date.today()))
        record = check(ON_CPU if options.on_cpu else ON_GPU, options.minutes, options.models, path)
    except ClearwayError as error:
        say(str(error))
        return error.exit_code
    sys.stdout.write((json.dumps(record) if options.json else table(record)) + "\n")
    return 0 if holds(record) else 1


def holds(record: Record) -> bool:
    """Not where nothing was compared."""
    return bool(record["parity"]) and all(row["holds"] for row in record["parity"]) and all(row["passed"] for row in record["tests"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
