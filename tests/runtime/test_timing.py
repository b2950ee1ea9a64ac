"""Stage clocks: percentiles to half a percent, in constant memory, from any thread."""

from __future__ import annotations

import math
import threading

import numpy as np
import pytest

from runtime.timing import Durations, StageTimes

_RESOLUTION = 0.005


@pytest.mark.parametrize("count", [1, 2, 99, 5003])
@pytest.mark.parametrize("percent", [0, 1, 50, 95, 99, 99.9, 100])
def test_percentiles_agree_with_numpy(count: int, percent: float) -> None:
    sample = np.random.default_rng(count).lognormal(-4, 1.5, count)  # 0.1 ms to seconds
    durations = Durations()
    for seconds in sample:
        durations.add(float(seconds))
    exact = np.percentile(sample, percent, method="inverted_cdf")
    assert durations.percentile(percent) == pytest.approx(exact, rel=_RESOLUTION)
    assert durations.mean == pytest.approx(sample.mean())
    assert durations.total == pytest.approx(sample.sum())


def test_memory_does_not_grow_with_the_count() -> None:
    durations = Durations()
    for seconds in np.geomspace(1e-9, 120, 50_000):
        durations.add(float(seconds))
    assert len(durations._bins) <= 2_200
    assert durations.percentile(100) == pytest.approx(120, rel=_RESOLUTION)
    assert durations.percentile(0) < 1.01e-7  # shorter than the clock can tell


def test_nothing_timed_is_no_number() -> None:
    assert math.isnan(Durations().percentile(50))
    assert math.isnan(Durations().mean)
    assert StageTimes().as_dict() == {}


def test_stages_come_in_the_order_in_which_they_first_ended() -> None:
    times = StageTimes()
    with times.stage("outer"), times.stage("inner"):
        pass
    times.add("inner", 0.002)
    said = times.as_dict()
    assert list(said) == ["inner", "outer"]
    assert said["inner"]["count"] == 2
    assert said["inner"]["p99_ms"] == pytest.approx(2, rel=_RESOLUTION)
    assert said["outer"].keys() == {"count", "mean_ms", "p50_ms", "p95_ms", "p99_ms"}


def test_a_stage_that_raises_is_timed_too() -> None:
    times = StageTimes()
    with pytest.raises(ValueError, match="broken"), times.stage("broken"):
        raise ValueError("broken")
    assert times.durations["broken"].count == 1


def test_several_threads_lose_nothing() -> None:
    times = StageTimes()

    def work(name: str) -> None:
        for _ in range(2000):
            times.add(name, 0.001)
            times.add("shared", 0.001)

    threads = [threading.Thread(target=work, args=(f"stage {number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {name: stage["count"] for name, stage in times.as_dict().items()} == {f"stage {n}": 2000 for n in range(4)} | {"shared": 8000}
