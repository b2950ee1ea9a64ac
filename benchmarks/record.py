"""The record of a measurement: its day and machine, its file, and the command line around it. Does not know what is measured."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.machine import describe_machine
from runtime.errors import ClearwayError, UsageError
from runtime.files.atomic import written

Record = dict[str, Any]


def dated(measured: Record) -> Record:
    """Each figure says when and where it was seen."""
    return {"date": date.today().isoformat(), "machine": describe_machine()} | measured


def check_target(path: Path | None) -> None:
    """Before the minutes that measuring takes."""
    if path is not None and (path.is_dir() or not path.parent.is_dir()):
        raise UsageError(f"--record {path}: expected a file in a folder that exists; make the folder, or name another file")


def write_record(path: Path, record: Record) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with written(path) as temporary:
            temporary.write_text(json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise ClearwayError(f"{path}: the record cannot be written ({error.strerror}); name another file with --record") from error


def _line(record: Record) -> str:
    return json.dumps(record, ensure_ascii=False)


def recorded(
    parser: argparse.ArgumentParser,
    arguments: list[str],
    measure: Callable[[argparse.Namespace], Record],
    table: Callable[[Record], str] = _line,
    holds: Callable[[Record], bool] = lambda _: True,
) -> int:
    """`python -m benchmarks.NAME [--record FILE] [--json]`: measures, writes the record where one is asked for, and prints it. 1 where it
    does not hold."""
    parser.add_argument("--record", type=Path, metavar="FILE", help="write the record there")
    parser.add_argument("--json", action="store_true", help="print the record as one line of JSON")
    options = parser.parse_args(arguments)
    try:
        check_target(options.record)
        record = measure(options)
        if options.record is not None:
            write_record(options.record, record)
    except ClearwayError as error:
        say(str(error))
        return error.exit_code
    sys.stdout.write((_line if options.json else table)(record) + "\n")
    return 0 if holds(record) else 1


def say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
