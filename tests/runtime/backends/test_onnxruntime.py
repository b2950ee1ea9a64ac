"""What ONNX Runtime alone needs: silence on the network, and a session that outlives a close by another thread."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runtime.backends.onnxruntime import OnnxRuntimeBackend
from runtime.backends.protocol import EngineOptions
from runtime.errors import BackendError
from runtime.model.bundle import open_bundle
from tests.support.tiny import make_bundle

ROOT = Path(__file__).parents[3]
_ALONE = """
import sys
from pathlib import Path
from runtime.backends.protocol import EngineOptions
from runtime.backends.onnxruntime import OnnxRuntimeBackend
from runtime.model.bundle import open_bundle
OnnxRuntimeBackend(open_bundle(Path(sys.argv[1])), EngineOptions(threads=1))
"""


def test_it_calls_nobody_and_writes_no_identity(tmp_path: Path) -> None:
    bundle, home = make_bundle(tmp_path / "tiny"), tmp_path / "home"
    home.mkdir()
    silencing = ("CI", "ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME")  # it keeps quiet by itself where tests run
    environment = {name: value for name, value in os.environ.items() if name not in silencing} | {"HOME": str(home)}
    subprocess.run([sys.executable, "-c", _ALONE, str(bundle)], check=True, env=environment, cwd=ROOT)
    assert list(home.rglob("*")) == []


def test_a_close_lets_the_run_of_another_thread_end(tmp_path: Path) -> None:
    backend = OnnxRuntimeBackend(open_bundle(make_bundle(tmp_path / "tiny")))
    session = backend._session

    class ClosedMeanwhile:
        def run(self, *arguments: Any) -> Any:
            backend.close()
            return session.run(*arguments)

    backend._session = ClosedMeanwhile()
    assert backend.run(np.full((1, 16, 16, 3), 7, np.uint8))["restored"].mean() == 7


def test_threads_are_those_asked_for(tmp_path: Path) -> None:
    backend = OnnxRuntimeBackend(open_bundle(make_bundle(tmp_path / "tiny")), EngineOptions(threads=2))
    assert backend._session.get_session_options().intra_op_num_threads == 2


@pytest.mark.parametrize("wrong", [np.zeros((1, 16, 16, 3), np.float32), np.zeros((1, 16, 16, 4), np.uint8)])
def test_frames_of_another_kind_are_one_line(tmp_path: Path, wrong: Any) -> None:
    backend = OnnxRuntimeBackend(open_bundle(make_bundle(tmp_path / "tiny")))
    with pytest.raises(BackendError) as error:
        backend.run(wrong)
    assert "\n" not in str(error.value)
