"""Viewers: encoded once for all, nothing for nobody, and one who stops reading holds up nobody and keeps next to nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import ExitStack

import numpy as np

from runtime.picture import Picture
from runtime.restorer import Restored
from tests.support.video.servers import ENDS_WITHIN
from tests.support.video.serving import picture
from video.page.encoders import EncodedPicture
from video.page.viewers import ViewChannel, Viewer
from video.page.views import VIEWS

ONE = Restored(picture(20), picture(10), None, np.zeros(3, np.float32))


class Counting:
    """As JPEG, where every item stands alone, or as H.264, where only the first does, and those that were asked for."""

    def __init__(self, jpeg: bool) -> None:
        self.made: list[EncodedPicture] = []
        self._jpeg = jpeg

    def __call__(self, picture: Picture, pts: int, *, keyframe: bool) -> EncodedPicture:
        self.made.append(EncodedPicture(str(pts).encode(), keyframe or self._jpeg or not self.made))
        return self.made[-1]


def number(item: EncodedPicture) -> int:
    return int(item.content)


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def run(depth: int, story: Callable[[ViewChannel, Counting], Awaitable[None]]) -> Counting:
    encoder = Counting(jpeg=depth == 1)

    async def go() -> None:
        async with asyncio.timeout(ENDS_WITHIN):
            await story(ViewChannel(VIEWS["compare"], lambda: encoder, depth), encoder)

    asyncio.run(go())
    return encoder


async def take(viewer: Viewer, channel: ViewChannel, pts: int) -> int:
    """What it gets when it waits and this comes."""
    taking = asyncio.ensure_future(viewer.take())
    await settled()
    channel.write(ONE, pts)
    return number(await taking)


def test_nobody_looks_nothing_is_encoded() -> None:
    async def story(channel: ViewChannel, encoder: Counting) -> None:
        channel.write(ONE, 1)
        with channel.viewer() as viewer:
            assert await take(viewer, channel, 2) == 2
        channel.write(ONE, 3)

    assert [number(item) for item in run(1, story).made] == [2]


def test_it_is_encoded_once_for_all() -> None:
    async def story(channel: ViewChannel, encoder: Counting) -> None:
        with ExitStack() as stack:
            viewers = [stack.enter_context(channel.viewer()) for _ in range(5)]
            taking = [asyncio.ensure_future(viewer.take()) for viewer in viewers]
            await settled()
            channel.write(ONE, 1)
            assert [number(await one) for one in taking] == [1] * 5

    assert len(run(1, story).made) == 1


def test_one_who_stops_reading_is_passed_by() -> None:
    """A JPEG viewer keeps one picture, and gets a new one when it reads again, while the other sees all."""

    async def story(channel: ViewChannel, encoder: Counting) -> None:
        with channel.viewer() as stops, channel.viewer() as goes_on:
            taking = asyncio.ensure_future(stops.take())
            await settled()
            assert [await take(goes_on, channel, pts) for pts in range(100)] == list(range(100))
            assert number(await taking) == 0
            assert stops.held == 1
            assert number(await stops.take()) == 99, "the newest"

    run(1, story)


def test_only_such_that_stopped_cost_nothing() -> None:
    async def story(channel: ViewChannel, encoder: Counting) -> None:
        with channel.viewer() as viewer:
            assert await take(viewer, channel, 0) == 0
            for pts in range(1, 50):
                channel.write(ONE, pts)
                await settled()
            assert viewer.held == 1

    assert [number(item) for item in run(1, story).made] == [0, 1]


def test_in_order_coding_loses_its_place_and_begins_again_with_one_that_stands_alone() -> None:
    async def story(channel: ViewChannel, encoder: Counting) -> None:
        with channel.viewer() as stops, channel.viewer() as goes_on:
            await take(goes_on, channel, 0)
            assert await take(stops, channel, 1) == 0
            assert number(await goes_on.take()) == 1
            for pts in range(2, 40):
                assert await take(goes_on, channel, pts) == pts
                assert stops.held <= 4
            assert await take(stops, channel, 40) == 40

    encoder = run(4, story)
    alone = [number(item) for item in encoder.made if item.is_keyframe]
    assert alone == [0, 40], "asked for by one who reads again, not by one who does not"


def test_in_order_coding_survives_a_short_pause_whole() -> None:
    async def story(channel: ViewChannel, encoder: Counting) -> None:
        with channel.viewer() as viewer:
            assert await take(viewer, channel, 0) == 0
            for pts in (1, 2, 3):
                channel.write(ONE, pts)
                await settled()
            assert [number(await viewer.take()) for _ in range(3)] == [1, 2, 3]

    assert [item.is_keyframe for item in run(4, story).made] == [True, False, False, False]
