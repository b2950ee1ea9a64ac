"""Hands each view's newest frame to its viewers, encoded once for all. Does not know how it reaches them.

Frames come from the sink's thread; viewers live in the server's event loop. Nothing waits for a viewer: frames that one does not fetch are
dropped, and where no viewer can take a frame nothing is encoded.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from runtime.restorer import Restored
from video.page.encoders import EncodedPicture, PictureEncoder
from video.page.views import View


class Viewer:
    """One viewer: all but reading `wants` and `needs_keyframe` happens in the event loop."""

    def __init__(self, depth: int) -> None:
        self.loop = asyncio.get_running_loop()
        self._items: deque[EncodedPicture] = deque()
        self._depth = depth
        self._came = asyncio.Event()
        self._waits = False
        self._is_behind = True  # nothing can be shown until a keyframe comes

    @property
    def wants(self) -> bool:
        return self._waits or (not self._is_behind and len(self._items) < self._depth)

    @property
    def needs_keyframe(self) -> bool:
        """Whether it waits for one. A viewer that has stopped reading asks for nothing."""
        return self._is_behind and self._waits

    @property
    def held(self) -> int:
        """How many items wait to be taken."""
        return len(self._items)

    def put(self, item: EncodedPicture) -> None:
        if len(self._items) == self._depth:
            self._items.clear()
            self._came.clear()
            self._is_behind = True
        if self._is_behind and not item.is_keyframe:
            return
        self._is_behind = False
        self._items.append(item)
        self._came.set()

    async def take(self) -> EncodedPicture:
        self._waits = True
        try:
            await self._came.wait()
        finally:
            self._waits = False
        item = self._items.popleft()
        if not self._items:
            self._came.clear()
        return item


class ViewChannel:
    """One view in one encoding."""

    def __init__(self, view: View, encoder: Callable[[], PictureEncoder], depth: int) -> None:
        self._view, self._make_encoder, self._depth = view, encoder, depth
        self._encoder: PictureEncoder | None = None
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
        if self._encoder is None:
            self._encoder = self._make_encoder()
        coded = self._encoder(self._view(restored), pts, keyframe=any(viewer.needs_keyframe for viewer in viewers))
        for viewer in viewers:
            viewer.loop.call_soon_threadsafe(viewer.put, coded)
