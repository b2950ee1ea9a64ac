"""The page's server: its thread, its event loop and their end. Does not know what it answers."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import Sequence
from types import TracebackType

from runtime.errors import SinkError, needs_extra
from video.live.stage import Latch, StageThread, finish
from video.page.address import Address, listen
from video.page.camera import Camera
from video.page.routes import PageRoutes

with needs_extra("live"):
    from aiohttp import web

_GRACE_S = 0.1  # for answers that are on their way; streams end with it
_WITHIN_S = 10.0  # for its end; it is there in a fraction of a second where nothing hangs


class PageServer:
    """Listens from the start, so that a port in use is an error at once; answers while it is entered as a context manager."""

    def __init__(self, address: Address, cameras: Sequence[Camera]) -> None:
        self._listening = listen(address)
        self.address = dataclasses.replace(address, port=self._listening.getsockname()[1])
        self._routes = PageRoutes(cameras, self.address)
        self._stop = asyncio.Event()
        self._ready = Latch()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._error: BaseException | None = None
        self._serving = StageThread("page", self._run)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001  raised again by __enter__, or by __exit__
            self._error = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        runner = web.AppRunner(self._routes.app(), access_log=None, shutdown_timeout=_GRACE_S)
        await runner.setup()
        try:
            await web.SockSite(runner, self._listening).start()
            self._loop = asyncio.get_running_loop()
            self._ready.set()
            await self._stop.wait()
        finally:
            await self._routes.close()
            await runner.cleanup()

    def __enter__(self) -> PageServer:
        try:
            self._serving.start()
            self._ready.wait()
        except BaseException:  # Ctrl-C: it has started, and nobody else will end it
            finish(self._end)
            raise
        if self._error is not None:
            raise self._error
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        finish(self._end)
        if self._error is not None:
            raise self._error

    def _end(self) -> None:
        if self._serving.call_off():
            self._listening.close()
            return
        self._ready.wait()
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # closed: it has ended
                self._loop.call_soon_threadsafe(self._stop.set)
        if not self._serving.wait(_WITHIN_S):
            raise SinkError(f"page {self.address.url}: expected it to end within {_WITHIN_S:g} s, it hangs")
