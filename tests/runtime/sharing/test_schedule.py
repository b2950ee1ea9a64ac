"""Whose turn it is: nothing lost, order kept, soonest first, nobody starved, and no frame made late by company. Over random arrivals."""

from __future__ import annotations

import functools
import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest

from runtime.errors import BackendError, UsageError
from runtime.sharing.schedule import QueuedFrame, Schedule, StreamQueue

SEEDS = range(60)
SMALL, LARGE = (360, 640, 3), (720, 1280, 3)


@dataclass(frozen=True)
class Arrival:
    when: float
    name: str
    size: tuple[int, ...]
    number: int  # in its stream


@dataclass
class Run:
    """What one random day on one engine did. A frame is (stream's name, its number)."""

    most: int
    within: dict[str, float]
    schedule: Schedule[tuple[str, int]]
    arrivals: dict[tuple[str, int], Arrival] = field(default_factory=dict)
    batches: list[tuple[float, float, list[tuple[str, int]], float]] = field(default_factory=list)  # begun, ended, frames, expected


def seconds_of(size: tuple[int, ...], count: int) -> float:
    """An engine that takes half as long for every frame after the first."""
    return 0.03 * (math.prod(size) / math.prod(LARGE)) * (1 + 0.5 * (count - 1))


@functools.cache
def a_day(seed: int) -> Run:
    rng = np.random.default_rng(seed)
    names = [f"camera {number}" for number in range(int(rng.integers(1, 6)))]
    most = int(rng.integers(1, 5))
    schedule = Schedule[tuple[str, int]](most)
    run = Run(most, {name: float(rng.uniform(0.02, 1.0)) for name in names}, schedule)
    lines = {name: schedule.open(name, run.within[name]) for name in names}
    coming = sorted(_arrivals(rng, names), key=lambda arrival: arrival.when)
    run.arrivals = {(arrival.name, arrival.number): arrival for arrival in coming}
    now, place = 0.0, 0
    while True:
        while place < len(coming) and coming[place].when <= now:
            arrival = coming[place]
            schedule.add(lines[arrival.name], arrival.size, (arrival.name, arrival.number), arrival.when)
            place += 1
        if not (batch := schedule.next(now)):
            if place == len(coming):
                return run
            now = coming[place].when
            continue
        begun, expected = now, schedule.expected(batch[0].size, len(batch))
        seconds = seconds_of(batch[0].size, len(batch)) * float(rng.uniform(0.9, 1.1))
        now += seconds
        schedule.ran(batch, seconds)
        for ticket in batch:
            schedule.finished(ticket, now)
        run.batches.append((begun, now, [ticket.work for ticket in batch], expected))


def _arrivals(rng: np.random.Generator, names: list[str]) -> Iterator[Arrival]:
    """Some come evenly, some in bursts; some cameras change their size; together more or less than the engine can do."""
    for name in names:
        every, burst, changes = rng.uniform(0.02, 0.2), int(rng.choice((1, 1, 20))), rng.random() < 0.3
        size = SMALL if rng.random() < 0.5 else LARGE
        times = np.sort(np.arange(40) // burst * burst * every + rng.uniform(0, 0.01, 40))
        for number, when in enumerate(times):
            size = (SMALL, LARGE)[int(rng.integers(2))] if changes else size
            yield Arrival(float(when), name, size, number)


@pytest.fixture(params=SEEDS)
def day(request: pytest.FixtureRequest) -> Run:
    return a_day(request.param)


def test_every_frame_has_one_turn_in_its_streams_order(day: Run) -> None:
    done = defaultdict(list)
    for _, _, frames, _ in day.batches:
        for name, number in frames:
            done[name].append(number)
    assert dict(done) == {name: list(range(40)) for name in day.within}


def test_a_run_has_one_size_and_one_frame_of_a_stream(day: Run) -> None:
    for begun, _, frames, _ in day.batches:
        assert 1 <= len(frames) <= day.most
        assert len({name for name, _ in frames}) == len(frames)
        assert len({day.arrivals[frame].size for frame in frames}) == 1
        assert all(day.arrivals[frame].when <= begun for frame in frames)


def test_while_a_stream_waits_every_other_gets_one_turn_at_most(day: Run) -> None:
    before: dict[str, float] = dict.fromkeys(day.within, 0.0)  # when each stream's last turn began
    for begun, _, frames, _ in day.batches:
        for frame in frames:
            head_since = max(before[frame[0]], day.arrivals[frame].when)
            between = [batch for at, _, batch, _ in day.batches if head_since < at < begun]
            turns = Counter(name for batch in between for name, _ in batch)
            assert max(turns.values(), default=0) <= 1
            assert frame[0] not in turns
        before |= dict.fromkeys((name for name, _ in frames), begun)


def test_company_makes_no_frame_late_as_far_as_can_be_known(day: Run) -> None:
    for begun, _, frames, expected in day.batches:
        soonest = min(day.arrivals[frame].when + day.within[frame[0]] for frame in frames)
        assert len(frames) == 1 or begun + expected <= soonest + 1e-9


def test_statistics_are_those_of_the_runs(day: Run) -> None:
    said = day.schedule.statistics()
    late: Counter[str] = Counter()
    waits = defaultdict(list)
    for begun, ended, frames, _ in day.batches:
        for frame in frames:
            late[frame[0]] += ended > day.arrivals[frame].when + day.within[frame[0]]
            waits[frame[0]].append(begun - day.arrivals[frame].when)
    assert {name: said[name]["late"] for name in day.within} == {name: late[name] for name in day.within}
    for name, seconds in waits.items():
        assert (said[name]["frames"], said[name]["waiting"], said[name]["waited"]["count"]) == (40, 0, 40)
        assert said[name]["waited"]["mean_ms"] == pytest.approx(1e3 * np.mean(seconds), abs=1e-3)


def test_the_days_have_what_they_are_to_show() -> None:
    days = [a_day(seed) for seed in SEEDS]
    assert {len(frames) for day in days for _, _, frames, _ in day.batches} >= {1, 2, 3}
    lates = [line["late"] for day in days for line in day.schedule.statistics().values()]
    assert 0 < sum(lates) < 40 * len(lates), "some are late, some are not"


def works(batch: list[QueuedFrame[str]]) -> list[str]:
    return [ticket.work for ticket in batch]


def three(most: int = 1) -> tuple[Schedule[str], StreamQueue[str], StreamQueue[str], StreamQueue[str]]:
    schedule = Schedule[str](most)
    return schedule, schedule.open("patient", 9.0), schedule.open("hasty", 0.1), schedule.open("usual", 1.0)


def test_the_soonest_due_goes_first() -> None:
    schedule, *lines = three()
    for line in lines:
        schedule.add(line, SMALL, line.name, now=0)
    assert [works(schedule.next(0)) for _ in range(4)] == [["hasty"], ["usual"], ["patient"], []]


def test_a_burst_of_hasty_frames_lets_the_patient_one_in() -> None:
    schedule, patient, hasty, _ = three()
    for number in range(100):
        schedule.add(hasty, SMALL, f"hasty {number}", now=0)
    schedule.add(patient, SMALL, "patient", now=0)
    assert [works(schedule.next(0)) for _ in range(3)] == [["hasty 0"], ["patient"], ["hasty 1"]]


def test_frames_share_a_run_once_it_is_known_what_one_takes() -> None:
    schedule, *lines = three(most=3)
    for number in range(4):
        for line in lines:
            schedule.add(line, SMALL, f"{line.name} {number}", now=0)
    first = schedule.next(0)
    assert works(first) == ["hasty 0"], "nobody knows yet whether it would be late in company"
    schedule.ran(first, 0.04)
    assert works(schedule.next(0.03)) == ["usual 0", "patient 0"], "with hasty 1 it would end at 0.15, and that is due at 0.1"
    assert works(schedule.next(0.0)) == ["hasty 1", "usual 1"]


def test_streams_that_fell_out_of_step_share_again() -> None:
    schedule = Schedule[str](2)
    one, two = schedule.open("one", 9), schedule.open("two", 9)
    schedule.add(one, SMALL, "one 0", now=0)
    schedule.ran(schedule.next(0), 0.01)
    for line in (two, one):
        schedule.add(line, SMALL, line.name, now=1)
    assert sorted(works(schedule.next(1))) == ["one", "two"]


def test_durations_are_learnt_for_each_size_and_count() -> None:
    schedule, line, other, _ = three(most=2)
    assert schedule.expected(SMALL, 1) == math.inf
    for seconds in (0.04, 0.08):
        schedule.add(line, SMALL, "", now=0)
        schedule.ran(schedule.next(0), seconds)
    assert schedule.expected(SMALL, 1) == pytest.approx(0.04 + 0.04 / 8)
    assert schedule.expected(SMALL, 2) == pytest.approx(2 * schedule.expected(SMALL, 1)), "until it is known to gain something"
    for one in (line, other):
        schedule.add(one, SMALL, "", now=-9)
    batch = schedule.next(-9)
    assert len(batch) == 2
    schedule.ran(batch, 0.05)
    assert schedule.expected(SMALL, 2) == 0.05
    assert schedule.expected(LARGE, 1) == math.inf


def test_of_many_sizes_few_are_remembered() -> None:
    schedule, line, *_ = three()
    for side in range(16, 1016):
        schedule.add(line, (side, side, 3), "", now=0)
        schedule.ran(schedule.next(0), 0.01)
    assert len(schedule._seconds) == 64
    assert schedule.expected((1015, 1015, 3), 1) == 0.01


def test_a_stream_that_is_closed_hands_back_what_waits_and_leaves_the_others() -> None:
    schedule, patient, hasty, usual = three()
    for line in (patient, hasty, hasty, usual):
        schedule.add(line, SMALL, line.name, now=0)
    assert schedule.close(hasty) == ["hasty", "hasty"]
    assert schedule.close(hasty) == []
    assert [works(schedule.next(0)) for _ in range(3)] == [["usual"], ["patient"], []]
    assert schedule.statistics().keys() == {"patient", "usual"}
    again = schedule.open("hasty", 1)
    schedule.add(again, SMALL, "new", now=0)
    schedule.close(hasty)
    with pytest.raises(BackendError, match="the stream hasty was closed"):
        schedule.add(hasty, SMALL, "old", now=0)
    assert [works(schedule.next(0)) for _ in range(2)] == [["new"], []], "its name was given to another"
    schedule.add(patient, SMALL, "left", now=0)
    assert schedule.close_all() == ["left"]
    assert schedule.statistics() == {}


def test_wrong_use() -> None:
    with pytest.raises(UsageError, match="got 0"):
        Schedule[str](0)
    schedule, *_ = three()
    with pytest.raises(UsageError, match="a stream is called 'hasty' already"):
        schedule.open("hasty", 1)
    for within in (0, -1, math.nan):
        with pytest.raises(UsageError, match="more than 0 seconds"):
            schedule.open("new", within)
