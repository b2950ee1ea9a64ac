"""The page's HTTP addresses: what each takes and what it answers. Does not know threads, sockets or how a run works.

    GET  /                                  the page; /page.js, /page.css, …
    GET  /cameras                           {cameras: [{name, source, models, views: [{name, title, is_pair}]}], webrtc}
    GET  /cameras/NAME/events               server-sent: the model and the numbers, twice a second
    GET  /cameras/NAME/VIEW.mjpeg           VIEW: a name of video/page/views.py
    POST /cameras/NAME/VIEW/offer           {sdp} → {sdp}: the same by WebRTC
    GET  /cameras/NAME/snapshot.zip         before and after as PNG
    POST /cameras/NAME/model                {model}
    POST /cameras/NAME/strength             {strength}

An error is one line: {error}.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import socket
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runtime.errors import ClearwayError, MissingExtra, UsageError, needs_extra
from video.page.address import Address, may_change
from video.page.camera import Camera, name_apart
from video.page.viewers import ViewChannel

with needs_extra("live"):
    from aiohttp import web

if TYPE_CHECKING:
    from video.page.webrtc import WebRtcPeers  # imported below where aiortc is installed

_STATIC = Path(__file__).parent / "static"
_FILES = {
    "/": ("index.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
    "/picture.js": ("picture.js", "text/javascript"),
    "/chart.js": ("chart.js", "text/javascript"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
_EVENTS_S = 0.5
_RECENT_S = 1.0
_BUFFER = 1 << 17  # bytes the system keeps for a viewer who reads slowly: a picture or two, where it would be seconds
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; media-src 'self' blob:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class PageRoutes:
    """All calls are in one event loop."""

    def __init__(self, cameras: Sequence[Camera], address: Address) -> None:
        self._cameras = name_apart(cameras)
        self._address = address
        self._peers: WebRtcPeers | None = None
        if importlib.util.find_spec("aiortc") is not None:
            from video.page.webrtc import WebRtcPeers

            self._peers = WebRtcPeers()

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._guard], client_max_size=1 << 16)
        for path in _FILES:
            app.router.add_get(path, _file)
        app.router.add_get("/cameras", self._list)
        camera = "/cameras/{camera}"
        app.router.add_get(f"{camera}/events", self._events)
        app.router.add_get(f"{camera}/{{view}}.mjpeg", self._mjpeg)
        app.router.add_get(f"{camera}/snapshot.zip", self._snapshot)
        app.router.add_post(f"{camera}/{{view}}/offer", self._offer)
        app.router.add_post(f"{camera}/model", self._model)
        app.router.add_post(f"{camera}/strength", self._strength)
        return app

    async def close(self) -> None:
        if self._peers is not None:
            await self._peers.close()

    @web.middleware
    async def _guard(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        host = request.headers.get("Host")
        if not self._address.may_ask(host):
            return _refusal(403, f"Host: expected an address or a name of this machine, got {host!r}")
        if request.method not in ("GET", "HEAD") and not may_change(host, request.headers.get("Origin")):
            return _refusal(403, f"Origin: expected the page itself, got {request.headers.get('Origin')!r}")
        try:
            return await handler(request)
        except web.HTTPException as error:
            return _refusal(error.status, f"{request.method} {request.path}: {error.reason}", error.headers.get("Allow"))
        except ClearwayError as error:
            return _refusal(400 if isinstance(error, UsageError) else 409, str(error))

    def _camera(self, request: web.Request) -> Camera:
        try:
            return self._cameras[request.match_info["camera"]]
        except KeyError:
            raise web.HTTPNotFound(reason=f"expected one of the cameras {', '.join(self._cameras)}") from None

    async def _list(self, request: web.Request) -> web.Response:
        cameras = [camera.facts() for camera in self._cameras.values()]
        return _json({"cameras": cameras, "webrtc": self._peers is not None})

    async def _events(self, request: web.Request) -> web.StreamResponse:
        camera, response = self._camera(request), web.StreamResponse(headers=_HEADERS | {"Content-Type": "text/event-stream"})
        _hold_little(request)
        await response.prepare(request)
        with suppress(ConnectionError):  # until the viewer goes
            while True:
                moment = camera.moment(time.monotonic() - _RECENT_S)
                await response.write(f"data: {json.dumps(moment, ensure_ascii=False)}\n\n".encode())
                await asyncio.sleep(_EVENTS_S)
        return response

    async def _mjpeg(self, request: web.Request) -> web.StreamResponse:
        channel = _channel(request, self._camera(request).sink.jpeg)
        response = web.StreamResponse(headers=_HEADERS | {"Content-Type": "multipart/x-mixed-replace; boundary=frame"})
        _hold_little(request)
        await response.prepare(request)
        with suppress(ConnectionError), channel.viewer() as viewer:
            while True:
                picture = (await viewer.take()).content
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
                await response.write(head.encode() + picture + b"\r\n")
        return response

    async def _offer(self, request: web.Request) -> web.Response:
        channel = _channel(request, self._camera(request).sink.h264)
        offer = await _said(request, "sdp", str)
        if self._peers is None:
            raise MissingExtra("aiortc", "live")
        return _json({"sdp": await self._peers.answer(offer, channel)})

    async def _snapshot(self, request: web.Request) -> web.Response:
        name, packed = await asyncio.to_thread(self._camera(request).snapshot)
        headers = _HEADERS | {"Content-Disposition": f'attachment; filename="{name}"'}
        return web.Response(body=packed, content_type="application/zip", headers=headers)

    async def _model(self, request: web.Request) -> web.Response:
        camera = self._camera(request)
        camera.model.switch(await _said(request, "model", str))
        return _json({})

    async def _strength(self, request: web.Request) -> web.Response:
        camera = self._camera(request)
        camera.model.set_strength(await _said(request, "strength", (int, float)))
        return _json({})


async def _file(request: web.Request) -> web.Response:
    name, kind = _FILES[request.path]
    return web.Response(body=(_STATIC / name).read_bytes(), content_type=kind, charset="utf-8", headers=_HEADERS)


def _channel(request: web.Request, channels: Mapping[str, ViewChannel]) -> ViewChannel:
    try:
        return channels[request.match_info["view"]]
    except KeyError:
        raise web.HTTPNotFound(reason=f"expected one of the views {', '.join(channels)}") from None


async def _said(request: web.Request, key: str, kind: type | tuple[type, ...]) -> Any:
    expected = f'expected JSON such as {{"{key}": …}}'
    try:
        said = json.loads(await request.text())
    except ValueError as error:
        raise UsageError(f"{expected}, got something else") from error
    value = said.get(key) if isinstance(said, dict) else None
    if not isinstance(value, kind) or isinstance(value, bool):
        raise UsageError(f"{expected}, got {json.dumps(value)} as {key}")
    return value


def _hold_little(request: web.Request) -> None:
    """A viewer who stops reading is shown the present when it reads again, and costs no memory until then."""
    transport = request.transport
    if transport is not None and (connection := transport.get_extra_info("socket")) is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)


def _json(answer: Any) -> web.Response:
    return web.json_response(answer, headers=_HEADERS)


def _refusal(status: int, error: str, allow: str | None = None) -> web.Response:
    return web.json_response({"error": error}, status=status, headers=_HEADERS | ({} if allow is None else {"Allow": allow}))
