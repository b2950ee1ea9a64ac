"""What each extra brings, which of it is installed and works, and the command that mends the rest. Does not know models.

What an extra brings is read from the installed Clearway's own metadata, so that pyproject.toml is the one place that says it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata, requires, version

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion

from runtime.doctor.child import import_fault

_GIVES = {
    "": "Clearway itself",
    "cpu": "restoring on a CPU",
    "gpu": "restoring on an NVIDIA GPU; compiles pycuda, which needs nvcc",
    "rtx": "TensorRT-RTX engines for NVIDIA RTX GPUs",
    "live": "cameras and streams",
    "train": "training",
    "export": "making bundles",
    "dev": "tests and checks",
}
# The module that shows whether a package works, where it is not called as its package is.
_MODULES = {
    "cuda-bindings": "cuda.bindings",
    "onnxruntime-gpu": "onnxruntime",
    "opencv-python": "cv2",
    "pycuda": "pycuda.driver",
    "scikit-image": "skimage",
    "tensorrt-rtx-cu13": "tensorrt_rtx",
}
# Other packages that bring the same module, and serve as well.
_STAND_INS = {
    "onnxruntime": ("onnxruntime-gpu",),
    "opencv-python": ("opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless"),
}
# The two overwrite each other's files.
_RIVALS = {"onnxruntime": "onnxruntime-gpu", "onnxruntime-gpu": "onnxruntime"}
# What wheels leave to the system, by what their imports miss, and how to get it.
_LIBRARIES = {
    "libGL.so.1": "sudo apt-get install libgl1",
    "libgthread-2.0.so.0": "sudo apt-get install libglib2.0-0",
    "libcuda.so.1": "sudo ubuntu-drivers install",
}


@dataclass(frozen=True)
class ExtraPackage:
    name: str  # of what is installed, which may stand in for what was asked for
    wanted: str  # ">=1.31"
    version: str  # "" where it is not installed
    fault: str  # "" where it is not installed, or works
    command: str  # what mends the fault, unless the extra's own line does

    @property
    def works(self) -> bool:
        return bool(self.version) and not self.fault


@dataclass(frozen=True)
class Extra:
    name: str  # "" for what Clearway cannot do without
    gives: str
    packages: tuple[ExtraPackage, ...]
    command: str  # installs what is missing or of another version; "" where nothing is

    @property
    def works(self) -> bool:
        return all(package.works for package in self.packages)


def extras() -> tuple[Extra, ...]:
    """Empty where this copy of Clearway is not installed, so that nothing says what belongs to it."""
    try:
        names = ["", *(metadata("clearway").get_all("Provides-Extra") or [])]
    except PackageNotFoundError:
        return ()
    brings = {name: _requirements(name) for name in names}
    installed = {name: found for wanted in brings.values() for name in wanted if (found := _installed(name)) is not None}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        faults = dict(zip(installed, pool.map(import_fault, map(_module, installed)), strict=True))
    return tuple(_extra(name, wanted, installed, faults) for name, wanted in brings.items())


def _install_line(extra: str) -> str:
    """With what has to go first."""
    line = f"pip install 'clearway[{extra}]'" if extra else "pip install clearway"
    rivals = [rival for name in _requirements(extra) if (rival := _RIVALS.get(name, "")) and _version(rival)]
    return f"pip uninstall -y {' '.join(rivals)} && {line}" if rivals else line


def _requirements(extra: str) -> dict[str, str]:
    """Package → which versions, `clearway[train]` within an extra resolved."""
    found: dict[str, str] = {}
    for requirement in map(Requirement, requires("clearway") or []):
        if not _belongs(requirement, extra):
            continue
        if requirement.name == "clearway":
            for other in requirement.extras:
                found |= _requirements(other)
        else:
            found[requirement.name] = str(requirement.specifier)
    return found


def _belongs(requirement: Requirement, extra: str) -> bool:
    """To this extra, or to what Clearway cannot do without ("")."""
    marker = requirement.marker
    if marker is None or marker.evaluate({"extra": ""}):
        return extra == ""
    return marker.evaluate({"extra": extra})


def _extra(name: str, wanted: Mapping[str, str], installed: Mapping[str, tuple[str, str]], faults: Mapping[str, str]) -> Extra:
    packages = []
    for package, versions in wanted.items():
        if package not in installed:
            packages.append(ExtraPackage(package, versions, "", "", ""))
            continue
        held, found = installed[package]
        packages.append(ExtraPackage(held, versions, found, *_fault(held, versions, found, faults[package], name)))
    lacking = any(not package.works and not package.command for package in packages)
    return Extra(name, _GIVES.get(name, ""), tuple(packages), _install_line(name) if lacking else "")


def _fault(package: str, wanted: str, found: str, broken: str, extra: str) -> tuple[str, str]:
    """What is wrong and what mends it, where installing the extra does not."""
    rival = _RIVALS.get(package, "")
    if rival and _version(rival) and _version(package):
        both = f"{package} and {rival} are both installed and overwrite each other"
        return both, f"pip uninstall -y {package} {rival} && pip install 'clearway[{extra}]'"
    if broken:
        library = next((name for name in _LIBRARIES if name in broken), "")
        return f"its import fails: {broken}", _LIBRARIES.get(library, f"pip install --force-reinstall --no-deps {package}=={found}")
    if not _satisfies(found, wanted):
        return f"{wanted} is needed", ""
    return "", ""


def _installed(package: str) -> tuple[str, str] | None:
    """Name and version of the package, or of what stands in for it."""
    return next(((name, found) for name in (package, *_STAND_INS.get(package, ())) if (found := _version(name))), None)


def _module(package: str) -> str:
    return _MODULES.get(package, package.replace("-", "_"))


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _satisfies(found: str, wanted: str) -> bool:
    try:
        return SpecifierSet(wanted).contains(found, prereleases=True)
    except InvalidVersion:
        return False
