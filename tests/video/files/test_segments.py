"""Where segments begin: by the source's times alone, and the same in a file that counts milliseconds or stores frames out of order."""

from __future__ import annotations

import random
from fractions import Fraction

import numpy as np
import pytest

from video.files.segments import Segments, in_segments
from video.frame import Frame


def begun(times: list[Fraction]) -> list[int]:
    segments = Segments()
    return [index for index, time in enumerate(times) if segments.begins(time)]


@pytest.mark.parametrize(
    ("times", "at"),
    [
        ([Fraction(n, 25) for n in range(80)], [0, 25, 50, 75]),
        ([Fraction(1001 * n, 30_000) for n in range(80)], [0, 30, 60]),
        ([Fraction(n, 25) - 3 for n in range(60)], [0, 25, 50]),
        ([Fraction(2 * n) for n in range(20)], [0, 8, 16]),
        ([Fraction(n, 25) for n in range(30)] + [Fraction(n) for n in range(2, 20)], [0, 25, 33, 41]),
        ([Fraction(n, 100) for n in range(90)] + [Fraction(5 + n, 100) for n in range(500, 520)], [0, 90]),
    ],
    ids=["25", "29.97", "before 0", "one in two seconds", "slower and slower", "a gap"],
)
def test_a_second_and_at_least_eight_frames(times: list[Fraction], at: list[int]) -> None:
    assert begun(times) == at
    frames = [Frame(index, index, Fraction(1), np.zeros((1, 1, 3), np.uint8)) for index in range(20)]
    assert [frame.index for frame in in_segments(frames) if frame.begins] == [0, 8, 16]


def test_a_part_is_cut_where_its_source_was() -> None:
    """Rounded to milliseconds as Matroska does, and in the order of decoding with groups of frames that end with a segment."""
    chance = random.Random(0)
    for _ in range(50):
        ticks, now = [], Fraction(chance.randrange(-(10**6), 10**6), 90_000)
        for _ in range(200):
            ticks.append(now)
            now += Fraction(chance.choice((300, 3003, 3600, 45_000, 90_000)), 90_000)
        at = begun(ticks)
        rounded = [Fraction(int(abs(time) * 1000 + Fraction(1, 2)) * (1 if time >= 0 else -1), 1000) for time in ticks]
        assert begun(rounded) == at
        decoded: list[Fraction] = []
        for first, last in zip(at, [*at[1:], len(ticks)], strict=True):
            group = ticks[first + 1 : last]
            decoded += [ticks[first], *(time for pair in zip(group[2::3], group[::3], group[1::3], strict=False) for time in pair)]
            decoded += group[len(group) // 3 * 3 :]
        assert len(decoded) == len(ticks)
        assert begun(decoded) == at
