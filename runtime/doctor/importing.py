"""Owns importing one module in a process of its own, to see whether it works; knows nothing of what it is."""

from __future__ import annotations

import importlib
import os
import sys

from runtime.doctor.child import answer, ask

_PATIENCE = 60  # seconds; torch from a cold disk takes many


def import_fault(module: str) -> str:
    """What its import ends with; "" where it works."""
    return ask(__name__, module, seconds=_PATIENCE).fault


if __name__ == "__main__":
    # As in runtime/backends: neither engine calls home when it is imported.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    importlib.import_module(sys.argv[1])
    answer(True)
