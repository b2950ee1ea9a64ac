"""Owns the check of a machine with a GPU: which work comes first, when to stop, the record; knows nothing of how each figure is measured.

`python -m benchmarks.gpu.check [--minutes 8] [--record FILE] [--models NAME ...]`. What is worth the most comes first; what does not fit
into the minutes is named in the record and left out. The record is written after every piece of work.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import re
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from types import FrameType

from benchmarks.gpu.models import Models
from benchmarks.gpu.pieces import COMPILED, EAGER, ON_CARD, ON_CPU, Pieces, Scale, Work
from benchmarks.machine import describe_machine
from benchmarks.record import Record, dated, say, write_record
from benchmarks.reports.gpu import table
from export.engines.targets import TARGETS, open_toolchain
from runtime.backends.choose import PREFERENCE, open_backend
from runtime.backends.tensorrt.backend import open_gpu
from runtime.errors import BackendError, ClearwayError, UsageError
from runtime.model.bundle import open_bundle
from runtime.model.zoo import find, shipped

_SECTIONS = ("roof", "jit", "tests", "exports", "parity", "speed", "streams", "not_done", "failed")
_RESULTS = Path(__file__).parents[1] / "results"
_CPU_ENGINES = ("openvino", "onnxruntime")
_TORCH = "pip install torch==2.13.0 --index-url https://download.pytorch.org/whl/cu130, then pip install 'clearway[export]'"


class _OutOfTimeError(Exception):
    """Raised in the middle of a piece of work."""


class Budget:
    """Seconds until the check must end."""

    def __init__(self, minutes: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ends = clock() + 60 * minutes

    def left(self) -> float:
        return self._ends - self._clock()


def carry_out(works: Iterable[Work], budget: Budget, record: Record, after_each: Callable[[], None]) -> None:
    """Each that fits, the worthiest first; what fails or does not fit is noted."""
    for work in sorted(works, key=lambda work: work.worth):
        left = budget.left()
        if work.seconds > left:
            why = f"it takes about {work.seconds:.0f} s, {max(left, 0):.0f} s were left"
            record["not_done"].append({"what": work.what, "why": why})
            continue
        started = time.perf_counter()
        try:
            with _ends_after(left):
                record[work.section] += work.do()
        except _OutOfTimeError:
            record["not_done"].append({"what": work.what, "why": "the time ran out in the middle of it"})
        except Exception as error:  # noqa: BLE001  nobody knows what may fail on a machine that was never seen, and the other pieces go on
            record["failed"].append({"what": work.what, "why": _why(error)})
        say(f"{time.perf_counter() - started:6.1f} s  {work.what}")
        after_each()


@contextmanager
def _ends_after(seconds: float) -> Iterator[None]:
    """What Python computes is interrupted; what computes outside of it, when it returns."""

    def over(number: int, frame: FrameType | None) -> None:
        raise _OutOfTimeError

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def contenders_of(scale: Scale) -> tuple[list[str], dict[str, str]]:
    """(what is there, what is not: why, with the command that changes it)."""
    there, missing = [], dict[str, str]()
    for name in [name for name in PREFERENCE if (name in _CPU_ENGINES) == (scale.device == "cpu")]:
        try:
            if name in TARGETS:  # its engines are built first
                open_toolchain(name)
                open_gpu(name)
            else:
                open_backend(open_bundle(find(shipped()[0])), name).backend.close()
        except Exception as error:  # noqa: BLE001  the others go on
            missing[name] = _why(error)
            continue
        there.append(name)
    return there + _rivals(scale.device, missing), missing


def _rivals(device: str, missing: dict[str, str]) -> list[str]:
    if importlib.util.find_spec("torch") is None:
        missing[EAGER] = missing[COMPILED] = f"torch is not installed; {_TORCH}"
        return []
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        missing[EAGER] = missing[COMPILED] = f"torch {torch.__version__} sees no card; {_TORCH}"
        return []
    if device == "cuda" and importlib.util.find_spec("triton") is None:
        missing[COMPILED] = "triton is not installed; it comes with: pip install triton"
        return [EAGER]
    return [EAGER, COMPILED]


def check(scale: Scale, minutes: float, names: Sequence[str], path: Path | None) -> Record:
    budget = Budget(minutes)
    contenders, missing = contenders_of(scale)
    record = dated({"on": scale.device, "minutes": minutes})
    record |= {"contenders": contenders, "missing": missing} | {section: [] for section in _SECTIONS}
    with tempfile.TemporaryDirectory(prefix="clearway-gpu-check-") as scratch:
        pieces = Pieces(Models(names, Path(scratch)), contenders, scale, Path(scratch))
        carry_out(pieces.all(), budget, record, lambda: None if path is None else write_record(path, record))
    record["took_s"] = round(60 * minutes - budget.left(), 1)
    if path is not None:
        write_record(path, record)
    return record


def record_path(card: str, day: date) -> Path:
    slug = re.sub(r"[^a-z0-9]+", "-", card.lower()).strip("-")
    return _RESULTS / f"gpu-{slug}-{day:%Y%m%d}.json"


def _why(error: Exception) -> str:
    """In one line; what nobody foresaw is told in full beside the record."""
    if isinstance(error, ClearwayError):
        return str(error)
    say("".join(traceback.format_exception(error)))
    return f"{type(error).__name__}: {next((line.strip() for line in str(error).splitlines() if line.strip()), 'it says nothing')}"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu.check", description=__doc__)
    parser.add_argument("--minutes", type=float, default=8.0, help="stop after so many (default: 8)")
    parser.add_argument("--record", type=Path, metavar="FILE", help="default: benchmarks/results/gpu-CARD-DATE.json")
    parser.add_argument("--models", nargs="+", default=[], metavar="NAME", help="bundles or presets (default: all)")
    parser.add_argument("--on-cpu", action="store_true", help="the same with the CPU's engines at tiny sizes, to see that it works")
    parser.add_argument("--json", action="store_true", help="print the record as one line of JSON")
    options = parser.parse_args(arguments)
    try:
        if not options.minutes > 0:
            raise UsageError(f"--minutes: more than 0 was expected, {options.minutes:g} came")
        cards = describe_machine()["gpus"]
        if not cards and not options.on_cpu:
            raise BackendError("a machine with an NVIDIA card was expected, nvidia-smi finds none; see that the check works with --on-cpu")
        path = options.record or (None if options.on_cpu else record_path(cards[0]["name"], date.today()))
        record = check(ON_CPU if options.on_cpu else ON_CARD, options.minutes, options.models, path)
    except ClearwayError as error:
        say(str(error))
        return error.exit_code
    sys.stdout.write((json.dumps(record) if options.json else table(record)) + "\n")
    return 0 if _holds(record) else 1


def _holds(record: Record) -> bool:
    """Not where nothing was compared."""
    return bool(record["parity"]) and all(row["holds"] for row in record["parity"]) and all(row["passed"] for row in record["tests"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
