"""The live pipeline: it shows the newest, counts what it lets go, comes back by itself, and always ends with its sinks finished."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from runtime.errors import BackendError, SinkError, SourceError, SourceLost
from runtime.picture import Picture
from runtime.restorer import Restorer
from tests.support.video.clips import STEADY, Clip, read
from tests.support.video.live import GatheringSink, all_threads_end, captured
from tests.support.video.restoring import restorer
from tests.support.video.servers import ENDS_WITHIN, Server, first_all, paced, sends, stream
from video.live.run import LiveRun
from video.live.sinks.sink import LiveSink, NullSink, QuitRequested, RestoredFrame
from video.live.sources.pretend import FileAsLiveSource, PatternSource
from video.live.sources.source import CapturedPicture, DroppedFrame, LiveSource
from video.live.sources.stream import StreamSource
from video.live.statistics import LiveStatistics
from video.live.watch import RetryPolicy

SOON = RetryPolicy(opening=ENDS_WITHIN, hang_least=ENDS_WITHIN, first_delay=0.01, longest_delay=0.02)

AT_ONCE = replace(SOON, first_delay=0.0)  # for a clock that stands still

Connection = Callable[[threading.Event], Generator[CapturedPicture | DroppedFrame, None, None]]


class HandClock:
    """Stands still until a source hangs."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


_clock = HandClock()


def gives(*items: CapturedPicture | DroppedFrame | SourceError | None) -> Connection:
    """Gives these; raises an error; at None it hangs longer than any patience, deaf to being stopped until the test is over."""

    def frames(stopped: threading.Event) -> Generator[CapturedPicture | DroppedFrame, None, None]:
        for item in items:
            if isinstance(item, SourceError):
                raise item
            if item is None:
                _clock.now += 10 * ENDS_WITHIN
                _test_is_over.wait(ENDS_WITHIN)
            else:
                yield item

    return frames


_test_is_over = threading.Event()


@pytest.fixture(autouse=True)
def _free_the_deaf() -> Generator[None, None, None]:
    _test_is_over.clear()
    yield
    _test_is_over.set()


class ScriptedSource:
    """Each connection as told; after the last one the source ends. With `sink` it goes on only when that has what was given."""

    name = "script"

    def __init__(self, *connections: Connection, sink: GatheringSink | None = None) -> None:
        self.ends = False
        self._connections = list(connections)
        self._sink = sink

    def frames(self, stopped: threading.Event) -> Generator[CapturedPicture | DroppedFrame, None, None]:
        connection = self._connections.pop(0)
        self.ends = not self._connections
        for item in connection(stopped):
            yield item
            while (
                self._sink
                and isinstance(item, CapturedPicture)
                and int(item.image[0, 0, 0]) not in self._sink.levels
                and not stopped.is_set()
            ):
                time.sleep(0.001)


def ran(
    source: LiveSource,
    *sinks: LiveSink,
    using: Restorer | None = None,
    patience: RetryPolicy = SOON,
    said: list[str] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> LiveStatistics:
    """To its end; a pipeline that hangs fails the test."""
    live = LiveRun(source, using or restorer(), sinks, patience=patience, say=(said if said is not None else []).append, clock=clock)
    with live:
        assert live.wait(ENDS_WITHIN), "the pipeline hangs"
    all_threads_end()
    return live.statistics()


def test_a_file_goes_through_with_its_times_and_stamps(tmp_path: Path) -> None:
    clip = Clip(pts=STEADY[:12]).make(tmp_path / "in.mp4")
    sink, frames = GatheringSink(), read(clip)
    numbers = ran(FileAsLiveSource(clip), sink, using=restorer(lambda picture: 255 - picture))
    assert numbers.captured == 12
    assert sum(numbers.dropped.values()) == 12 - len(sink.shown), "a busy machine may drop some, and says so"
    for shown in sink.shown:
        assert shown.frame.time == frames[shown.frame.index].time
        assert np.array_equal(shown.restored.image, 255 - frames[shown.frame.index].image)
    for shown in sink.shown:
        stamps = shown.stamps
        assert stamps.arrived <= stamps.decoded <= stamps.taken <= stamps.restored
    assert (numbers.restored, numbers.state, sink.finished) == (len(sink.shown), "over", 1)
    assert {"decode", "wait", "restore", "to restored", "to gather"} == numbers.stages.keys()
    assert numbers.stages["to gather"]["p50_ms"] >= numbers.stages["to restored"]["p50_ms"] >= numbers.stages["restore"]["p50_ms"]


def test_a_slow_network_shows_the_newest_and_counts_the_rest() -> None:
    """The first picture is worked on until all the others have come."""
    all_came = threading.Event()

    def frames(stopped: threading.Event) -> Generator[CapturedPicture, None, None]:
        yield captured(0)
        began.wait(ENDS_WITHIN)
        for level in range(1, 51):
            yield captured(level)
        all_came.set()

    began = threading.Event()

    def work(picture: Picture) -> Picture:
        began.set()
        all_came.wait(ENDS_WITHIN)
        return picture

    sink = GatheringSink()
    numbers = ran(ScriptedSource(frames), sink, using=restorer(work))
    assert sink.levels == [0, 50]
    assert numbers.dropped == {"the network was busy": 49}
    assert (numbers.captured, numbers.restored) == (51, 2)


def test_a_slow_sink_slows_nobody() -> None:
    fast_has_all = threading.Event()

    class Slow(GatheringSink):
        def write(self, shown: RestoredFrame) -> None:
            super().write(shown)
            assert fast_has_all.wait(ENDS_WITHIN)

    class Fast(GatheringSink):
        def write(self, shown: RestoredFrame) -> None:
            super().write(shown)
            if self.levels[-1] == 29:
                fast_has_all.set()

    fast, slow = Fast(), Slow(depth=1, name="slow")

    def frames(stopped: threading.Event) -> Generator[CapturedPicture, None, None]:
        for level in range(30):
            yield captured(level)
            while len(fast.shown) <= level:
                time.sleep(0.001)

    numbers = ran(ScriptedSource(frames), fast, slow)
    assert fast.levels == list(range(30))
    assert slow.levels[-1] == 29, "the newest"
    assert numbers.dropped == {"slow was busy": 30 - len(slow.shown)}


def test_it_comes_back_after_a_loss() -> None:
    lost = SourceLost("script: gone")
    sink, said = GatheringSink(), list[str]()
    script = ScriptedSource(gives(captured(1), lost), gives(lost), gives(lost), gives(captured(2)), sink=sink)
    numbers = ran(script, sink, said=said)
    assert sink.levels == [1, 2]
    assert (numbers.connections, numbers.losses, numbers.failed_attempts, len(numbers.recovery_s)) == (2, 1, 2, 1)
    assert [message.partition(";")[0] for message in said[:3]] == ["script: gone"] * 3
    assert said[3].startswith("script: back after ")
    assert numbers.trouble == "script: gone"
    assert sink.shown[0].frame.pts < sink.shown[1].frame.pts, "one clock over both connections"


def test_a_reader_that_hangs_is_left_behind() -> None:
    sink = GatheringSink()
    script = ScriptedSource(gives(captured(1), captured(2), None, captured(99)), gives(captured(3)), sink=sink)
    numbers = ran(script, sink, patience=AT_ONCE, clock=_clock)
    assert sink.levels == [1, 2, 3]
    assert numbers.losses == 1
    assert "got none for" in (numbers.trouble or "")


def test_what_a_reader_left_behind_still_gives_is_refused() -> None:
    late = threading.Event()

    def deaf(stopped: threading.Event) -> Generator[CapturedPicture, None, None]:
        yield captured(1)
        _clock.now += 10 * ENDS_WITHIN
        late.wait(ENDS_WITHIN)
        yield captured(99)
        raise AssertionError("nobody asks for more")

    def second(stopped: threading.Event) -> Generator[CapturedPicture, None, None]:
        yield captured(2)
        late.set()
        for reader in [thread for thread in threading.enumerate() if thread.name == "clearway-reader"]:
            if reader is not threading.current_thread():
                reader.join(ENDS_WITHIN)
        yield captured(3)

    sink = GatheringSink()
    ran(ScriptedSource(deaf, second), sink, patience=AT_ONCE, clock=_clock)
    assert sink.levels[-1] == 3
    assert 99 not in sink.levels


def test_a_source_that_never_opens_is_tried_again() -> None:
    sink = GatheringSink()
    numbers = ran(ScriptedSource(gives(None), gives(captured(5))), sink, patience=AT_ONCE, clock=_clock)
    assert sink.levels == [5]
    assert (numbers.failed_attempts, numbers.losses) == (1, 0)


def test_a_fatal_error_ends_it_and_says_why() -> None:
    sink = GatheringSink()
    with pytest.raises(SourceError, match=r"^script: bad password$"):
        ran(ScriptedSource(gives(captured(1), SourceError("script: bad password")), gives(captured(2))), sink)
    assert sink.levels == [1]
    assert sink.finished == 1


def test_damaged_frames_are_counted_and_are_signs_of_life() -> None:
    sink = GatheringSink()
    numbers = ran(ScriptedSource(gives(captured(1), DroppedFrame("damaged"), DroppedFrame("damaged"), captured(2))), sink)
    assert numbers.dropped["damaged"] == 2
    assert numbers.captured == 2


def test_the_size_may_change_on_the_way() -> None:
    sink = GatheringSink()
    script = ScriptedSource(gives(captured(1), SourceLost("gone")), gives(captured(2, (64, 48))), sink=sink)
    ran(script, sink, using=restorer(lambda picture: picture.repeat(2, 0).repeat(2, 1), scale=2))
    assert [(shown.info.width, shown.info.height) for shown in sink.shown] == [(64, 48), (128, 96)]


class Broken(GatheringSink):
    def __init__(self, where: str) -> None:
        super().__init__()
        self._where = where

    def begin(self, statistics: Callable[[], LiveStatistics]) -> None:
        self._maybe("begin")

    def write(self, shown: RestoredFrame) -> None:
        self._maybe("write")

    def idle(self) -> None:
        self._maybe("idle")

    def finish(self) -> None:
        super().finish()
        self._maybe("finish")

    def _maybe(self, where: str) -> None:
        if where == self._where:
            raise SinkError(f"{where}: the disk is full")


@pytest.mark.parametrize("where", ["begin", "write", "idle", "finish"])
def test_a_sink_that_fails_ends_it_with_the_others_finished(where: str) -> None:
    broken, other = Broken(where), GatheringSink(name="other")
    source = PatternSource(64, 48, 5 if where == "idle" else 50)  # at five a second it is idle in between
    with pytest.raises(SinkError, match=f"^{where}: the disk is full$"):
        ran(source, broken, other, GatheringSink(most=20, name="third"))  # the third ends it where the first fails only at the end
    assert other.finished == 1
    assert broken.finished == (0 if where == "begin" else 1)


@pytest.mark.parametrize("error", [BackendError("the engine broke"), ZeroDivisionError("a fault of ours")])
def test_a_network_that_fails_ends_it(error: Exception) -> None:
    def work(picture: Picture) -> Picture:
        raise error

    sink = GatheringSink()
    with pytest.raises(type(error)) as caught:
        ran(PatternSource(64, 48, 50), sink, using=restorer(work))
    assert sink.finished == 1
    named = r"pattern:64x48@50, frame \d+: the engine broke"
    assert re.fullmatch(named if isinstance(error, BackendError) else "a fault of ours", str(caught.value))


def test_a_source_with_a_fault_of_ours_ends_it() -> None:
    def frames(stopped: threading.Event) -> Generator[CapturedPicture, None, None]:
        yield captured(1)
        raise ZeroDivisionError("ours")

    sink = GatheringSink()
    with pytest.raises(ZeroDivisionError, match="ours"):
        ran(ScriptedSource(frames, gives()), sink)
    assert sink.finished == 1


def test_a_sink_may_quit() -> None:
    quitting, other = GatheringSink(most=3), GatheringSink(name="other")
    numbers = ran(PatternSource(64, 48, 50), quitting, other)
    assert len(quitting.shown) == 3
    assert (quitting.finished, other.finished) == (1, 1)
    assert numbers.state == "over"


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_ctrl_c_ends_it_with_everything_finished(error: type[BaseException]) -> None:
    sink = GatheringSink()

    def interrupted() -> None:
        with LiveRun(ScriptedSource(gives(captured(1), None)), restorer(), [sink]):
            while not sink.shown:
                time.sleep(0.001)
            raise error

    with pytest.raises(error):
        interrupted()
    assert sink.finished == 1, "though the reader hangs"


def test_a_sink_that_never_ends_is_named() -> None:
    class Hangs(GatheringSink):
        def finish(self) -> None:
            _test_is_over.wait(ENDS_WITHIN)

    with (
        pytest.raises(SinkError, match=r"^script: expected its gather to end within 0.2 s, it hangs; check the disk$"),
        LiveRun(ScriptedSource(gives(captured(1))), restorer(), [Hangs()], finish_s=0.2),
    ):
        pass


def test_several_share_a_restorer() -> None:
    """The seam for many cameras: one of these each, side by side."""
    shared, sinks = restorer(), [GatheringSink(most=5) for _ in range(3)]
    lives = [LiveRun(PatternSource(64, 48, 50), shared, [sink]) for sink in sinks]
    with lives[0], lives[1], lives[2]:
        assert all(live.wait(ENDS_WITHIN) for live in lives)
    assert [len(sink.shown) for sink in sinks] == [5, 5, 5]


@pytest.mark.network
def test_a_server_that_comes_back_over_the_network() -> None:
    """Ends, is silent for good, is back with another size: one run sees it all."""
    first, second = stream(50), stream(50, size=(128, 80))
    goes_on = paced(stream(50, size=(128, 80), start=50 * 3600), 5000, 10 * ENDS_WITHIN)
    sizes: list[tuple[int, ...]] = []

    class Sizes(GatheringSink):
        def write(self, shown: RestoredFrame) -> None:
            sizes.append(shown.restored.image.shape[:2])
            if sizes[-1] == (80, 128):
                raise QuitRequested

    patience = replace(SOON, hang_least=1.0, opening=10.0)
    with Server([sends(first), sends(first, then_silent=True), first_all(second, then=goes_on)]) as server:
        numbers = ran(StreamSource(f"tcp://{server.address}"), Sizes(), patience=patience)
    assert {(64, 96), (80, 128)} == set(sizes)
    assert numbers.connections == 3
    assert numbers.losses == 2
    assert len(numbers.recovery_s) == 2


def test_nothing_but_measuring() -> None:
    numbers = ran(ScriptedSource(gives(*[captured(level) for level in range(3)])), NullSink())
    assert numbers.captured == 3
    assert numbers.stages["to null"]["count"] >= 1


def sources() -> Sequence[LiveSource]:
    """Each of them is what the pipeline wants: mypy looks at it."""
    return [PatternSource(), FileAsLiveSource(Path("a.mp4")), StreamSource("tcp://host:1")]


def test_each_source_has_a_name() -> None:
    assert [source.name for source in sources()] == ["pattern:640x360@25", "a.mp4", "tcp://host:1"]
