"""The import law seen at work: what a fresh interpreter has loaded. Which file may import what is in pyproject.toml (`lint-imports`)."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROOMS = {"runtime", "video", "training", "export", "benchmarks"}
_TRAINING = {"torch", "lightning_fabric", "safetensors", "onnx", "onnx_ir", "onnxscript"}
HEAVY = _TRAINING | {"tensorrt", "tensorrt_rtx", "pycuda", "cuda", "openvino", "onnxruntime", "cv2", "av", "aiohttp", "aiortc"}
# What loads something heavy as soon as it is imported.
LEAVES = {
    "runtime.cuda.graphs",
    "runtime.files.pictures",
    "runtime.backends.onnxruntime",
    "runtime.backends.onnxruntime_gpu",
    "runtime.backends.onnxruntime_cuda",
    "runtime.backends.openvino",
}


def _modules(room: str) -> set[str]:
    files = [path.relative_to(ROOT).as_posix() for path in (ROOT / room).rglob("*.py")]
    assert files, f"the room {room} is empty"
    return {file.removesuffix(".py").replace("/", ".").removesuffix(".__init__") for file in files}


def _loaded_by(modules: set[str]) -> set[str]:
    """What is there after importing these in a fresh interpreter: heavy packages by name, and the modules of our rooms."""
    code = f"import importlib, sys\nfor name in {sorted(modules)!r}: importlib.import_module(name)\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {name for name in done.stdout.split() if name in HEAVY or name.partition(".")[0] in ROOMS}


def test_no_test_module_imports_another() -> None:
    """What several tests share is in tests/support."""
    found = []
    for path in (ROOT / "tests").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                module = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
                names = [f"{module}{alias.name}" for alias in node.names]
                found += [f"{path}:{node.lineno}" for name in names if any(part.startswith("test_") for part in name.split("."))]
    assert found == []


def test_runtime_loads_nothing_heavy_but_for_its_leaves() -> None:
    assert not _loaded_by(_modules("runtime") - LEAVES) & HEAVY


def test_all_of_video_loads_neither_torch_nor_an_engine() -> None:
    assert _loaded_by(_modules("video")) & HEAVY <= {"av", "cv2", "aiohttp", "aiortc"}


def test_only_the_page_needs_what_serves_it() -> None:
    page = {name for name in _modules("video") if name.startswith("video.page.") and name != "video.page.address"}
    assert page
    assert _loaded_by(_modules("video") - page) & HEAVY <= {"av", "cv2"}


def test_a_deployment_box_needs_neither_torch_nor_onnx() -> None:
    """Everything of runtime and video, engines too, and what `clearway demo` goes through."""
    assert not _loaded_by(_modules("runtime") | _modules("video") | {"benchmarks.demo.demo"}) & _TRAINING


def test_engines_are_built_on_a_deployment_box() -> None:
    """All that `clearway build` goes through, up to opening TensorRT itself."""
    loaded = _loaded_by({"export.cli", "export.engines.engine", "runtime.engines.cache", "clearway"})
    assert loaded & HEAVY <= {"cv2"}, "export/parity/cases.py, for clearway verify, reads pictures"


def test_the_front_door_loads_a_room_only_when_its_word_is_said() -> None:
    assert _loaded_by(_modules("clearway")) == {"runtime", "runtime.errors"}
