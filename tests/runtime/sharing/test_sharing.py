"""Streams that share a restorer: each future has its own frame's answer or error, in order, and closing one concerns no other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from runtime.errors import BackendError, PictureError, UsageError
from runtime.picture import Picture
from runtime.restorer import Restored, Restorer, load
from runtime.sharing.sharing import SharedRestorer
from tests.support.engines import ENGINES
from tests.support.tiny import make_bundle

LONG = 30.0  # seconds: whoever waits for so long waits for ever
BAD = 99  # a picture of this level is refused


def picture(level: int = 1, height: int = 24) -> Picture:
    return np.full((height, 32, 3), level, np.uint8)


class Engine:
    """In the place of a Restorer. Its gate lets a run end; what it ran is written down when a run begins."""

    def __init__(self, depth: int = 1) -> None:
        self.choice = SimpleNamespace(backend=SimpleNamespace(depth=depth))
        self.ran: list[list[int]] = []
        self.begun = threading.Semaphore(0)
        self.gate = threading.Semaphore(0)
        self.open = False

    def __call__(self, source: Picture) -> Restored:
        return self._run([source])[0]

    def batch(self, sources: Sequence[Picture]) -> list[Restored]:
        return self._run(sources)

    def _run(self, sources: Sequence[Picture]) -> list[Restored]:
        levels = [int(source[0, 0, 0]) for source in sources]
        self.ran.append(levels)
        self.begun.release()
        if not self.open:
            assert self.gate.acquire(timeout=LONG)
        if BAD in levels:
            raise BackendError("refused")
        return [Restored(source + np.uint8(10), source, None, np.zeros(3, np.float32)) for source in sources]

    def busy(self) -> None:
        """Returns once a run has begun that was not waited for before."""
        assert self.begun.acquire(timeout=LONG)


@pytest.fixture
def engine() -> Iterator[Engine]:
    made = Engine()
    yield made
    made.gate.release(100)


def shared(engine: Engine, most: int = 1) -> SharedRestorer:
    return SharedRestorer(cast("Restorer", engine), most)


def level_of(future: Future[Restored]) -> int:
    return int(future.result(LONG).image[0, 0, 0])


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("most", [1, 3])
def test_each_gets_its_own_in_order(tmp_path: Path, name: str, most: int) -> None:
    ended: dict[str, list[int]] = {stream: [] for stream in ("front", "left", "right")}

    def when_done(stream: str, number: int) -> Callable[[Future[Restored]], None]:
        return lambda _: ended[stream].append(number)

    with load(make_bundle(tmp_path / "tiny", "brighten"), name) as restorer, SharedRestorer(restorer, most) as sharing:
        streams = [sharing.stream(stream, within=5) for stream in ended]
        futures = []
        for number in range(30):
            for place, stream in enumerate(streams):
                source = picture(number + 50 * place, 24 + number % 2)
                futures.append((source, stream.submit(source)))
                futures[-1][1].add_done_callback(when_done(stream.name, number))
        for source, future in futures:
            restored = future.result(LONG)
            assert restored.source is source
            assert np.array_equal(restored.image, source + 10)
        said = sharing.statistics()
        assert {stream: said["streams"][stream]["frames"] for stream in ended} == dict.fromkeys(ended, 30)
        assert 90 / most <= said["runs"] <= 90
    assert ended == {stream: list(range(30)) for stream in ended}


def test_an_error_goes_to_its_own_frame(tmp_path: Path) -> None:
    with load(make_bundle(tmp_path / "tiny", "brighten"), "onnxruntime") as restorer, SharedRestorer(restorer, 4) as sharing:
        one, other = sharing.stream("one", 5), sharing.stream("other", 5)
        wrong = [one.submit(cast("Picture", given)) for given in (None, picture().astype(np.float32), picture()[:4])]
        right = [stream.submit(picture(5)) for stream in (one, other, one, other)]
        for future in wrong:
            with pytest.raises(PictureError):
                future.result(LONG)
        assert [level_of(future) for future in right] == [15] * 4


def test_a_batch_that_fails_is_run_again_one_by_one(engine: Engine) -> None:
    with shared(engine, most=3) as sharing:
        streams = [sharing.stream(f"{n}", within=LONG) for n in range(3)]
        first = streams[0].submit(picture(1))  # alone, since nobody knows how long a run takes
        engine.busy()
        futures = [stream.submit(picture(level)) for stream, level in zip(streams, (2, BAD, 4), strict=True)]
        engine.gate.release(10)
        assert [level_of(future) for future in (first, futures[0], futures[2])] == [11, 12, 14]
        with pytest.raises(BackendError, match="refused"):
            futures[1].result(LONG)
        assert engine.ran == [[1], [2, BAD, 4], [2], [BAD], [4]]
        assert sharing.statistics()["failed_batches"] == 1


def test_what_ends_first_waits_for_what_came_first() -> None:
    engine = Engine(depth=2)
    ended: list[int] = []
    slow = threading.Semaphore(0)

    class Uneven:
        choice = engine.choice

        def __call__(self, source: Picture) -> Restored:
            level = int(source[0, 0, 0])
            if level == 1:
                assert slow.acquire(timeout=LONG)
            engine.begun.release()
            return Restored(source, source, None, np.zeros(3, np.float32))

    with SharedRestorer(cast("Restorer", Uneven())) as sharing:
        stream = sharing.stream("one", 1)
        futures = [stream.submit(picture(level)) for level in (1, 2, 3)]
        for level, future in enumerate(futures, start=1):
            future.add_done_callback(lambda _, level=level: ended.append(level))  # type: ignore[misc]
        engine.busy()  # 2 is done
        engine.busy()  # 3 is done, by the same worker: it has handed out what it could of 2
        assert ended == []
        slow.release()
        assert [level_of(future) for future in futures] == [1, 2, 3]
    assert ended == [1, 2, 3]


def test_closing_ends_what_runs_and_fails_what_waits(engine: Engine) -> None:
    sharing = shared(engine)
    stream = sharing.stream("front", 1)
    running, waiting = stream.submit(picture(1)), stream.submit(picture(2))
    engine.busy()
    closing = threading.Thread(target=sharing.close)
    closing.start()
    with pytest.raises(BackendError, match="the shared restorer was closed before this frame's turn"):
        waiting.result(LONG)
    engine.gate.release()
    closing.join(LONG)
    assert level_of(running) == 11
    assert engine.ran == [[1]]
    sharing.close()
    for late in (lambda: stream.submit(picture()), lambda: sharing.stream("new", 1)):
        with pytest.raises(BackendError, match="was closed"):
            late()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("clearway-shared")]


def test_a_stream_that_is_closed_leaves_the_others_alone(engine: Engine) -> None:
    with shared(engine) as sharing:
        one, other = sharing.stream("one", 1), sharing.stream("other", 1)
        running = one.submit(picture(1))
        engine.busy()
        waiting, kept = one.submit(picture(2)), other.submit(picture(3))
        one.close()
        one.close()
        with pytest.raises(BackendError, match="the stream one was closed before this frame's turn"):
            waiting.result(LONG)
        with pytest.raises(BackendError, match="the stream one was closed"):
            one.submit(picture())
        engine.gate.release(10)
        assert [level_of(running), level_of(kept)] == [11, 13]
        assert sharing.statistics()["streams"].keys() == {"other"}
        assert level_of(sharing.stream("one", 1).submit(picture(4))) == 14, "the name is free again"
    assert engine.ran == [[1], [3], [4]]


def test_what_is_cancelled_is_not_run(engine: Engine) -> None:
    with shared(engine) as sharing:
        stream = sharing.stream("one", 1)
        futures = [stream.submit(picture(level)) for level in (1, 2, 3)]
        engine.busy()
        assert futures[1].cancel()
        engine.gate.release(10)
        assert [level_of(futures[0]), level_of(futures[2])] == [11, 13]
        with pytest.raises(CancelledError):
            futures[1].result(LONG)
        assert engine.ran == [[1], [3]]


def test_a_callback_may_submit_the_next_frame(engine: Engine) -> None:
    engine.open = True
    finished = threading.Event()
    with shared(engine) as sharing:
        stream = sharing.stream("one", 1)

        def again(future: Future[Restored]) -> None:
            if level_of(future) < 100:
                stream.submit(future.result().image).add_done_callback(again)
            else:
                finished.set()

        stream.submit(picture(0)).add_done_callback(again)
        assert finished.wait(LONG)
    assert engine.ran == [[level] for level in range(0, 100, 10)]


def test_the_restorer_stays_open(tmp_path: Path) -> None:
    with load(make_bundle(tmp_path / "tiny", "brighten"), "onnxruntime") as restorer:
        with SharedRestorer(restorer) as sharing:
            future = sharing.stream("one", 1).submit(picture(1))
        assert future.done()
        assert restorer(picture(2)).image[0, 0, 0] == 12


def test_wrong_use(engine: Engine) -> None:
    with pytest.raises(UsageError, match="at least 1 frame a run"):
        shared(engine, most=0)
    with shared(engine) as sharing:
        sharing.stream("one", 1)
        with pytest.raises(UsageError, match="a stream is called 'one' already"):
            sharing.stream("one", 1)
