"""Writing whole or not at all: the name appears at the end, and nobody else's file is touched."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from runtime.files.atomic import written
from tests.support.files import names


def test_the_name_appears_when_all_is_written(tmp_path: Path) -> None:
    target = tmp_path / "clip.mp4"
    target.write_text("old")
    with written(target) as part:
        assert (part.parent, part.suffix) == (tmp_path, ".mp4")
        assert part.name.startswith("."), "no listing of videos may find it"
        assert part.read_bytes() == b""
        part.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert names(tmp_path) == ["clip.mp4"]


@pytest.mark.parametrize("error", [OSError("full"), KeyboardInterrupt()], ids=["error", "ctrl-c"])
def test_a_failure_leaves_what_was_there(tmp_path: Path, error: BaseException) -> None:
    target = tmp_path / "a.png"
    target.write_text("old")

    def interrupted() -> None:
        with written(target) as part:
            part.write_text("half")
            raise error

    with pytest.raises(type(error)):
        interrupted()
    assert target.read_text() == "old"
    assert names(tmp_path) == ["a.png"]


def test_two_writers_of_one_target_do_not_meet(tmp_path: Path) -> None:
    with written(tmp_path / "a.txt") as first, written(tmp_path / "a.txt") as second:
        first.write_text("first")
        second.write_text("second")
    assert (tmp_path / "a.txt").read_text() == "first", "whoever ends last"
    assert names(tmp_path) == ["a.txt"]


def test_a_file_that_is_there_is_never_taken_for_the_temporary_one(tmp_path: Path) -> None:
    with written(tmp_path / "a.txt") as part:
        taken = part.name
    (tmp_path / taken).write_text("somebody's own")
    with written(tmp_path / "a.txt") as part:
        part.write_text("ours")
    assert (tmp_path / taken).read_text() == "somebody's own"
    assert (tmp_path / "a.txt").read_text() == "ours"


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o027, 0o640)])
def test_the_umask_decides_who_may_read_it(tmp_path: Path, mask: int, mode: int) -> None:
    before = os.umask(mask)
    try:
        with written(tmp_path / "a.txt") as part:
            part.unlink()
            part.touch(0o600)  # as writers do that put a private file in its place
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == mode


def test_a_missing_folder_is_the_callers_to_explain(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), written(tmp_path / "none" / "a.txt"):
        pytest.fail("there is nothing to write into")


def test_a_name_of_the_greatest_length(tmp_path: Path) -> None:
    target = tmp_path / f"{'a' * 251}.png"
    with written(target) as part:
        part.write_text("whole")
    assert target.read_text() == "whole"


def test_a_private_file_is_private_from_its_first_byte(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with written(tmp_path / "key", private=True) as part:
            assert stat.S_IMODE(part.stat().st_mode) == 0o600
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
