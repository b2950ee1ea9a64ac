"""The tree of errors: one root, the exit codes, and the drawing at the top of the file."""

from __future__ import annotations

import importlib
import re
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import runtime.errors
from runtime.errors import MODULES, BackendError, ClearwayError, MissingExtra, UsageError, needs_extra


def _drawn() -> dict[str, str]:
    """name → parent, read from the tree in the module's docstring."""
    parents: dict[str, str] = {}
    above: list[str] = []
    for line in (runtime.errors.__doc__ or "").splitlines():
        if found := re.match(r"    ([│├└─ ]*)([A-Z]\w+)", line):
            above = [*above[: len(found[1]) // 4], found[2]]
            parents[found[2]] = above[-2] if len(above) > 1 else "Exception"
    return parents


def test_the_drawing_is_the_tree() -> None:
    real = {
        name: kind.__mro__[1].__name__
        for name, kind in vars(runtime.errors).items()
        if isinstance(kind, type) and issubclass(kind, Exception)
    }
    assert _drawn() == real


def test_exit_codes() -> None:
    assert (ClearwayError.exit_code, UsageError.exit_code) == (1, 2)


def test_a_missing_package_is_the_line_that_installs_it() -> None:
    assert str(MissingExtra("openvino", "cpu")) == "openvino is not installed; it comes with: pip install 'clearway[cpu]'"


def test_a_package_of_the_extra_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtra, match=r"torch is not installed; .* pip install 'clearway\[export\]'"), needs_extra("export"):
        importlib.import_module("torch")


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("import trch", "No module named 'trch'"),
        ("import runtime.eror", "No module named 'runtime.eror'"),
        ("from runtime.errors import ClearwayEror", "cannot import name 'ClearwayEror'"),
        ("from cv2 import imred", "cannot import name 'imred'"),
        ("from av.packet import Pakcet", "cannot import name 'Pakcet'"),
        ("import cv2.imred", "No module named 'cv2.imred'"),
    ],
)
def test_a_mistake_of_ours_is_no_missing_package(code: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "with_a_typo.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "with_a_typo", raising=False)
    with pytest.raises(ImportError, match=says), needs_extra("export"):
        importlib.import_module("with_a_typo")


@pytest.mark.parametrize(("module", "name"), [("cv2", "cv2"), ("av", "av._core")])
def test_a_package_whose_library_does_not_load_is_not_called_missing(module: str, name: str) -> None:
    def load() -> None:
        with needs_extra("cpu"):
            raise ImportError("libGL.so.1: cannot open shared object file", name=name, path=f"/site/{module}/{name}.abi3.so")

    with pytest.raises(BackendError, match=rf"^{module} is installed and cannot be loaded \(libGL.so.1: .*; install it again: pip install"):
        load()


def test_the_modules_of_each_extra_are_those_that_it_installs() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    modules = {"opencv-python": "cv2", "onnxruntime-gpu": "onnxruntime", "tensorrt-rtx-cu13": "tensorrt_rtx", "cuda-bindings": "cuda"}
    modules |= {"scikit-image": "skimage"}

    def brought(extra: str) -> set[str]:
        wanted = [Requirement(line) for line in project["optional-dependencies"][extra]]
        own = {modules.get(one.name, one.name.replace("-", "_")) for one in wanted if one.name != "clearway"}
        return own.union(*(brought(other) for one in wanted if one.name == "clearway" for other in one.extras))

    for extra, named in MODULES.items():
        if extra == "dev":  # most of it is run, not imported
            assert named <= brought(extra)
        else:
            assert named == brought(extra), extra
