"""The import law: which room may import which, and who may load the heavy packages, read from the sources and seen at work."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = {
    "runtime": {"runtime"},
    "video": {"video", "runtime"},
    "training": {"training", "runtime"},
    "export": {"export", "training", "runtime"},
    "benchmarks": {"benchmarks", "export", "training", "video", "runtime"},
}
_TRAINING = {"torch", "lightning_fabric", "safetensors", "onnx", "onnx_ir", "onnxscript"}
HEAVY = _TRAINING | {"tensorrt", "tensorrt_rtx", "pycuda", "cuda", "openvino", "onnxruntime", "cv2", "av", "aiohttp", "aiortc"}
# The only files of runtime that may import something heavy, and what.
LEAVES = {
    "runtime/cuda/device.py": {"pycuda"},
    "runtime/cuda/graphs.py": {"cuda"},
    "runtime/files/pictures.py": {"cv2"},
    "runtime/doctor/codecs.py": {"av"},  # only where it is run as a program
    "runtime/backends/onnxruntime.py": {"onnxruntime"},
    "runtime/backends/onnxruntime_gpu.py": {"onnxruntime"},
    "runtime/backends/onnxruntime_cuda.py": {"onnxruntime"},
    "runtime/backends/openvino.py": {"openvino"},
}


def _sources(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


def _imports(path: Path) -> Iterator[tuple[int, str]]:
    """Every import, wherever it stands: (line, first part of the module's name)."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.partition(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: packages are imported by their folder's name, not relatively"
            yield node.lineno, (node.module or "").partition(".")[0]


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_the_rooms_that_it_may(room: str) -> None:
    forbidden = (ROOMS.keys() | {"clearway", "tests"}) - ROOMS[room]
    assert _sources(room), f"the room {room} is empty"
    found = [f"{_name(path)}:{line} imports {name}" for path in _sources(room) for line, name in _imports(path) if name in forbidden]
    assert found == []


def test_runtime_keeps_heavy_packages_in_its_leaves() -> None:
    found = {_name(path): {name for _, name in _imports(path)} & HEAVY for path in _sources("runtime")}
    assert {path: names for path, names in found.items() if names} == LEAVES


def test_video_needs_no_training_machine() -> None:
    found = {name for path in _sources("video") for _, name in _imports(path)} & HEAVY
    assert found <= {"av", "cv2", "aiohttp", "aiortc"}


def test_no_test_module_imports_another() -> None:
    """What several tests share is in tests/support."""
    found = []
    for path in _sources("tests"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                module = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
                names = [f"{module}{alias.name}" for alias in node.names]
                found += [f"{_name(path)}:{node.lineno}" for name in names if any(part.startswith("test_") for part in name.split("."))]
    assert found == []


def _loaded_by(modules: list[str]) -> set[str]:
    """Which heavy packages are there after importing these in a fresh interpreter."""
    code = f"import importlib, sys\nfor name in {modules!r}: importlib.import_module(name)\nprint(*({HEAVY!r} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def _modules(room: str, leaves: set[str]) -> list[str]:
    files = [_name(path) for path in _sources(room)]
    return [file.removesuffix(".py").replace("/", ".").removesuffix(".__init__") for file in files if file not in leaves]


def test_runtime_loads_nothing_heavy_but_for_its_leaves() -> None:
    assert _loaded_by(_modules("runtime", set(LEAVES))) == set()


def test_all_of_video_loads_neither_torch_nor_an_engine() -> None:
    assert _loaded_by(_modules("video", set())) <= {"av", "cv2", "aiohttp", "aiortc"}


def test_only_the_page_needs_what_serves_it() -> None:
    page = {name for name in _modules("video", set()) if name.startswith("video.page.") and name != "video.page.address"}
    assert page
    assert _loaded_by([name for name in _modules("video", set()) if name not in page]) <= {"av", "cv2"}


def test_a_deployment_box_needs_neither_torch_nor_onnx() -> None:
    """Everything of runtime and video, engines too, and what `clearway demo` goes through."""
    assert not _loaded_by([*_modules("runtime", set()), *_modules("video", set()), "benchmarks.demo.demo"]) & _TRAINING


def test_engines_are_built_on_a_deployment_box() -> None:
    """All that `clearway build` goes through, up to opening TensorRT itself."""
    on_the_way = ["export.cli", "export.engines.engine", "runtime.engines.cache", "clearway"]
    loaded = _loaded_by(on_the_way)
    assert loaded <= {"cv2"}, "export/parity/cases.py, for clearway verify, reads pictures"


def test_the_front_door_asks_for_a_room_only_when_its_word_is_said() -> None:
    assert {name for path in _sources("clearway") for name in _at_the_top(path.read_text(encoding="utf-8"))} == {"runtime.errors"}
    every_way = "import video.restore.video as v, json\nfrom runtime import zoo\nfrom runtime.errors import ClearwayError\nimport training"
    assert _at_the_top(every_way) == {"video.restore.video", "runtime", "runtime.errors", "training"}, "what this test itself would miss"


def _at_the_top(source: str) -> set[str]:
    """The modules of our rooms that a source imports as soon as it is imported itself, whichever way it is written."""
    found = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return {name for name in found if name.partition(".")[0] in ROOMS}


def test_the_front_door_loads_nothing_heavy() -> None:
    assert _loaded_by(["clearway"]) == set()
