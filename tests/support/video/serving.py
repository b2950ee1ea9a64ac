"""A page with one camera for tests: real server, real encoders, drawn frames, models that add levels. No network, no capture."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Awaitable, Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeVar, cast

import aiohttp
import numpy as np

from runtime.picture import Picture
from runtime.restorer import Restorer
from tests.support.video.live import FakeRestorer, all_threads_end
from tests.support.video.servers import ENDS_WITHIN
from video.frame import Frame
from video.live.model import LiveModel
from video.live.run import LiveRun
from video.live.sinks.sink import LiveSink
from video.live.sources.pretend import PatternSource
from video.live.sources.source import CapturedPicture, LiveSource, make_info
from video.live.watch import RetryPolicy
from video.page.address import Address
from video.page.camera import Camera
from video.page.server import PageServer
from video.page.sink import PageSink
from video.page.views import VIEWS, View

_T = TypeVar("_T")
WIDTH, HEIGHT = 96, 64


def picture(level: int = 100, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Picture:
    return np.full((size[1], size[0], 3), level, np.uint8)


def frame(index: int, image: Picture) -> Frame:
    return Frame(index, index * 3600, Fraction(1, 90000), image)


class StillSource:
    """The same grey picture 25 times a second."""

    name, ends = "still", False

    def __init__(self, level: int, width: int, height: int) -> None:
        self._picture = picture(level, (width, height))

    def frames(self, stopped: threading.Event) -> Generator[CapturedPicture, None, None]:
        height, width = self._picture.shape[:2]
        info = make_info(width, height, "none", Fraction(25))
        while not stopped.wait(0.04):
            now = time.monotonic()
            yield CapturedPicture(self._picture, None, now, now, info)


@dataclass
class Page:
    url: str
    camera: Camera
    live: LiveRun
    model: LiveModel

    @property
    def path(self) -> str:
        return f"{self.url}cameras/{self.camera.name}"


def opens(name: str) -> Restorer:
    """ "20" adds 20 levels; "broken" is no model."""
    return cast("Restorer", FakeRestorer(name, int(name)))


@contextmanager
def page(
    source: LiveSource | None = None, models: Sequence[str] = ("20", "40", "broken"), *others: LiveSink, views: Mapping[str, View] = VIEWS
) -> Iterator[Page]:
    """Live, as `clearway live --serve` has it, on a free port."""
    source = source or PatternSource(WIDTH, HEIGHT, 25)
    sink, model = PageSink(views), LiveModel(opens, models)
    camera = Camera(source.name, sink, model)
    patience = RetryPolicy(opening=ENDS_WITHIN, hang_least=ENDS_WITHIN, first_delay=0.01, longest_delay=0.02)
    with PageServer(Address(port=0), [camera]) as server, model, LiveRun(source, model, [sink, *others], patience=patience) as live:
        yield Page(server.address.url, camera, live, model)
    all_threads_end()


def client(story: Callable[[aiohttp.ClientSession], Awaitable[_T]]) -> _T:
    async def go() -> _T:
        async with asyncio.timeout(ENDS_WITHIN), aiohttp.ClientSession() as session:
            return await story(session)

    return asyncio.run(go())


def ask(url: str, method: str = "GET", said: Any = None, **headers: str) -> tuple[int, Any]:
    async def story(session: aiohttp.ClientSession) -> tuple[int, Any]:
        async with session.request(method, url, headers=headers, json=said) as answer:
            body = await answer.read()
            return answer.status, json.loads(body) if answer.content_type == "application/json" else body

    return client(story)
