"""The GPU check: what comes first, when it stops, and that its record and tables hold together; all on the CPU, at tiny sizes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from benchmarks.gpu import check as gpu_check
from benchmarks.gpu import tasks as gpu_tasks
from benchmarks.gpu.check import SECTIONS, Budget, main, record_path, run_tasks
from benchmarks.gpu.models import CheckedModels
from benchmarks.gpu.tasks import ON_CPU, ON_GPU, CheckTask, CheckTasks
from benchmarks.peers.defaults import COMPILED, EAGER
from benchmarks.reports.gpu import table
from runtime.errors import BackendError
from runtime.model.zoo import shipped
from training.networks import PRESETS


class _Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def takes(self, seconds: float, row: dict[str, Any]) -> Callable[[], list[dict[str, Any]]]:
        def work() -> list[dict[str, Any]]:
            self.now += seconds
            return [row]

        return work


def _empty() -> dict[str, Any]:
    return {section: [] for section in SECTIONS}


def test_tasks_run_by_priority_and_what_does_not_fit_is_named() -> None:
    clock, record, saved = _Clock(), _empty(), []
    works = [
        CheckTask(2, "speed", "a small piece", 20, clock.takes(20, {"name": "small"})),
        CheckTask(1, "speed", "a large piece", 50, clock.takes(50, {"name": "large"})),
        CheckTask(0, "speed", "the first piece", 30, clock.takes(30, {"name": "first"})),
    ]
    run_tasks(works, Budget(1, clock), record, lambda: saved.append(len(record["speed"])))
    assert [row["name"] for row in record["speed"]] == ["first", "small"]
    assert record["not_done"] == [{"what": "a large piece", "why": "it takes about 50 s, 30 s were left"}]
    assert saved == [1, 2]


def test_a_failure_ends_nothing_else() -> None:
    clock, record = _Clock(), _empty()

    def fails() -> list[dict[str, Any]]:
        raise RuntimeError("CUDA out of memory\nand much more")

    run_tasks(
        [CheckTask(0, "speed", "bad", 1, fails), CheckTask(1, "speed", "good", 1, clock.takes(1, {}))],
        Budget(1, clock),
        record,
        lambda: None,
    )
    assert record["failed"] == [{"what": "bad", "why": "RuntimeError: CUDA out of memory"}]
    assert record["speed"] == [{}]


def test_what_takes_longer_than_all_the_time_is_interrupted() -> None:
    clock, record = _Clock(), _empty()
    budget = Budget(1, clock)
    clock.now = 59.9

    def endless() -> list[dict[str, Any]]:
        while True:
            time.sleep(0.01)

    run_tasks([CheckTask(0, "speed", "endless", 0, endless)], budget, record, lambda: None)
    assert record["not_done"] == [{"what": "endless", "why": "the time ran out in the middle of it"}]


def test_every_model_meets_every_contender(tmp_path: Path) -> None:
    contenders = ["tensorrt", "onnxruntime-cuda", EAGER, COMPILED]
    works = list(CheckTasks(CheckedModels([], tmp_path), contenders, ON_GPU, tmp_path).all())
    names = [*shipped(), *PRESETS]
    assert {work.what for work in works if work.section == "parity"} == {f"parity of {n} on {c}" for n in names for c in contenders}
    at = [f"{size}, batch {batch}" for size in ("360p", "720p", "1080p", "4k") for batch in (1, 4)]
    speeds = {f"speed of {n} on {c} at {size}" for n in names for c in contenders for size in at}
    assert {work.what for work in works if work.section == "speed"} == speeds
    assert {work.what for work in works if work.section == "streams"} == {f"{n} on tensorrt in a stream at 1080p" for n in names}
    exporting = {work.what: work.priority for work in works if work.section == "exports"}
    assert exporting.keys() == {f"exporting {name}" for name in PRESETS}
    for work in works:  # nothing runs before it was exported
        for name in PRESETS:
            assert f"{name} on " not in work.what or work.priority > exporting[f"exporting {name}"]


def test_what_was_not_exported_says_so(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match=r"fdrnet-edge.*not exported; give this check more --minutes"):
        CheckedModels(["fdrnet-edge"], tmp_path).bundle("fdrnet-edge")


@pytest.fixture
def tiny_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu_check, "ON_CPU", replace(ON_CPU, sizes={"64×48": (48, 64)}, seconds=0.01))
    monkeypatch.setattr(gpu_tasks, "run_tests", lambda: [{"passed": True, "said": ["3 skipped in 1 s"]}])


@pytest.mark.usefixtures("tiny_check")
def test_the_whole_check_on_a_cpu(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "record.json"
    words = ["--on-cpu", "--minutes", "1.2", "--models", "derain", "--record", str(path)]  # too few for the compiler's piece
    assert main(words) == 0
    record = json.loads(path.read_text())
    assert {(row["contender"], row["holds"]) for row in record["parity"]} == {("openvino", True), ("onnxruntime", True), (EAGER, True)}
    assert {(row["contender"], row["batch"]) for row in record["speed"]} == {
        (name, batch) for name in ("openvino", "onnxruntime", EAGER) for batch in (1, 2)
    }
    for row in record["speed"]:
        assert min(row["alone_per_s"], row["side_by_side_per_s"], row["arithmetic_share"], row["bytes_share"]) > 0
        assert (row["size"], row["memory_mib"]) == ("64×48", None)
    assert [row["accepted"] for row in record["jit"]] == [False]
    compiled = {"parity of derain on torch.compile", *(f"speed of derain on torch.compile at 64×48, batch {batch}" for batch in (1, 2))}
    assert {row["what"] for row in record["not_done"]} == compiled
    assert record["failed"] == []
    said = capsys.readouterr().out
    assert "these figures say nothing of a GPU" in said
    assert "| derain | onnxruntime | fp32 | holds | 1 |" in said
    assert "Tests marked gpu: 3 skipped in 1 s" in said


def test_a_check_that_compared_nothing_does_not_hold() -> None:
    assert not gpu_check.holds(_empty())
    assert gpu_check.holds(_empty() | {"parity": [{"holds": True}]})


def test_no_gpu_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(gpu_check, "describe_machine", lambda: {"gpus": []})
    assert main([]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert "--on-cpu" in said.err


@pytest.mark.parametrize("words", [["--minutes", "0"], ["--models", "derian"]])
def test_wrong_use(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--on-cpu", *words]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_records_name() -> None:
    assert record_path("NVIDIA GeForce RTX 3060", date(2026, 11, 21)).name == "gpu-nvidia-geforce-rtx-3060-20261121.json"


def _speed(contender: str, alone: float) -> dict[str, Any]:
    row = {"model": "derain", "contender": contender, "precision": "fp16", "size": "1280×720", "batch": 1, "p50_ms": 1.0, "p99_ms": 2.0}
    return row | {"alone_per_s": alone, "side_by_side_per_s": alone, "memory_mib": 300, "arithmetic_share": 0.25, "bytes_share": None}


def test_the_table_shows_failures_and_the_ratio_to_the_compiled_peer() -> None:
    gpu = {"name": "A GPU", "memory_mib": "8192", "compute_capability": "8.6", "driver": "580.1", "cuda": "13.0"}
    machine = {"cpu": "A CPU", "cores": 2, "gpus": [gpu]}
    found = {"max_levels": 40, "psnr_worst_db": 20.0}
    parity = {"model": "derain", "contender": "onnxruntime-cuda", "precision": "fp16", "holds": False, "problems": ["it is dark"]}
    record = _empty() | {"date": "2026-11-21", "on": "cuda", "minutes": 8, "machine": machine, "missing": {"tensorrt": "pip install it"}}
    record["parity"] = [parity | {"record": found}]
    record["jit"] = [{"builder": "1.7", "accepted": False, "compute_capability": "9.0", "stopped_at": "loading", "said": ["no kernel"]}]
    record["speed"] = [_speed("onnxruntime-cuda", 300.0), _speed(COMPILED, 200.0)]
    stream = {"model": "derain", "contender": "tensorrt", "size": "1920×1080", "frames_per_s": 410.4, "computing": 0.934, "host_ms": 0.61}
    record["streams"] = [stream]
    record["not_done"] = [{"what": "4K", "why": "no time"}]
    said = table(record)
    assert "A GPU, 8192 MiB, compute capability 8.6, driver 580.1, CUDA 13.0; A CPU" in said
    assert "| derain | onnxruntime-cuda | fp16 | DOES NOT HOLD: it is dark | 40 | 20.0 |" in said
    assert "| onnxruntime-cuda fp16 | 1.00 | 2.00 | 300.0 | 300.0 | 1.50 | 25.0% |  | 300 |" in said
    assert "| derain | tensorrt | 1920×1080 | 410.4 | 93% | 0.61 |" in said
    assert "TensorRT-RTX 1.7 refuses (it stopped at loading: no kernel) compute capability 9.0." in said
    assert "  tensorrt: pip install it" in said
    assert "  4K: no time" in said
    assert not gpu_check.holds(record)
