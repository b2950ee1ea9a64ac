"""The machine: facts that a measured figure needs beside it, and only what is really installed."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import pytest

from benchmarks.machine import describe_machine, gpus


def test_it_names_processor_cores_and_versions() -> None:
    machine = describe_machine()
    assert machine["cpu"]
    assert machine["cores"] >= 1
    assert machine["packages"]["numpy"] == version("numpy")
    assert None not in machine["packages"].values()
    json.dumps(machine)


def test_the_gpus_are_those_of_the_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'NVIDIA H200, 580.159.04, 143771, 9.0'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    (gpu,) = gpus()
    cuda = gpu.pop("cuda")
    assert gpu == {"name": "NVIDIA H200", "driver": "580.159.04", "memory_mib": "143771", "compute_capability": "9.0"}
    assert cuda == "unknown" or float(cuda) >= 10
    program.write_text("#!/bin/sh\nexit 9\n")
    assert gpus() == []
