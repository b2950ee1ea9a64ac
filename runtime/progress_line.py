"""A line on stderr that says what is being done, drawn by tqdm. Does not know what is done."""

from __future__ import annotations

import sys
import threading
from types import TracebackType
from typing import TextIO

from tqdm import tqdm


class _OneLine(tqdm):  # type: ignore[misc]  # tqdm has no types
    monitor_interval = 0  # no thread that redraws it


_OneLine.set_lock(threading.RLock())  # tqdm's own is shared with processes that we do not have


class StatusLine:
    """`show` draws over the last text and `clear` removes it, in one thread; `write` prints a line that stays, in any.

    It is cut to the terminal's width. Where `stream` is no terminal `show` prints nothing, and where `quiet` nothing is printed at all.
    """

    def __init__(self, *, quiet: bool = False, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._quiet = quiet
        self.is_live = not quiet and self._stream.isatty()  # whether `show` shows anything
        self._line: tqdm | None = None

    def show(self, text: str) -> None:
        if self._line is None and self.is_live:
            # The bar is one blank: tqdm cuts only lines that have one to the terminal's width.
            self._line = _OneLine(bar_format="{desc}{bar:1b}", desc=text, leave=False, dynamic_ncols=True, file=self._stream)
        elif self._line is not None:
            self._line.set_description_str(text)

    def clear(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            line.close()

    def write(self, text: str) -> None:
        """A line that stays, above the one that is drawn over."""
        if not self._quiet:
            _OneLine.write(text, file=self._stream)
            self._stream.flush()

    def __enter__(self) -> StatusLine:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.clear()
