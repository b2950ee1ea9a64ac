"""Turns interlaced frames into whole ones, one for one and at the same times. Does not know files.

FFmpeg's bwdif does the work on frames that are marked as interlaced. The others pass as they are, so that mixed material stays sharp.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import Path

from runtime.errors import SourceError, needs_extra

with needs_extra("cpu"):
    import av
    from av.error import BlockingIOError as AvBlockingIOError
    from av.error import EOFError as AvEOFError
    from av.error import FFmpegError
    from av.filter import Graph

_LEAST = 4  # columns and lines; bwdif takes no less


class Deinterlacer:
    """Call it once with the decoded frames of a video."""

    def __init__(self, path: Path) -> None:
        self.path = path  # for what is said of it
        self.frames = 0  # that were interlaced and are not any more

    def __call__(self, frames: Iterator[av.VideoFrame]) -> Iterator[av.VideoFrame]:
        graph: Graph | None = None
        waiting: deque[av.VideoFrame] = deque()
        shape = (0, 0, "")
        for frame in frames:
            self.frames += frame.interlaced_frame
            came = (frame.width, frame.height, frame.format.name)
            if graph is None or came != shape:
                if graph is not None:  # the size changed, which is for the source to judge
                    yield from self._flush(graph, waiting)
                graph, shape = self._graph(frame), came
            waiting.append(frame)
            graph.vpush(frame)
            yield from self._ready(graph, waiting)
        if graph is not None:
            yield from self._flush(graph, waiting)

    def _graph(self, frame: av.VideoFrame) -> Graph:
        if min(frame.width, frame.height) < _LEAST:
            raise SourceError(
                f"{self.path}: expected at least {_LEAST}×{_LEAST} pixels, got {frame.width}×{frame.height}; leave --deinterlace out"
            )
        graph = Graph()
        source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base)
        graph.link_nodes(source, graph.add("bwdif", "mode=send_frame:parity=auto:deint=interlaced"), graph.add("buffersink")).configure()
        return graph

    def _ready(self, graph: Graph, waiting: deque[av.VideoFrame]) -> Iterator[av.VideoFrame]:
        """bwdif looks one frame ahead and doubles the time base; the times are those of the frames that went in."""
        while True:
            try:
                ready = graph.vpull()
            except (AvBlockingIOError, AvEOFError):
                return
            except FFmpegError as error:
                raise SourceError(
                    f"{self.path}: expected frames that can be deinterlaced, got {error.strerror}; leave --deinterlace out"
                ) from error
            whole = waiting.popleft()
            ready.pts, ready.dts, ready.time_base = whole.pts, whole.dts, whole.time_base
            yield ready

    def _flush(self, graph: Graph, waiting: deque[av.VideoFrame]) -> Iterator[av.VideoFrame]:
        graph.vpush(None)
        yield from self._ready(graph, waiting)
