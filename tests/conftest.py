"""Keeps every test on its own ground: no compiled models in the user's cache, and no package of somebody else's calls home."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:  # workers share the cores: torch, which has not been imported yet, gets one in each
    os.environ.setdefault("OMP_NUM_THREADS", "1")
# OpenVINO and ONNX Runtime would send usage events; tests that import them directly, past runtime's own leaves, must not either.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
# A shell starts `make test &` with Ctrl-C ignored, by it and by every program that it starts: tests of Ctrl-C would wait for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLEARWAY_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def _same_numbers() -> None:
    """A test that draws weights or pictures with torch gets the same ones alone, in any order and on any worker."""
    if (torch := sys.modules.get("torch")) is not None:
        torch.manual_seed(0)
