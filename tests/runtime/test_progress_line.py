"""Checks the line that says what is being done: drawn over on a terminal, absent elsewhere."""

from __future__ import annotations

import fcntl
import io
import os
import struct
import termios

import pytest

from runtime.progress_line import StatusLine
from tests.support.terminal import Terminal


def test_a_text_is_drawn_over_the_last_one() -> None:
    terminal = Terminal()
    with StatusLine(stream=terminal) as status:
        status.show("decoding the first frame")
        status.show("encoding")
        assert terminal.screen() == ["encoding"]
        status.clear()
        assert terminal.screen() == [""]
        status.show("closing")
        assert terminal.screen() == ["closing"]
    assert terminal.screen() == [""], "nothing is left at the end"


def test_a_line_that_stays_comes_above() -> None:
    terminal = Terminal()
    with StatusLine(stream=terminal) as status:
        status.show("25 frames")
        status.write("front: lost, opened again")
        assert terminal.screen() == ["front: lost, opened again", "25 frames"]


def test_a_long_text_is_cut_to_the_terminals_width() -> None:
    there, here = os.openpty()
    fcntl.ioctl(here, termios.TIOCSWINSZ, struct.pack("4H", 24, 40, 0, 0))  # rows, columns, pixels
    with open(here, "w") as terminal, StatusLine(stream=terminal) as status:
        status.show("word " * 20)
    seen = os.read(there, 4096).decode()
    os.close(there)
    assert "word word" in seen
    assert max(map(len, seen.split("\r"))) <= 40


def test_an_error_leaves_no_line() -> None:
    terminal = Terminal()

    def fail() -> None:
        with StatusLine(stream=terminal) as status:
            status.show("encoding")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert terminal.screen() == [""]


def test_only_lines_that_stay_where_stderr_is_no_terminal() -> None:
    file = io.StringIO()
    with StatusLine(stream=file) as status:
        status.show("encoding")
        status.write("done")
        assert not status.is_live
    assert file.getvalue() == "done\n"


def test_quiet_prints_nothing() -> None:
    terminal = Terminal()
    with StatusLine(quiet=True, stream=terminal) as status:
        status.show("encoding")
        status.write("done")
    assert terminal.getvalue() == ""
