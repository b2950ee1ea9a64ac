"""How fast something is: counted right, roofs and shares too, and errors are handed on."""

from __future__ import annotations

import threading
from itertools import count

import pytest
import torch
from torch import Tensor, nn

from benchmarks.gpu.roofline import Cost, Roof, cost_at_720p, shares
from benchmarks.gpu.speed import side_by_side
from runtime.errors import BackendError


def test_side_by_side_counts_the_runs_of_all_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = count()
    monkeypatch.setattr("benchmarks.gpu.speed.time.perf_counter", lambda: float(next(ticks)))
    runs = [0, 0]

    def run(number: int) -> None:
        runs[number] += 1

    rate = side_by_side([lambda: run(0), lambda: run(1)], 20)
    assert min(runs) >= 1
    assert rate == pytest.approx(sum(runs) / 22, rel=0.2)  # a tick for each look at the clock


def test_a_single_run_stays_in_its_thread() -> None:
    seen = set[int]()
    side_by_side([lambda: seen.add(threading.get_ident())], 0.01)
    assert seen == {threading.get_ident()}


def test_side_by_side_hands_an_error_on() -> None:
    def fails() -> None:
        raise BackendError("no GPU")

    with pytest.raises(BackendError, match="no GPU"):
        side_by_side([fails, lambda: None], 0.01)


class _OneConvolution(nn.Module):
    stride, scale, sees_whole_picture, receptive_field = 1, 1, False, 3

    def __init__(self) -> None:
        super().__init__()
        self.only = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, picture: Tensor) -> Tensor:
        return torch.relu(self.only(picture))


def test_the_cost_of_one_convolution() -> None:
    cost = cost_at_720p(_OneConvolution())
    pixels = 720 * 1280
    assert cost.gflop == pytest.approx(2 * 27 * 3 * pixels / 1e9, abs=1e-3)
    assert cost.gigabytes == pytest.approx(2 * (3 + 3) * pixels / 1e9, abs=1e-4)


def test_shares_grow_with_the_area() -> None:
    cost, roof = Cost(gflop=100, gigabytes=1), Roof(tflops=10, gb_per_s=100)
    assert shares(cost, roof, 50, 720, 1280) == (0.5, 0.5)
    assert shares(cost, roof, 50, 1440, 2560) == (2.0, 2.0)
