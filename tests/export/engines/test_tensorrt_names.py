"""Every name of TensorRT that this house uses exists in the real packages, and takes as many arguments as it is given.

TensorRT-RTX is installed. Of full TensorRT the package index holds the real bindings without their libraries, for the oldest and the newest
version that is supported; with libraries compiled here they can be imported, and everything up to the first Builder runs.
`runtime/backends/tensorrt/api.py` states what is used, and runtime/backends/tensorrt/rtx_api.py what only TensorRT-RTX has: mypy refuses
any other name in the sources, and here each stated one is looked up.
"""

from __future__ import annotations

import ast
import inspect
import json
import os
import re
import shutil
import subprocess
import sys
import typing
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from runtime.backends.tensorrt import api as tensorrt_api
from runtime.backends.tensorrt import rtx_api as tensorrt_rtx_api
from tests.support.export.engine_bundles import engine_bundle, graph_of
from tests.support.export.stubs import fake_driver, fake_tensorrt_libraries

ROOT = Path(__file__).parents[3]
WHEELS = ROOT / ".wheels"
VERSIONS = ("10.8.0.43", "11.4.0.106")
APIS = (tensorrt_api, tensorrt_rtx_api)
# Members of enumerations that the oldest version does not have: it knows no attention layer, so that none is ever met there.
LATER: dict[str, set[str]] = {"10.8.0.43": {"ATTENTION_INPUT", "ATTENTION_OUTPUT"}, "11.4.0.106": set()}
SOURCES = [
    path
    for room in ("export", "runtime")
    for path in sorted((ROOT / room).rglob("*.py"))
    if "runtime.backends.tensorrt" in path.read_text() or path.parent.name == "tensorrt"
]
TREES = [ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES]

# Run where the package can be imported: the documentation of everything that is asked for and there, as JSON. The signatures stand in
# its first lines, written by pybind11.
LOOK = """
import functools, importlib, json, sys
trt, found = importlib.import_module(sys.argv[1]), {}
for path in json.loads(sys.argv[2]):
    try:
        found[path] = functools.reduce(getattr, path.split("."), trt).__doc__ or ""
    except AttributeError:
        pass
print(json.dumps([found, [name for kind in (trt.DataType, trt.LayerType, trt.ILogger.Severity) for name in kind.__members__]]))
"""


def _stated(api: ModuleType) -> dict[str, int | None]:
    """Each name that such a module states → how many arguments it is given; None for what is not called."""
    stated: dict[str, int | None] = {}
    kinds = [kind for kind in vars(api).values() if inspect.isclass(kind) and kind.__module__ == api.__name__]
    for kind in (kind for kind in kinds if kind.__name__ != "EnumMember"):
        name = kind.__name__.removeprefix("Rtx")  # TensorRT-RTX has more members of the same classes
        prefix = "" if name == "TensorRT" else f"{name}."
        for member, annotation in inspect.get_annotations(kind, eval_str=True, locals=vars(api)).items():
            origin: object = typing.get_origin(annotation)
            if origin is Callable:  # a class that is made by calling it
                stated[f"{member}.__init__"] = len(typing.get_args(annotation)[0])
            else:
                stated[f"{prefix}{member}"] = None
        for member, function in inspect.getmembers(kind, inspect.isfunction):
            if not member.startswith("_"):
                stated[f"{prefix}{member}"] = len(inspect.signature(function).parameters) - 1
    return stated


def _overridden() -> dict[str, int]:
    """Each method by which our classes answer the package's → its arguments: `base: Any = trt.NAME`, then `class Ours(base)`."""
    found: dict[str, int] = {}
    for function in (node for tree in TREES for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
        bases = [n.value.attr for n in function.body if isinstance(n, ast.AnnAssign) and isinstance(n.value, ast.Attribute)]
        methods = [m for kind in function.body if isinstance(kind, ast.ClassDef) for m in kind.body if isinstance(m, ast.FunctionDef)]
        found |= {f"{bases[0]}.{m.name}": len(m.args.args) - 1 for m in methods if m.name != "__init__"}
    return found


def _members_of_enumerations() -> set[str]:
    """The sources read enumerations by the names of their members, and use capitals for nothing else."""
    strings = {node.value for tree in TREES for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return {text for text in strings if re.fullmatch(r"[A-Z][A-Z0-9_]+", text)}


def _takes(documentation: str, given: int) -> bool:
    """Whether a signature in pybind11's words, or one of several, takes so many arguments beside self."""
    for arguments in re.findall(r"\w+\(self: [^,)]+(.*)\) -> ", documentation):
        each = re.findall(r", \w+: [^,\[]+(?:\[[^]]*\])?", arguments)
        if sum("=" not in argument for argument in each) <= given <= len(each):
            return True
    return False


def _wanted(*apis: ModuleType) -> dict[str, int | None]:
    return {name: given for api in apis for name, given in _stated(api).items()} | _overridden()


def _problems(found: dict[str, str], *apis: ModuleType) -> list[str]:
    wanted = _wanted(*apis)
    absent = [f"{name} is not there" for name in wanted if name not in found]
    called = {name: given for name, given in wanted.items() if given is not None and name in found}
    return absent + [f"{name} takes no {given}: {found[name].strip()}" for name, given in called.items() if not _takes(found[name], given)]


def _looked_up(module: str, environment: dict[str, str]) -> tuple[dict[str, str], set[str]]:
    asked = json.dumps([*_wanted(*APIS)])
    said = subprocess.run([sys.executable, "-c", LOOK, module, asked], env=environment, capture_output=True, text=True, check=True).stdout
    found, members = json.loads(said)
    return found, set(members)


@pytest.fixture(scope="module", params=VERSIONS)
def full(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, str]]:
    """A version of full TensorRT, and the environment in which `import tensorrt` gives its bindings."""
    version = request.param
    wheels = list(WHEELS.glob(f"tensorrt_cu*_bindings-{version}-*.whl"))
    if not wheels:
        pytest.skip(f"the bindings of TensorRT {version} are not in {WHEELS.name}/; fetch them with: make bindings")
    if shutil.which("gcc") is None:
        pytest.skip("gcc, which compiles the libraries that the bindings are linked against, is not installed")
    folder = tmp_path_factory.mktemp("tensorrt")
    with zipfile.ZipFile(wheels[0]) as wheel:
        wheel.extractall(folder)
    (folder / "tensorrt.py").write_text("from tensorrt_bindings import *\nfrom tensorrt_bindings import __version__\n")
    fake_tensorrt_libraries(folder, major=int(version.partition(".")[0]))
    fake_driver(folder, major=8, minor=6)
    return version, os.environ | {"PYTHONPATH": f"{folder}:{ROOT}", "LD_LIBRARY_PATH": str(folder)}


def test_the_test_itself_sees_what_it_should() -> None:
    """What it would say of names that are not there and of calls that do not fit."""
    stated, overridden = _stated(tensorrt_api), _overridden()
    assert stated["Builder.create_network"] == 1
    assert stated["OnnxParser.__init__"] == 2
    assert stated["ILayer.name"] is None
    assert overridden == {
        "ILogger.log": 2,
        "IProgressMonitor.phase_start": 3,
        "IProgressMonitor.step_complete": 2,
        "IProgressMonitor.phase_finish": 1,
    }
    assert {"CONVOLUTION", "HALF", "ERROR", "UINT8"} <= _members_of_enumerations()
    assert _takes("f(self: a.B, x: c.D, y: int = 0) -> None", 1)
    assert _takes("f(*args)\n1. f(self: a.B) -> None\n2. f(self: a.B, x: typing.List[int, int], y: int) -> None", 2)
    assert not _takes("f(self: a.B, x: c.D, y: int = 0) -> None", 0)
    assert not _takes("f(self: a.B, x: c.D, y: int = 0) -> None", 3)
    assert "ILayer.name is not there" in _problems({}, tensorrt_api)
    assert "IRuntimeConfig.create_runtime_cache is not there" in _problems({}, *APIS)


def test_every_stated_name_is_used() -> None:
    used = {node.attr for tree in TREES for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    parts = {part for api in APIS for name in _stated(api) for part in name.removesuffix(".__init__").split(".")[-1:]}
    assert parts - used == set()


def test_tensorrt_rtx_has_them_all() -> None:
    pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx-cu13 is not installed")
    found, members = _looked_up("tensorrt_rtx", dict(os.environ))
    assert _problems(found, *APIS) == []
    assert _members_of_enumerations() - members == set()


def test_full_tensorrt_has_them_all(full: tuple[str, dict[str, str]]) -> None:
    version, environment = full
    found, members = _looked_up("tensorrt", environment)
    assert _problems(found, tensorrt_api) == []
    assert _members_of_enumerations() - members == LATER[version]


def test_full_tensorrt_opens_and_says_in_one_line_that_it_does_not_start(full: tuple[str, dict[str, str]], tmp_path: Path) -> None:
    """The libraries compiled here make no Builder, as the real ones do without a usable card."""
    version, environment = full
    bundle = engine_bundle(tmp_path / "bundle", fp16=graph_of([]))
    command = [sys.executable, "-m", "clearway", "build", str(bundle.folder), "--target", "tensorrt"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == f"clearway: tensorrt {version} does not start on this machine: it gives no reason\n"
