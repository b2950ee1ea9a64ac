"""The wheel: every room and every shipped model are in it, the tests are not, and it runs where nothing but numpy is."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from runtime.model.bundle import MANIFEST, open_bundle
from runtime.model.zoo import find, shipped
from tests.support.tiny import make_bundle

ROOT = Path(__file__).parents[1]
ROOMS = ("clearway", "training", "export", "runtime", "video", "benchmarks")
_SOURCES = (*ROOMS, "tests", "pyproject.toml", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources in a folder of their own, since a build writes into its tree and takes up what earlier builds left in it.

    One more model lies in the zoo, so that the way of a model into the wheel is tested whatever is shipped.
    """
    folder = tmp_path_factory.mktemp("project")
    for name in _SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(ROOT / name, folder / name)
    make_bundle(folder / "runtime" / "zoo" / "tiny")
    return folder


@pytest.fixture(scope="module")
def wheel(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("wheel")
    _run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(target), str(project)], target)
    (built,) = target.glob("clearway-*.whl")
    return built


@pytest.fixture(scope="module")
def contents(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment with the wheel and what it says it needs."""
    folder = tmp_path_factory.mktemp("environment")
    _run([sys.executable, "-m", "venv", "--without-pip", str(folder)], folder)
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install", "--quiet", "--disable-pip-version-check"]
    _run([*pip, "-c", str(ROOT / "constraints.txt"), str(wheel)], folder)
    return folder


def _run(command: list[str], folder: Path) -> str:
    """Away from the repository and its packages, which would answer in the wheel's place."""
    alone = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    done = subprocess.run(command, cwd=folder, env=alone, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_every_module_of_every_room_is_in_it_and_the_page(contents: set[str]) -> None:
    modules = {path.relative_to(ROOT).as_posix() for room in ROOMS for path in (ROOT / room).rglob("*.py")}
    modules |= {f"{room}/py.typed" for room in ROOMS}
    page = {path.relative_to(ROOT).as_posix() for path in (ROOT / "video/page/static").iterdir()}
    assert (modules | page) - contents == set()


def test_every_shipped_model_is_in_it_whole(contents: set[str]) -> None:
    for name in shipped():
        for file in (MANIFEST, *open_bundle(find(name)).manifest.files):
            assert f"runtime/zoo/{name}/{file}" in contents
    assert {f"runtime/zoo/tiny/{file}" for file in (MANIFEST, "model.onnx", "proof.npz")} <= contents


def test_nothing_else_is_in_it(contents: set[str]) -> None:
    tops = {name.partition("/")[0] for name in contents}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(ROOMS)
    assert not [name for name in contents if name.endswith((".pyc", ".engine"))]


def test_the_licence_travels_with_it(wheel: Path, contents: set[str]) -> None:
    (licence,) = [name for name in contents if name.endswith("/LICENSE")]
    with zipfile.ZipFile(wheel) as archive:
        assert archive.read(licence) == (ROOT / "LICENSE").read_bytes()


def test_it_runs_from_another_folder(environment: Path, tmp_path: Path) -> None:
    command = str(environment / "bin" / "clearway")
    listed = _run([command, "models"], tmp_path)
    for name in ("tiny", *shipped()):
        assert f"{name} " in listed
    assert "restored, health" in _run([command, "models", "tiny"], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_type_checkers_see_the_types_of_what_is_installed(environment: Path, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text('import clearway\nreveal_type(clearway.load("derain"))\n')
    checked = _run(
        [sys.executable, "-m", "mypy", "--strict", "--python-executable", str(environment / "bin" / "python"), "program.py"], tmp_path
    )
    assert 'Revealed type is "runtime.restorer.Restorer"' in checked


def test_the_doctor_of_a_bare_machine(environment: Path, tmp_path: Path) -> None:
    """Nothing is there but numpy: the first command is said first, nothing fails, and the exit code tells scripts."""
    alone = os.environ | {"CLEARWAY_CACHE": str(tmp_path / "cache")}
    command = [str(environment / "bin" / "clearway"), "doctor"]
    done = subprocess.run(command, cwd=tmp_path, env=alone, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.splitlines()[:2] == ["No shipped model runs here yet.", "Next: pip install 'clearway[cpu]'"]
    assert "openvino: openvino is not installed; it comes with: pip install 'clearway[cpu]'" in done.stdout
    assert "To mend" not in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("word", ["restore", "train", "evaluate", "export", "verify", "demo", "bench"])
def test_a_missing_package_is_one_line_that_says_how_to_get_it(word: str, environment: Path, tmp_path: Path) -> None:
    arguments = {"demo": [], "bench": ["tiny"]}.get(word, ["--help"])  # these two know their words without any package
    command = [str(environment / "bin" / "clearway"), word, *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    assert re.fullmatch(r"clearway: \w+ is not installed; it comes with: pip install 'clearway\[(cpu|train|export)\]'\n", done.stderr)
    assert list(tmp_path.iterdir()) == []
