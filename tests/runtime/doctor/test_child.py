"""Questions in a process of their own: an answer, or in a few words why there is none; and nothing that is left running."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runtime.doctor.child import ModuleAnswer, ask, run

_ENOUGH = 60  # seconds


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module that this process can find, and so must the other one."""
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path / "asked.py"


def test_an_answer_among_other_words(asked: Path) -> None:
    asked.write_text("import sys\nfrom runtime.doctor.child import answer\nprint('engine v1', end='')\nanswer(sys.argv[1:])\nprint('bye')")
    assert ask("asked", "a", "é", seconds=_ENOUGH) == ModuleAnswer(["a", "é"], "")


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("raise OSError('libfoo.so: cannot open shared object file')", "OSError: libfoo.so: cannot open shared object file"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGILL)", "it crashed: Illegal instruction"),
        ("import os\nos.abort()", "it crashed: Aborted"),
        ("import sys\nsys.exit(3)", "it ended with exit code 3"),
        ("", "it ended without an answer"),
    ],
)
def test_no_answer(source: str, fault: str, asked: Path) -> None:
    asked.write_text(source)
    assert ask("asked", seconds=_ENOUGH) == ModuleAnswer(None, fault)


def test_a_crash_after_the_answer_takes_nothing_back(asked: Path) -> None:
    asked.write_text("import os, sys\nfrom runtime.doctor.child import answer\nanswer(1)\nsys.stdout.flush()\nos.abort()")
    assert ask("asked", seconds=_ENOUGH) == ModuleAnswer(1, "")


def test_what_hangs_is_ended(tmp_path: Path) -> None:
    ended = run(["sh", "-c", f"echo $$ > {tmp_path}/id; exec sleep 1000"], 0.5)
    assert ended.fault == "it gave no answer within 0.5 s"
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "id").read_text()), 0)


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    assert run([str(tmp_path / "none")], _ENOUGH).fault == "it cannot be started (No such file or directory)"


def test_a_file_of_the_users_folder_is_not_taken_for_a_package(asked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked.write_text("import json\nfrom runtime.doctor.child import answer\nanswer(hasattr(json, 'dumps'))")
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "json.py").write_text("")
    monkeypatch.chdir(tmp_path / "work")
    assert ask("asked", seconds=_ENOUGH) == ModuleAnswer(True, "")
