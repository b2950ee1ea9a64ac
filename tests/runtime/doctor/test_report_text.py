"""How findings read: what works first, every command whole, and no line too long to read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runtime.doctor.codecs import Encoder, Encoders
from runtime.doctor.gpus import GpuSurvey, InstalledGpu
from runtime.doctor.report import DoctorReport
from runtime.doctor.report_text import text
from runtime.doctor.trial import PassedOverBackend
from runtime.machine.memory import Memory
from tests.support.runtime.doctor_findings import ALL, CPU_LINE, DAMAGED, GPU_LINE, NO_ENGINE, REPORT, RUNS

_HEALTHY = """\
derain runs here: 26.7 pictures of 1280×720 a second.
Next: clearway demo

Models
  derain       openvino, bf16: the first 1280×720 picture after 0.61 s, then 26.7 a second (OpenVINO 2026.4.1, 2
               threads, AMD EPYC)

This machine
  processor    AMD EPYC, 2 cores
               AVX512-BF16, AVX512, AVX2: bf16 in hardware, the fastest way to restore on a CPU
  memory       23.5 GiB in all, 22 GiB free
  GPU          none: no NVIDIA GPU and no NVIDIA driver
  software     Python 3.11.7 (/venv/bin/python), Clearway 0.1.0 in /src/clearway

Installed
  always       numpy 2.4.6
  cpu          openvino 2026.4.1, opencv-python 5.0.0.93, av 18.1.0

Video encoders
  H.264        libx264
  HEVC         none
  AV1          none
  hardware     none; this PyAV could use nvenc, and finds no device of them

What is compiled is kept in
  openvino     /cache/openvino: 1.5 MB of compiled models
  engines      /cache/engines: no TensorRT engines yet

Not installed
  gpu          restoring on an NVIDIA GPU; no GPU here can use it: tensorrt
               pip install 'clearway[gpu]'"""


def _section(report: DoctorReport, heading: str) -> str:
    """One section's text, its lines joined: where they break is the first test's matter."""
    blocks = dict(block.partition("\n")[::2] for block in text(report).split("\n\n"))
    return " ".join(blocks.get(heading, "").split())


def test_a_machine_on_which_all_works() -> None:
    assert text(REPORT) == _HEALTHY


def test_the_first_lines() -> None:
    def first(report: DoctorReport) -> list[str]:
        return text(report).splitlines()[:2]

    bare = replace(REPORT, trials=(NO_ENGINE,), next=CPU_LINE)
    assert first(bare) == ["No shipped model runs here yet.", f"Next: {CPU_LINE}"]
    assert first(replace(REPORT, trials=(RUNS, DAMAGED)))[0] == "1 of the 2 shipped models run here."
    assert first(replace(REPORT, trials=()))[0] == "No shipped model runs here yet."


def test_a_model_with_a_long_name() -> None:
    block = text(replace(REPORT, trials=(replace(RUNS, model="physicsgan-dehaze"),))).split("\n\n")[1]
    assert block.splitlines()[1:3] == ["  physicsgan-dehaze", _HEALTHY.splitlines()[4].replace("derain", "      ")]


def test_models() -> None:
    refused = (PassedOverBackend("tensorrt", f"tensorrt is not installed; it comes with: {GPU_LINE}"),)
    said = _section(replace(REPORT, trials=(replace(RUNS, passed_over=refused),)), "Models")
    assert said.endswith(f"AMD EPYC) passed over tensorrt: tensorrt is not installed; it comes with: {GPU_LINE}")
    said = _section(replace(REPORT, trials=(NO_ENGINE,)), "Models")
    assert said.startswith("derain does not run: no engine here runs it openvino: openvino is not installed")
    assert "does not run: zoo/derain/model.onnx: it was changed" in _section(replace(REPORT, trials=(DAMAGED,)), "Models")
    why = "it crashed: Illegal instruction"
    crashed = replace(RUNS, fault=why, passed_over=(PassedOverBackend("tensorrt", why), PassedOverBackend("cuda", "no GPU")))
    said = _section(replace(REPORT, trials=(crashed,)), "Models")
    assert said.startswith("derain auto fails: it crashed: Illegal instruction with --backend openvino: openvino, bf16")
    assert said.endswith("AMD EPYC) passed over cuda: no GPU"), "the crash is told once"
    assert _section(replace(REPORT, trials=()), "Models") == "none no model is shipped with this copy of Clearway"


def test_the_machine() -> None:
    gpus = GpuSurvey((InstalledGpu("NVIDIA H200", 140.4, "9.0"), InstalledGpu("NVIDIA GB10", None, "12.1")), "570.86.15", "")
    cpu = replace(REPORT.processor, cores=1, limit=0.5, features=(), bf16=False)
    said = _section(replace(REPORT, gpus=gpus, processor=cpu, memory=Memory(23.5, None, 2.0)), "This machine")
    assert "AMD EPYC, 1 core, limited to the time of 0.5 no known extension: no bf16 in hardware, so FP32" in said
    assert "memory 23.5 GiB in all, 2 GiB at most for this container" in said
    assert "GPU NVIDIA H200, 140.4 GiB, compute capability 9.0, driver 570.86.15 NVIDIA GB10, shared memory, compute" in said
    nothing = replace(REPORT, memory=Memory(None, None, None), software=replace(REPORT.software, clearway=""))
    assert "memory unknown" in _section(nothing, "This machine")
    assert "Clearway, not installed, in /src/clearway" in _section(nothing, "This machine")


def test_a_gpu_can_use_its_extra() -> None:
    gpus = GpuSurvey((InstalledGpu("NVIDIA H200", 140.4, "9.0"),), "570.86.15", "")
    assert _section(replace(REPORT, gpus=gpus), "Not installed") == f"gpu restoring on an NVIDIA GPU: tensorrt {GPU_LINE}"


def test_what_is_broken() -> None:
    always, cpu, gpu, live = ALL
    broken = replace(cpu.packages[1], fault="its import fails: libGL.so.1", command="sudo apt-get install libgl1")
    extras = (always, replace(cpu, packages=(cpu.packages[0], broken)), gpu, replace(live, packages=(broken,)))
    unsafe = replace(REPORT.caches[0], fault="/cache/openvino: others get at it; chmod 700 /cache/openvino")
    report = replace(REPORT, extras=extras, caches=(unsafe,))
    said = "package opencv-python 5.0.0.93: its import fails: libGL.so.1 sudo apt-get install libgl1"
    assert _section(report, "To mend") == f"{said} cache /cache/openvino: others get at it; chmod 700 /cache/openvino"
    assert _section(report, "What is compiled is kept in") == ""
    assert _section(report, "Not installed").startswith("gpu "), "what is broken is not missing"


def test_another_version_than_is_needed() -> None:
    old = replace(ALL[1].packages[0], version="2025.1", fault=">=2026.4 is needed")
    report = replace(REPORT, extras=(ALL[0], replace(ALL[1], packages=(old,), command=CPU_LINE)))
    assert _section(report, "Not installed") == f"cpu restoring on a CPU: openvino (2025.1 is here, >=2026.4 is needed) {CPU_LINE}"
    assert _section(report, "To mend") == ""


def test_encoders() -> None:
    nvenc, x265 = Encoder("hevc_nvenc", "hevc", hardware=True, opens=True), Encoder("libx265", "hevc", hardware=False, opens=False)
    assert (
        _section(replace(REPORT, encoders=Encoders((nvenc, x265), "")), "Video encoders")
        == "H.264 none HEVC none AV1 none hardware hevc_nvenc"
    )
    silent = replace(REPORT, encoders=Encoders((), "it crashed: Aborted"))
    assert _section(silent, "Video encoders") == "unknown PyAV does not say: it crashed: Aborted"
    assert _section(replace(silent, extras=ALL[:1]), "Video encoders") == "", "without PyAV there is nothing to say of it"


def test_a_copy_that_is_not_installed() -> None:
    report = replace(REPORT, extras=(), next="pip install '/src/clearway[cpu]'")
    assert _section(report, "Not installed").endswith("its extras are unknown pip install '/src/clearway[cpu]'")


@pytest.mark.parametrize("command", ["pip uninstall -y onnxruntime && pip install 'clearway[gpu]' " + "x" * 100])
def test_lines_fit_and_commands_stay_whole(command: str) -> None:
    always, cpu, gpu, live = ALL
    long = tuple(PassedOverBackend(name, "expected one thing, another came, do a third; " * 6) for name in ("a", "b"))
    report = replace(REPORT, trials=(replace(RUNS, passed_over=long),), extras=(always, cpu, replace(gpu, command=command), live))
    lines = text(report).splitlines()
    assert f"{'':15}{command}" in lines
    assert max(len(line) for line in lines if command not in line) <= 120
