"""Which command comes next, the exit code, and one real look at this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

import runtime.model.zoo
from runtime.doctor import report as module
from runtime.doctor.extras import Extra, ExtraPackage
from runtime.doctor.gpus import GpuSurvey, InstalledGpu
from runtime.doctor.report import examine, next_command
from runtime.doctor.trial import Trial
from runtime.machine.processor import processor
from tests.support.runtime import doctor_findings as findings
from tests.support.runtime.doctor_findings import ALL, CPU_LINE, DAMAGED, GPU_LINE, LIVE_LINE, NO_ENGINE, REPORT, RUNS
from tests.support.tiny import make_bundle

_REINSTALL = "pip install --force-reinstall --no-deps clearway"


def _with(package: ExtraPackage) -> list[Extra]:
    """All that works, but for this package."""
    found = [replace(extra, packages=tuple(package if one.name == package.name else one for one in extra.packages)) for extra in ALL]
    return [replace(extra, command="" if extra.works else f"pip install 'clearway[{extra.name}]'") for extra in found]


_NO_OPENVINO = _with(replace(findings.OPENVINO, version=""))
_NO_AV = _with(replace(findings.AV, version=""))
_BROKEN_CV2 = _with(replace(findings.OPENCV, fault="its import fails", command="sudo apt-get install libgl1"))
_BROKEN_NUMPY = _with(replace(findings.NUMPY, fault="its import fails", command="mend numpy"))


@pytest.mark.parametrize(
    ("trials", "found", "gpu", "command"),
    [
        ([RUNS], ALL, False, "clearway demo"),
        ([replace(RUNS, model="dehaze")], ALL, False, "clearway demo --model dehaze"),
        ([replace(RUNS, fault="it crashed")], ALL, False, "clearway demo --backend openvino"),
        ([NO_ENGINE, replace(RUNS, model="dehaze")], ALL, False, "clearway demo --model dehaze"),
        ([RUNS], _NO_OPENVINO, False, CPU_LINE),
        ([RUNS], _NO_OPENVINO, True, "clearway demo"),
        ([RUNS], _NO_AV, False, CPU_LINE),
        ([RUNS], _NO_AV, True, LIVE_LINE),
        ([RUNS], _BROKEN_CV2, False, "sudo apt-get install libgl1"),
        ([NO_ENGINE], _NO_OPENVINO, False, CPU_LINE),
        ([NO_ENGINE], ALL, True, GPU_LINE),
        ([NO_ENGINE], ALL, False, _REINSTALL),
        ([DAMAGED], ALL, False, _REINSTALL),
        ([DAMAGED, NO_ENGINE], _NO_OPENVINO, False, CPU_LINE),
        ([], ALL, False, _REINSTALL),
        ([NO_ENGINE], _BROKEN_NUMPY, False, "mend numpy"),
        ([NO_ENGINE], (), False, f"pip install '{Path(module.__file__).parents[2]}[cpu]'"),
    ],
)
def test_the_next_command(trials: Sequence[Trial], found: Sequence[Extra], gpu: bool, command: str) -> None:
    assert next_command(trials, found, gpu=gpu) == command


@pytest.mark.parametrize(
    ("trials", "code"),
    [((RUNS,), 0), ((NO_ENGINE,), 1), ((RUNS, DAMAGED), 0), ((replace(RUNS, fault="it crashed"),), 0), ((), 1)],
)
def test_the_exit_code_says_whether_anything_runs(trials: tuple[Trial, ...], code: int) -> None:
    assert replace(REPORT, trials=trials).exit_code == code


@pytest.fixture
def zoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(runtime.model.zoo, "_ZOO", tmp_path)
    return make_bundle(tmp_path / "tiny").parent


@pytest.mark.usefixtures("zoo")
def test_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "extras", lambda: ALL)  # the real ones take seconds, and have tests of their own
    said: list[str] = []
    found = examine(said.append)
    assert said == ["the machine", "the packages", "the video encoders", "the model tiny"]
    assert found.processor == processor()
    assert [(one.model, one.measured is not None) for one in found.trials] == [("tiny", True)]
    assert (found.next, found.exit_code) == ("clearway demo --model tiny", 0)


@pytest.mark.usefixtures("zoo")
def test_a_gpu_decides_what_is_installed_next(monkeypatch: pytest.MonkeyPatch) -> None:
    gpus = GpuSurvey((InstalledGpu("NVIDIA H200", 140.4, "9.0"),), "570.86.15", "")
    for name, answer in {"survey_gpus": gpus, "extras": ALL, "encoders": REPORT.encoders}.items():
        monkeypatch.setattr(module, name, lambda answer=answer: answer)
    monkeypatch.setattr(module, "try_model", lambda model: NO_ENGINE)
    assert examine(lambda step: None).next == GPU_LINE


@pytest.mark.usefixtures("zoo")
def test_no_model_is_tried_without_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    for packages, order in ((_BROKEN_NUMPY, "mend numpy"), ([], "pip install")):
        monkeypatch.setattr(module, "extras", lambda packages=packages: tuple(packages))
        monkeypatch.setattr(module, "import_fault", lambda package: f"no {package}")
        found = examine(lambda step: None)
        assert [(one.measured, one.fault) for one in found.trials] == [(None, "not tried: numpy does not work (no numpy)")]
        assert found.next.startswith(order)
        assert found.exit_code == 1
