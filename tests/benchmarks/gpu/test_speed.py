"""How fast something is: counted right, roofs and shares too, and the rivals do the same work as the engines."""

from __future__ import annotations

import threading
import weakref
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from benchmarks import machine
from benchmarks.gpu.eager import _Half, open_rival
from benchmarks.gpu.roofline import Cost, Roof, cost_at_720p, shares
from benchmarks.gpu.speed import side_by_side
from export.onnx.graph import FrameGraph
from runtime.backends.choose import open_backend
from runtime.errors import BackendError
from runtime.model.bundle import open_bundle
from runtime.model.zoo import find
from runtime.picture import Tensors
from tests.support.tiny import make_bundle


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
        raise BackendError("no card")

    with pytest.raises(BackendError, match="no card"):
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


def test_a_rival_does_the_same_work() -> None:
    bundle = open_bundle(find("derain"))
    frames = np.random.default_rng(0).integers(0, 256, (2, 40, 50, 3), np.uint8)
    rival, engine = open_rival(bundle, "pytorch eager", "cpu"), open_backend(bundle, "onnxruntime").backend
    into: Tensors = {"restored": np.empty_like(frames)}
    rival.run(frames, into)
    assert np.abs(into["restored"].astype(int) - engine.run(frames)["restored"]).max() <= 1
    assert rival.run(frames).keys() == engine.run(frames).keys()


def test_a_closed_rival_holds_nothing() -> None:
    rival = open_rival(open_bundle(find("derain")), "pytorch eager", "cpu")
    graph = weakref.ref(rival._run)
    rival.close()
    assert graph() is None


def test_a_rival_computes_in_its_own_type() -> None:
    frame = torch.randint(0, 256, (1, 20, 24, 3), dtype=torch.uint8)
    network = _OneConvolution()
    with torch.inference_mode():
        expected = FrameGraph(network)(frame)[0].int()
        half = FrameGraph(_Half(network, torch.float16))
        assert (half(frame)[0].int() - expected).abs().max() <= 1
    assert network.only.weight.dtype == torch.float16


def test_a_bundle_without_weights_has_no_rival(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match=r"has no weights.safetensors.*export the bundle again"):
        open_rival(open_bundle(make_bundle(tmp_path / "tiny")), "pytorch eager", "cpu")


def test_the_cards_are_those_of_the_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'NVIDIA H200, 580.159.04, 143771, 9.0'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    (card,) = machine.gpus()
    cuda = card.pop("cuda")
    assert card == {"name": "NVIDIA H200", "driver": "580.159.04", "memory_mib": "143771", "compute_capability": "9.0"}
    assert cuda == "unknown" or float(cuda) >= 10
    program.write_text("#!/bin/sh\nexit 9\n")
    assert machine.gpus() == []
