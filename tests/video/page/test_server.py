"""The page over HTTP: what is answered where, what is refused and to whom, and that nobody who looks can hold anything up."""

from __future__ import annotations

import io
import itertools
import json
import re
import socket
import time
import zipfile
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from typing import Any, TypeVar

import aiohttp
import cv2
import numpy as np
import pytest

from runtime.files.pictures import left_behind, read_picture
from tests.support.video.live import GatheringSink, soon
from tests.support.video.servers import ENDS_WITHIN, Server, refuses
from tests.support.video.serving import HEIGHT, WIDTH, Page, ask, client, page
from video.live.sources.pretend import PatternSource
from video.live.sources.stream import StreamSource

pytestmark = pytest.mark.network

_T = TypeVar("_T")


async def events(session: aiohttp.ClientSession, page: Page) -> AsyncIterator[dict[str, Any]]:
    async with session.get(f"{page.path}/events") as answer:
        async for line in answer.content:
            if line.startswith(b"data: "):
                yield json.loads(line[6:])


def told(page: Page, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The first event of which this holds."""

    async def story(session: aiohttp.ClientSession) -> dict[str, Any]:
        async for event in events(session, page):
            if holds(event):
                return event
        raise AssertionError("the events ended")

    return client(story)


async def jpegs(answer: aiohttp.ClientResponse) -> AsyncIterator[Any]:
    reader = aiohttp.MultipartReader.from_response(answer)
    while (part := await reader.next()) is not None:
        assert isinstance(part, aiohttp.BodyPartReader)
        yield cv2.imdecode(np.frombuffer(await part.read(), np.uint8), cv2.IMREAD_COLOR)


def test_the_page_and_all_that_it_names_are_there() -> None:
    with page() as served:
        status, html = ask(served.url)
        assert status == 200
        named = set(re.findall(rb'(?:src|href)="([^"#]+)"', html))
        assert named == {b"/icon.svg", b"/page.css", b"/page.js"}
        script = ask(f"{served.url}page.js")[1]
        for path in named | set(re.findall(rb'from "([^"]+)"', script)):
            assert ask(served.url.rstrip("/") + path.decode())[0] == 200, path
        camera = {"name": "pattern-96x64-25", "source": "pattern:96x64@25", "models": ["20", "40", "broken"]}
        views = [("compare", "Before / after", True), ("removed", "Removed", False)]
        camera["views"] = [{"name": name, "title": title, "is_pair": is_pair} for name, title, is_pair in views]  # type: ignore[misc]
        assert ask(f"{served.url}cameras") == (200, {"cameras": [camera], "webrtc": True})


def test_what_is_not_there_or_not_so_is_one_line() -> None:
    with page() as served:
        assert ask(f"{served.url}../../etc/passwd")[0] == 404
        assert ask(f"{served.url}static/page.js") == (404, {"error": "GET /static/page.js: Not Found"})
        expected = "expected one of the cameras pattern-96x64-25"
        assert ask(f"{served.url}cameras/other/events") == (404, {"error": f"GET /cameras/other/events: {expected}"})
        assert ask(f"{served.path}/sideways.mjpeg")[1]["error"].endswith("expected one of the views compare, removed")
        for path, wrong in (("model", "GET"), ("strength", "PUT"), ("compare.mjpeg", "POST"), ("snapshot.zip", "DELETE")):
            assert ask(f"{served.path}/{path}", wrong)[0] == 405


def test_other_sites_may_neither_look_nor_change() -> None:
    with page() as served:
        status, said = ask(f"{served.url}cameras", Host="evil.example")
        assert (status, said) == (403, {"error": "Host: expected an address or a name of this machine, got 'evil.example'"})
        for origin in ("http://evil.example", "null"):
            assert ask(f"{served.path}/strength", "POST", {"strength": 0.5}, Origin=origin)[0] == 403
        assert served.model.state.strength == 1
        assert ask(f"{served.path}/strength", "POST", {"strength": 0.5}, Origin=served.url.rstrip("/")) == (200, {})
        assert served.model.state.strength == 0.5


def test_every_answer_forbids_others_to_embed_it() -> None:
    async def story(session: aiohttp.ClientSession) -> None:
        for path in ("", "cameras", "nothing", f"cameras/{served.camera.name}/compare.mjpeg", f"cameras/{served.camera.name}/events"):
            async with session.get(served.url + path) as answer:
                assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
                assert answer.headers["Content-Security-Policy"].startswith("default-src 'self'")

    with page() as served:
        client(story)


def test_the_picture_moves() -> None:
    async def story(session: aiohttp.ClientSession) -> None:
        async with session.get(f"{served.path}/compare.mjpeg") as answer:
            came = [picture async for _, picture in aenumerate(jpegs(answer), 6)]
        for picture in came:
            before, after = picture[:HEIGHT].astype(int), picture[HEIGHT:]
            assert picture.shape == (2 * HEIGHT, WIDTH, 3)
            assert 15 < np.median(after - before) < 25, "the model adds 20 levels"
        assert any(np.abs(picture.astype(int) - came[0]).max() > 50 for picture in came[1:]), "the bar walks"
        async with session.get(f"{served.path}/removed.mjpeg") as answer:
            async for removed in jpegs(answer):
                assert abs(np.median(removed) - 118) < 3
                break

    with page() as served:
        client(story)


async def aenumerate(items: AsyncIterator[_T], most: int) -> AsyncIterator[tuple[int, _T]]:
    index = 0
    async for item in items:
        yield index, item
        if (index := index + 1) == most:
            return


def test_the_numbers() -> None:
    with page() as served:
        event = told(served, lambda event: event["numbers"] is not None and event["numbers"]["restored"] > 5)
    numbers = event["numbers"]
    assert event["model"] == {"model": "20", "strength": 1.0, "loading": None, "trouble": None}
    assert (numbers["source"], numbers["state"]) == ("pattern:96x64@25", "running")
    assert numbers["latency"]["p95_ms"] >= numbers["latency"]["p50_ms"] > 0
    assert numbers["latency"]["count"] <= numbers["restored"]


def test_strength_is_changed_and_wrong_ones_are_refused() -> None:
    with page() as served:
        assert ask(f"{served.path}/strength", "POST", {"strength": 0}) == (200, {})
        assert told(served, lambda event: True)["model"]["strength"] == 0
        status, said = ask(f"{served.path}/strength", "POST", {"strength": 2})
        assert (status, said["error"].startswith("strength: "), "2" in said["error"]) == (400, True, True)
        strange: list[Any] = [{"strength": "1"}, {"strength": True}, {"strength": None}, {}, [], "x"]
        for wrong in strange:
            status, said = ask(f"{served.path}/strength", "POST", wrong)
            assert (status, said["error"][:42]) == (400, 'expected JSON such as {"strength": …}, got')
        assert served.model.state.strength == 0


def test_the_model_is_switched_and_one_that_fails_is_told() -> None:
    with page() as served:
        assert ask(f"{served.path}/model", "POST", {"model": "40"}) == (200, {})
        assert told(served, lambda event: event["model"]["model"] == "40")["model"]["trouble"] is None
        assert ask(f"{served.path}/model", "POST", {"model": "broken"}) == (200, {})
        event = told(served, lambda event: event["model"]["trouble"] is not None)
        assert event["model"]["model"] == "40"
        assert event["model"]["trouble"].startswith("broken: ")
        assert ask(f"{served.path}/model", "POST", {"model": "../x"})[0] == 400
        came = served.live.statistics().restored
        soon(lambda: served.live.statistics().restored > came, "the old model runs on")


def test_a_snapshot_is_of_one_moment_and_says_what_was_done(tmp_path: Any) -> None:
    async def story(session: aiohttp.ClientSession) -> tuple[str, bytes]:
        async with session.get(f"{served.path}/snapshot.zip") as answer:
            return answer.headers["Content-Disposition"], await answer.read()

    with page() as served:
        told(served, lambda event: event["numbers"] is not None and event["numbers"]["restored"] > 0)
        soon(lambda: served.camera.sink.newest is not None, "a frame")
        disposition, packed = client(story)
    assert re.fullmatch(r'attachment; filename="clearway_pattern-96x64-25_[\d_+-]+\.zip"', disposition)
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        archive.extractall(tmp_path)
    before, after = sorted(tmp_path.iterdir(), reverse=True)
    assert (before.name[-11:], after.name[-10:]) == ("_before.png", "_after.png")
    moved = read_picture(after).astype(int) - read_picture(before)
    assert set(np.unique(moved)) <= {20, 20 - 256}, "every pixel: no other moment's bar, no compression"
    assert b"Restored by Clearway: model 20, version 1, strength 1" in after.read_bytes()
    assert left_behind(before) == ()


def test_there_is_no_snapshot_before_there_is_a_picture() -> None:
    with Server(itertools.repeat(refuses("503 Busy"))) as away, page(StreamSource(f"http://{away.address}")) as served:
        status, said = ask(f"{served.path}/snapshot.zip")
    assert (status, said["error"][-58:]) == (409, "there is none yet; try again when the page shows a picture")


def test_a_viewer_who_stops_reading_holds_nothing_up() -> None:
    """Each asks for the stream and never reads it; the pictures are large, so that the system's buffers are soon full."""
    sink = GatheringSink(name="other")
    with page(PatternSource(640, 480, 100), ["20"], sink) as served:
        _, _, port = served.url.rstrip("/").rpartition(":")
        stalled = [socket.create_connection(("127.0.0.1", int(port))) for _ in range(3)]
        for one in stalled:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            one.sendall(f"GET /cameras/{served.camera.name}/compare.mjpeg HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        channel = served.camera.sink.jpeg["compare"]
        soon(lambda: len(channel.viewers) == 3, "three viewers")
        soon(lambda: not any(viewer.wants for viewer in channel.viewers), "they are full")
        seen = len(sink.shown)
        soon(lambda: len(sink.shown) > seen + 20, "the others go on")
        assert all(viewer.held == 1 for viewer in channel.viewers)
        client(lambda session: _looks(session, served, 3))
        for one in stalled:
            one.close()
        soon(lambda: channel.viewers == (), "those who have gone are forgotten")


async def _looks(session: aiohttp.ClientSession, served: Page, most: int) -> None:
    async with session.get(f"{served.path}/compare.mjpeg") as answer:
        assert len([index async for index, _ in aenumerate(jpegs(answer), most)]) == most


def test_it_ends_at_once_with_viewers_who_stay() -> None:
    connections = []
    with page() as served:
        _, _, port = served.url.rstrip("/").rpartition(":")
        for what in ("events", "compare.mjpeg", "removed.mjpeg"):
            connections.append(socket.create_connection(("127.0.0.1", int(port))))
            connections[-1].sendall(f"GET /cameras/{served.camera.name}/{what} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            assert connections[-1].recv(12) == b"HTTP/1.1 200"
        began = time.monotonic()
    assert time.monotonic() - began < ENDS_WITHIN, "the page's own limit raises long before"
    for one in connections:
        one.close()


def test_credentials_are_nowhere() -> None:
    """The camera refuses them: its error is told on the page, too."""
    secrets = (b"hunter2", b"token-77")
    with ExitStack() as stack:
        camera = stack.enter_context(Server(itertools.repeat(refuses("503 Busy"))))
        served = stack.enter_context(page(StreamSource(f"http://me:hunter2@{camera.address}/live?key=token-77")))
        event = told(served, lambda event: event["numbers"] is not None and event["numbers"]["trouble"] is not None)
        answers = [json.dumps(event).encode()]
        for path in ("", "cameras", f"cameras/{served.camera.name}/snapshot.zip", f"cameras/{served.camera.name}/nothing"):
            answers.append(repr(ask(served.url + path)).encode())
    assert "5XX Server Error" in event["numbers"]["trouble"]
    for answer in (*answers, served.url.encode()):
        assert not any(secret in answer for secret in secrets), answer
