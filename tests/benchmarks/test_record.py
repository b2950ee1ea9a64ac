"""What a benchmark's command line does around measuring: a record with its day and machine, wrong targets told first, one-line errors."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from benchmarks.record import Record, dated, recorded
from runtime.errors import BackendError


def _run(*arguments: str, fails: bool = False) -> int:
    def measure(_options: argparse.Namespace) -> Record:
        if fails:
            raise BackendError("no engine here runs it")
        return dated({"figure": 7, "holds": "--worse" not in arguments})

    parser = argparse.ArgumentParser()
    parser.add_argument("--worse", action="store_true")
    return recorded(parser, list(arguments), measure, lambda record: f"seven: {record['figure']}", lambda record: bool(record["holds"]))


def test_the_record_is_written_and_its_table_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("--record", str(tmp_path / "a.json")) == 0
    assert capsys.readouterr().out == "seven: 7\n"
    stored = json.loads((tmp_path / "a.json").read_text())
    assert (stored["figure"], stored.keys() >= {"date", "machine"}) == (7, True)


def test_one_line_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("--json") == 0
    assert json.loads(capsys.readouterr().out)["figure"] == 7


def test_what_does_not_hold_is_told_by_the_exit_code() -> None:
    assert _run("--worse") == 1


def test_a_target_that_cannot_be_written_is_said_before_anything_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("--record", str(tmp_path / "nowhere" / "a.json"), fails=True) == 2
    assert "expected a file in a folder that exists" in capsys.readouterr().err


def test_an_error_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("--record", str(tmp_path / "a.json"), fails=True) == 1
    assert capsys.readouterr().err == "no engine here runs it\n"
    assert not (tmp_path / "a.json").exists()
