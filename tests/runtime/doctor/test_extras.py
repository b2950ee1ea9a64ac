"""What each extra brings: told from the metadata, looked for, imported, and mended by one line. The packages are made in the test."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest

from runtime.doctor import extras as module
from runtime.doctor.extras import Extra, ExtraPackage, extras
from tests.support.runtime.doctor_site import Site

ROOT = Path(__file__).parents[3]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """The only packages that are installed."""
    site = Site(tmp_path / "site")
    monkeypatch.setattr(sys, "path", [str(site.folder), *(path for path in sys.path if "site-packages" not in path)])
    return site


def _only(extra: str) -> Extra:
    (found,) = [one for one in extras() if one.name == extra]
    return found


def test_what_works(site: Site) -> None:
    site.clearway(cpu=["one-engine>=2.0", "two<3,>=1.5"])
    site.install("one-engine", "2.0.1")
    site.install("two", "2.9")
    always, cpu = extras()
    assert always == Extra("", "Clearway itself", (ExtraPackage("sound", ">=1.0", "1.2", "", ""),), "")
    assert cpu.packages == (ExtraPackage("one-engine", ">=2.0", "2.0.1", "", ""), ExtraPackage("two", "<3,>=1.5", "2.9", "", ""))
    assert (cpu.works, cpu.command) == (True, "")


def test_a_package_that_is_missing(site: Site) -> None:
    site.clearway(cpu=["one>=2.0"], live=["sound>=1.0"])
    assert _only("cpu").packages == (ExtraPackage("one", ">=2.0", "", "", ""),)
    assert (_only("cpu").works, _only("cpu").command) == (False, "pip install 'clearway[cpu]'")
    assert _only("live").command == ""


@pytest.mark.parametrize(
    ("wanted", "found", "fits"),
    [
        (">=2.0", "1.9.9", False),
        (">=2.0", "2", True),
        (">=2.10", "2.9", False),
        ("==2.13.0", "2.13.0+cpu", True),
        ("==2.13.0", "2.13.1", False),
        ("<12,>=10.8", "12.0", False),
        ("<12,>=10.8", "11.4.0.106", True),
        ("<12,>=10.8", "10.7", False),
    ],
)
def test_another_version_is_replaced_by_the_extras_own_line(wanted: str, found: str, fits: bool, site: Site) -> None:
    site.clearway(cpu=[f"one{wanted}"])
    site.install("one", found)
    (package,) = _only("cpu").packages
    assert package == ExtraPackage("one", wanted, found, "" if fits else f"{wanted} is needed", "")
    assert _only("cpu").command == ("" if fits else "pip install 'clearway[cpu]'")


@pytest.mark.parametrize(
    ("source", "fault", "command"),
    [
        ("raise OSError('libvino.so: bad ELF')", "OSError: libvino.so: bad ELF", "pip install --force-reinstall --no-deps one==2.0"),
        ("import os; os.abort()", "it crashed: Aborted", "pip install --force-reinstall --no-deps one==2.0"),
        ("raise ImportError('libGL.so.1: cannot open')", "ImportError: libGL.so.1: cannot open", "sudo apt-get install libgl1"),
        ("import another", "ModuleNotFoundError: No module named 'another'", "pip install --force-reinstall --no-deps one==2.0"),
    ],
)
def test_a_package_whose_import_fails(source: str, fault: str, command: str, site: Site) -> None:
    site.clearway(cpu=["one>=2.0"])
    site.install("one", "2.0", source=source)
    assert _only("cpu").packages == (ExtraPackage("one", ">=2.0", "2.0", f"its import fails: {fault}", command),)
    assert _only("cpu").command == "", "nothing is missing"


def test_a_package_that_stands_in(site: Site) -> None:
    site.clearway(cpu=["opencv-python>=5.0"])
    site.install("opencv-python-headless", "5.0.1", module="cv2")
    assert _only("cpu").packages == (ExtraPackage("opencv-python-headless", ">=5.0", "5.0.1", "", ""),)


def test_a_stand_in_that_fails(site: Site) -> None:
    site.clearway(cpu=["opencv-python>=5.0"])
    site.install("opencv-python-headless", "5.0.1", module="cv2", source="raise OSError('bad ELF')")
    assert _only("cpu").packages[0].command == "pip install --force-reinstall --no-deps opencv-python-headless==5.0.1"


def test_what_has_to_go_first(site: Site) -> None:
    site.clearway(cpu=["onnxruntime>=1.31"], gpu=["onnxruntime-gpu>=1.31"])
    site.install("onnxruntime", "1.31.1")
    assert _only("gpu").command == "pip uninstall -y onnxruntime && pip install 'clearway[gpu]'"


def test_two_that_overwrite_each_other(site: Site) -> None:
    site.clearway(cpu=["onnxruntime>=1.31"], gpu=["onnxruntime-gpu>=1.31"])
    site.install("onnxruntime", "1.31.1")
    site.install("onnxruntime-gpu", "1.31.1", module="onnxruntime")
    for extra in ("cpu", "gpu"):
        (package,) = _only(extra).packages
        assert package.fault.endswith("are both installed and overwrite each other")
        assert package.command.startswith("pip uninstall -y onnxruntime")
        assert package.command.endswith(f"&& pip install 'clearway[{extra}]'")


def test_an_extra_within_an_extra(site: Site) -> None:
    site.clearway(train=["one>=2.0"], export=["clearway[train]", "two>=1.0"])
    assert [package.name for package in _only("export").packages] == ["one", "two"]


def test_a_copy_that_is_not_installed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(site.folder)])  # a checkout may hold its own metadata
    assert extras() == ()


def test_an_import_calls_nobody(site: Site) -> None:
    """The engines' wheels do, unless they are kept from it."""
    site.clearway(cpu=["openvino>=1.0", "onnxruntime>=1.0"])
    site.install("openvino-telemetry", "1.0")
    calls_home = "try:\n    import openvino_telemetry\nexcept ImportError:\n    pass\nelse:\n    raise SystemError('called')"
    site.install("openvino", "1.0", source=calls_home)
    site.install("onnxruntime", "1.0", source="import os\nassert os.environ['ORT_DISABLE_TELEMETRY'] == '1'")
    assert [package.fault for package in _only("cpu").packages] == ["", ""]


def test_every_extra_is_described() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(module._GIVES) == {"", *project["optional-dependencies"]}
    packages = {requirement for wanted in project["optional-dependencies"].values() for requirement in wanted}
    assert all(any(one.startswith(name) for one in packages) for name in module._MODULES)
