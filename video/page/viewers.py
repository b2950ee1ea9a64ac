"""Owns handing each view's newest frame to those who look at it, encoded once for all; knows nothing of how it reaches them.

Frames come from the sink's thread; viewers live in the server's event loop. Nobody waits for a viewer: what one does not fetch is thrown
away, and where all of them have enough, or nobody looks, nothing is encoded.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from runtime.restorer import Restored
from video.page.coding import Coded, Coder
from video.page.views import View


class Viewer:
    """One who looks: all but reading `wants` and `is_lost` happens in the event loop."""

    def __init__(self, depth: int) -> None:
        self.loop = asyncio.get_running_loop()
        self._items: deque[Coded] = deque()
        self._depth = depth
        self._came = asyncio.Event()
        self._waits = False
        self._lost = True  # nothing can be shown until one comes that stands alone

    @property
    def wants(self) -> bool:
        return self._waits or (not self._lost and len(self._items) < self._depth)

    @property
    def is_lost(self) -> bool:
        """And waits: one that has stopped fetching asks for nothing."""
        return self._lost and self._waits

    @property
    def held(self) -> int:
        """How many items wait to be taken."""
        return len(self._items)

    def put(self, item: Coded) -> None:
        if len(self._items) == self._depth:
            self._items.clear()
            self._came.clear()
            self._lost = True
        if self._lost and not item.alone:
            return
        self._lost = False
        self._items.append(item)
        self._came.set()

    async def take(self) -> Coded:
        self._waits = True
        try:
            await self._came.wait()
        finally:
            self._waits = False
        item = self._items.popleft()
        if not self._items:
            self._came.clear()
        return item


class Channel:
    """One view in one coding."""

    def __init__(self, view: View, coder: Callable[[], Coder], depth: int) -> None:
        self._view, self._makes, self._depth = view, coder, depth
        self._coder: Coder | None = None
        self.viewers: tuple[Viewer, ...] = ()  # replaced as a whole, so that the sink's thread may go through it

    @contextmanager
    def viewer(self) -> Iterator[Viewer]:
        """In the event loop."""
        viewer = Viewer(self._depth)
        self.viewers = (*self.viewers, viewer)
        try:
            yield viewer
        finally:
            self.viewers = tuple(one for one in self.viewers if one is not viewer)

    def write(self, restored: Restored, pts: int) -> None:
        """In the sink's thread."""
        viewers = self.viewers
        if not any(viewer.wants for viewer in viewers):
            return
        if self._coder is None:
            self._coder = self._makes()
        coded = self._coder(self._view(restored), pts, alone=any(viewer.is_lost for viewer in viewers))
        for viewer in viewers:
            viewer.loop.call_soon_threadsafe(viewer.put, coded)
