"""Streams from the network, with every fault that a server can have; the address is never said with what is secret in it."""

from __future__ import annotations

import contextlib
import itertools
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from runtime.errors import SourceError, SourceLost
from tests.support.video.clips import moving
from tests.support.video.servers import (
    ENDS_WITHIN,
    TS_PACKET,
    Answer,
    Server,
    first_all,
    http,
    noisy,
    paced,
    refuses,
    sends,
    silent,
    stream,
)
from video.live.sources.source import CapturedPicture, DroppedFrame, LiveClock
from video.live.sources.stream import StreamSource, redact

pytestmark = pytest.mark.network

GOP = 10
Items = list[CapturedPicture | DroppedFrame]
SECRET = "hunter2"


def read(address: str, timeout_s: float = ENDS_WITHIN) -> tuple[Items, SourceError]:
    """What came, and the error that ended it. A short `timeout_s` is for servers that send no more."""
    came: Items = []
    try:
        came.extend(StreamSource(address, timeout_s=timeout_s).frames(threading.Event()))
    except SourceError as error:
        return came, error
    raise AssertionError("a stream that is not stopped ends with an error")


def served(*answers: Answer, scheme: str = "tcp", timeout_s: float = ENDS_WITHIN) -> tuple[Items, SourceError]:
    with Server(answers) as server:
        return read(f"{scheme}://{server.address}", timeout_s)


def numbers(came: Sequence[CapturedPicture | DroppedFrame]) -> list[int]:
    """Which frame of `moving` each one is."""
    return [round((float(item.image[:, 2:12].mean()) - 20) / 8) for item in came if isinstance(item, CapturedPicture)]


def reasons(came: Items) -> list[str]:
    return [item.reason for item in came if isinstance(item, DroppedFrame)]


@pytest.mark.parametrize("scheme", ["tcp", "http"])
def test_frames_come_whole_in_order_and_with_their_times(scheme: str) -> None:
    answer = sends(stream(25))
    came, error = served(answer if scheme == "tcp" else http(answer), scheme=scheme)
    assert numbers(came) == list(range(25))
    frames = [item for item in came if isinstance(item, CapturedPicture)]
    times = [item.time for item in frames]
    assert None not in times
    assert np.diff(np.array(times)).tolist() == [Fraction(1, 25)] * 24
    assert all(before.arrived <= before.decoded <= after.decoded for before, after in pairwise(frames))
    assert np.abs(frames[7].image.astype(int) - moving(7, 96, 64)).mean() < 8
    assert isinstance(error, SourceLost), "a stream has no end: it is tried again"


def test_a_stream_joined_in_the_middle_begins_at_a_keyframe() -> None:
    data = stream(50, gop=GOP)
    middle = len(data) // 3 // TS_PACKET * TS_PACKET
    came, _ = served(sends(data[middle:]))
    first = numbers(came)[0]
    assert first
    assert first % GOP == 0
    assert numbers(came) == [index % 25 for index in range(first, first + len(numbers(came)))]


def test_a_stream_that_ends_within_a_picture_gives_all_before_it() -> None:
    data = stream(25)
    came, error = served(sends(data[: len(data) * 2 // 3]))
    assert numbers(came) == list(range(len(numbers(came))))
    assert len(numbers(came)) >= 10
    assert isinstance(error, SourceLost)


@pytest.mark.parametrize("seed", range(4))
def test_after_damage_nothing_comes_out_until_the_next_keyframe(seed: int) -> None:
    data = stream(150, gop=GOP)
    came, _ = served(sends(noisy(data, 25, after=len(data) // 4, seed=seed)))
    damaged = [index for index, item in enumerate(came) if isinstance(item, DroppedFrame) and item.reason == "damaged"]
    assert damaged, "the decoder notices some of so many flips"
    assert len(numbers(came)) >= 40, "it goes on"
    for index in damaged:
        again = [item for item in came[index:] if isinstance(item, CapturedPicture)][:1]
        assert all(number % (GOP // 2) == 0 for number in numbers(again)), "a keyframe: every tenth, and `moving` counts to 25"


def test_lost_packets_are_damage() -> None:
    data = stream(100, gop=GOP, size=(192, 128))
    packets = [data[at : at + TS_PACKET] for at in range(0, len(data), TS_PACKET)]
    del packets[len(packets) // 2 : len(packets) // 2 + 3]
    came, _ = served(sends(b"".join(packets)))
    assert "damaged" in reasons(came)
    last = next(index for index, item in enumerate(came) if isinstance(item, DroppedFrame))
    assert numbers(came[last:])[0] % (GOP // 2) == 0


def test_a_stream_without_further_keyframes_is_not_held_for_ever() -> None:
    data = stream(400, gop=1000)
    packets = [data[at : at + TS_PACKET] for at in range(0, len(data), TS_PACKET)]
    del packets[len(packets) // 10]
    came, _ = served(sends(b"".join(packets)))
    follows = reasons(came).count("after damage, until the next keyframe")
    assert 0 < follows <= 300
    assert isinstance(came[-1], CapturedPicture)


def test_the_size_may_change() -> None:
    came, _ = served(sends(stream(25) + stream(25, size=(128, 80), start=25 * 3600)))
    sizes = [item.image.shape[:2] for item in came if isinstance(item, CapturedPicture)]
    assert sizes[0] == (64, 96)
    assert sizes[-1] == (80, 128)
    infos = {id(item.info): item.info for item in came if isinstance(item, CapturedPicture)}.values()
    assert [(info.width, info.height) for info in infos] == [(96, 64), (128, 80)]


def test_a_change_of_codec_is_a_loss_and_the_next_connection_reads_it() -> None:
    other = stream(150, codec="mpeg4", start=25 * 3600)
    with Server([sends(stream(25) + other, then_silent=True), sends(other)]) as server:
        came, error = read(f"tcp://{server.address}", timeout_s=1.0)
        assert numbers(came)[:20] == list(range(20))
        assert isinstance(error, SourceLost)
        assert "got 50 damaged ones in a row" in str(error)
        came, _ = read(f"tcp://{server.address}")
    assert numbers(came) == [index % 25 for index in range(150)]


def test_b_frames_come_in_the_order_of_showing() -> None:
    came, _ = served(sends(stream(100, bf=2, gop=25)))
    assert numbers(came[50:]) == sorted(numbers(came[50:75])) + sorted(numbers(came[75:]))


@pytest.mark.parametrize("start", [2**33 - 20 * 3600, 0])
def test_times_that_wrap_go_on(start: int) -> None:
    """33 bits of 1/90000 s: a transport stream begins anew every 26.5 hours."""
    came, _ = served(sends(stream(50, start=start)))
    assert len(numbers(came)) == 50
    times = [item.time for item in came if isinstance(item, CapturedPicture)]
    assert np.diff(np.array(times)).tolist() == [Fraction(1, 25)] * 49


def test_after_a_jump_back_time_goes_on() -> None:
    came, _ = served(sends(stream(25, start=3600 * 90000) + stream(25)))
    assert len(numbers(came)) >= 45
    clock = LiveClock()
    times = [clock(item.time, index / 25) for index, item in enumerate(came) if isinstance(item, CapturedPicture)]
    assert clock.retimed == 1
    assert all(3600 <= step < 90000 for step in np.diff(times)), "a frame's distance, or a few where the joint cost some"


def test_a_stream_without_times() -> None:
    came, _ = served(sends(stream(50, format="h264")))
    assert numbers(came)[:20] == list(range(20))


@pytest.mark.parametrize("scheme", ["tcp", "http", "rtsp", "rtmp"])
def test_a_silent_server_is_let_go(scheme: str) -> None:
    came, error = served(silent, scheme=scheme, timeout_s=0.3)
    assert came == []
    assert isinstance(error, SourceLost)


@pytest.mark.parametrize("scheme", ["tcp", "http", "rtsp"])
def test_a_half_open_connection_is_let_go(scheme: str) -> None:
    """The system has taken the call, and no program ever will: what a machine looks like that hangs."""
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        came, error = read(f"{scheme}://127.0.0.1:{nobody.getsockname()[1]}", 0.3)
    assert came == []
    assert type(error) is SourceLost


def test_a_connection_that_is_reset_is_a_loss() -> None:
    enough = threading.Event()

    def reset(client: socket.socket, over: threading.Event) -> None:
        client.sendall(stream(25))
        enough.wait(ENDS_WITHIN)  # a reset takes what was not read yet with it
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()

    def watch(address: str) -> None:
        for index, _ in enumerate(StreamSource(address, timeout_s=ENDS_WITHIN).frames(threading.Event())):
            if index == 19:
                enough.set()

    with Server([reset]) as server, pytest.raises(SourceLost):
        watch(f"tcp://{server.address}")
    assert enough.is_set()


def test_a_stream_that_falls_silent_is_let_go() -> None:
    came, error = served(sends(stream(25), then_silent=True), timeout_s=0.3)
    assert len(numbers(came)) >= 20
    assert isinstance(error, SourceLost)


def test_nobody_listens() -> None:
    with Server([]) as server:
        address = server.address
    came, error = read(f"rtsp://{address}/1")
    assert (came, type(error)) == ([], SourceLost)
    assert "Connection refused" in str(error)


FATAL = {"401 Unauthorized": "another user or password", "403 Forbidden": "refuses", "404 Not Found": "nothing under", "410 Gone": "4xx"}


@pytest.mark.parametrize("protocol", ["HTTP/1.1", "RTSP/1.0"])
@pytest.mark.parametrize("status", FATAL)
def test_some_errors_are_fatal(status: str, protocol: str) -> None:
    _, error = served(refuses(status, protocol), refuses(status, protocol), scheme=protocol[:4].lower())
    assert type(error) is SourceError
    assert FATAL[status] in str(error)


def test_a_server_that_is_busy_is_not_fatal() -> None:
    _, error = served(refuses("503 Service Unavailable"), scheme="http")
    assert type(error) is SourceLost


def test_something_else_than_video() -> None:
    _, error = served(http(sends(b"<html>a page</html>" * 100)), scheme="http")
    assert type(error) is SourceLost
    assert "\n" not in str(error)


def test_whole_segments_are_refused() -> None:
    playlist = b"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2.0,\nhttp://%s/0.ts\n"
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/vnd.apple.mpegurl\r\n\r\n"
    segment = http(sends(stream(50)))
    address: list[str] = []

    def list_them(client: object, over: object) -> None:
        client.sendall(playlist % address[0].encode())  # type: ignore[attr-defined]

    with Server([http(list_them, head), segment, segment, segment, segment]) as server:
        address.append(server.address)
        came, error = read(f"http://{server.address}/live.m3u8")
    assert (came, type(error)) == ([], SourceError)
    assert "delivers seconds at once" in str(error)


def test_being_stopped_lets_go_of_a_stream_that_goes_on() -> None:
    stopped = threading.Event()
    came: Items = []

    def consume() -> None:
        for item in StreamSource(f"tcp://{server.address}").frames(stopped):
            came.append(item)
            stopped.set()

    with Server([first_all(stream(50), then=paced(stream(50, start=50 * 3600), 5000, ENDS_WITHIN))]) as server:
        reader = threading.Thread(target=consume, daemon=True)
        reader.start()
        reader.join(ENDS_WITHIN)
        assert not reader.is_alive()
    assert came


def test_a_decoder_that_is_behind_goes_on_with_the_present() -> None:
    """By a clock that counts packets, all has arrived long ago when the first picture is handed on: what is left begins at a keyframe."""
    ticks = itertools.count()
    came: Items = []
    with Server([sends(stream(140))]) as server, contextlib.suppress(SourceLost):
        source = StreamSource(f"tcp://{server.address}", timeout_s=ENDS_WITHIN, clock=lambda: next(ticks) * 0.04)
        for item in source.frames(threading.Event()):
            came.append(item)
            for thread in threading.enumerate():
                if thread.name == "clearway-reader-receive":
                    thread.join(ENDS_WITHIN)
    assert "decoding was busy" in reasons(came)
    assert "damaged" not in reasons(came)
    # The last one: on a busy machine the decoder may have taken a few packets, and skipped some, before the first item.
    busy = max(index for index, item in enumerate(came) if isinstance(item, DroppedFrame))
    left = len(numbers(came[busy:]))
    assert left % GOP == 0, "from a keyframe on"
    assert left <= 25 + GOP, "one that is less than a second old, or the next"
    assert numbers(came[busy:]) == [index % 25 for index in range(140 - left, 140)], "all since"
    assert len(came) == 140, "shown or counted"


ADDRESSES = {
    "rtsp://admin:hunter2@cam:554/live?channel=1&password=hunter2": "rtsp://***@cam:554/live?channel=***&password=***",
    "rtsp://admin:hunter2@cam/live": "rtsp://***@cam/live",
    "rtsp://cam/live": "rtsp://cam/live",
    "http://user:hun/ter2@ter@cam/a": "http://***@cam/a",
    "http://user:hun?ter2@cam/a?b": "http://***@cam/a",
    "http://cam/a?hunter2": "http://cam/a?***",
    "rtmp://hunter2@cam/app/key": "rtmp://***@cam/app/key",
    "HTTP://cam/a?x=1": "HTTP://cam/a?x=***",
}


@pytest.mark.parametrize("address", ADDRESSES)
def test_what_is_secret_is_never_said(address: str) -> None:
    assert redact(address) == ADDRESSES[address]


def secrets() -> Iterator[tuple[str, Answer | None]]:
    for scheme, protocol in (("http", "HTTP/1.1"), ("rtsp", "RTSP/1.0")):
        for status in ("401 Unauthorized", "404 Not Found", "503 Service Unavailable"):
            yield scheme, refuses(status, protocol)
        yield scheme, silent
        yield scheme, None


@pytest.mark.parametrize(("scheme", "answer"), list(secrets()))
def test_no_error_holds_a_password(scheme: str, answer: Answer | None) -> None:
    """A process of its own: what FFmpeg itself may print counts too, and so does a traceback."""
    with Server([answer, answer] if answer is not None else []) as server:
        address = f"{scheme}://admin:{SECRET}@{server.address}/a?token={SECRET}"
        code = (
            "import sys, threading\nfrom video.live.sources.stream import StreamSource\n"
            "for item in StreamSource(sys.argv[1], timeout_s=0.5).frames(threading.Event()): pass"
        )
        done = subprocess.run([sys.executable, "-c", code, address], capture_output=True, text=True, check=False, timeout=ENDS_WITHIN)
    assert done.returncode == 1
    assert "runtime.errors.Source" in done.stderr, "it came as far as the server"
    assert SECRET not in done.stderr + done.stdout
