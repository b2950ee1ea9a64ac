"""The servers of the live tests: plain sockets that send, fall silent, break off and come back as told. Without FFmpeg."""

from __future__ import annotations

import contextlib
import io
import socket
import threading
from collections.abc import Callable, Iterable
from fractions import Fraction
from types import TracebackType

import av
import numpy as np
from av.video.stream import VideoStream

from tests.support.video.clips import moving

ENDS_WITHIN = 60.0  # seconds; a hang is caught, a slow machine is not
_HTTP = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: video/mp2t\r\n\r\n"
TS_PACKET = 188

Answer = Callable[[socket.socket, threading.Event], None]  # the second is set when the server ends


def stream(
    frames: int = 50,
    *,
    size: tuple[int, int] = (96, 64),
    start: int = 0,
    gop: int = 10,
    format: str = "mpegts",
    bf: int = 0,
    codec: str = "libx264",
) -> bytes:
    """An encoded stream of `moving`, 25 frames a second, from `start` ticks of 1/90000 s on."""
    written = io.BytesIO()
    options = {"g": str(gop), "bf": str(bf)}
    if codec == "libx264":
        options |= {"preset": "ultrafast", "keyint_min": str(gop), "sc_threshold": "0", "qp": "12"}
    with av.open(written, "w", format=format) as container:
        video = container.add_stream(codec, rate=25, options=options)
        assert isinstance(video, VideoStream)
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        video.codec_context.time_base = Fraction(1, 90000) if codec.startswith("libx") else Fraction(1, 25)
        for index in range(frames):
            frame = av.VideoFrame.from_ndarray(moving(index, *size), format="bgr24")
            frame.pts, frame.time_base = start + index * 3600, Fraction(1, 90000)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
    return written.getvalue()


def sends(data: bytes, *, then_silent: bool = False) -> Answer:
    def answer(client: socket.socket, over: threading.Event) -> None:
        client.sendall(data)
        if then_silent:
            over.wait(ENDS_WITHIN)

    return answer


def http(answer: Answer, head: bytes = _HTTP) -> Answer:
    def after_the_request(client: socket.socket, over: threading.Event) -> None:
        client.recv(65536)
        client.sendall(head)
        answer(client, over)

    return after_the_request


def paced(data: bytes, pieces: int, seconds: float) -> Answer:
    """Sent bit by bit over so long."""

    def answer(client: socket.socket, over: threading.Event) -> None:
        step = -(-len(data) // pieces)
        for at in range(0, len(data), step):
            client.sendall(data[at : at + step])
            if over.wait(seconds / pieces):
                return

    return answer


def first_all(data: bytes, *, then: Answer) -> Answer:
    def answer(client: socket.socket, over: threading.Event) -> None:
        client.sendall(data)
        then(client, over)

    return answer


def refuses(status: str, protocol: str = "HTTP/1.1") -> Answer:
    def answer(client: socket.socket, over: threading.Event) -> None:
        client.recv(65536)
        client.sendall(f"{protocol} {status}\r\nCSeq: 1\r\nContent-Length: 0\r\n\r\n".encode())

    return answer


def silent(client: socket.socket, over: threading.Event) -> None:
    over.wait(ENDS_WITHIN)


class Server:
    """Gives each connection the next answer; after the last one connections are refused. Use it as a context manager."""

    def __init__(self, answers: Iterable[Answer]) -> None:
        self._answers = answers
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"

    def _accept(self) -> None:
        for answer in self._answers:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(client, answer), daemon=True)
            self._threads.append(thread)
            thread.start()
        self._socket.close()

    def _serve(self, client: socket.socket, answer: Answer) -> None:
        try:
            with client:
                answer(client, self._over)
                client.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the reader has gone, as readers do

    def __enter__(self) -> Server:
        self._threads[0].start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        with contextlib.suppress(OSError):  # closed already
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in list(self._threads):
            thread.join(ENDS_WITHIN)


def noisy(data: bytes, flips: int, *, after: int, seed: int = 1) -> bytes:
    """Single bits turned over in the payload of transport packets; their headers stay whole."""
    torn, random = bytearray(data), np.random.default_rng(seed)
    while flips:
        at = int(random.integers(after, len(data)))
        if at % TS_PACKET >= 12:
            torn[at] ^= 1 << int(random.integers(8))
            flips -= 1
    return bytes(torn)
