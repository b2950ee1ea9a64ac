"""The machine: facts that a measured figure needs beside it, and only what is really installed."""

from __future__ import annotations

import json
from importlib.metadata import version

from benchmarks.machine import describe_machine


def test_it_names_processor_cores_and_versions() -> None:
    machine = describe_machine()
    assert machine["cpu"]
    assert machine["cores"] >= 1
    assert machine["packages"]["numpy"] == version("numpy")
    assert None not in machine["packages"].values()
    json.dumps(machine)
