"""All packets, and then the end, whatever PyAV makes of streams that it did not know."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import cast

import pytest
from av.container import InputContainer

from video.files.sources.demux import demuxed


def test_a_stream_that_appears_on_the_way_ends_nothing_early() -> None:
    def demux() -> Iterator[int]:
        yield from range(3)
        raise IndexError("list index out of range")

    assert list(demuxed(cast("InputContainer", SimpleNamespace(demux=demux)))) == [0, 1, 2]  # type: ignore[comparison-overlap]


def test_what_ffmpeg_says_is_not_swallowed() -> None:
    def demux() -> Iterator[int]:
        yield 1
        raise ValueError("damaged")

    with pytest.raises(ValueError, match="damaged"):
        list(demuxed(cast("InputContainer", SimpleNamespace(demux=demux))))
