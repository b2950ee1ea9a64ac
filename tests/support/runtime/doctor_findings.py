"""Owns made findings for tests: a machine on which all works, to be changed at one place by each test."""

from __future__ import annotations

from runtime.doctor.caches import CompileCache
from runtime.doctor.codecs import Encoder, Encoders
from runtime.doctor.extras import Extra, ExtraPackage
from runtime.doctor.gpus import GpuSurvey
from runtime.doctor.report import DoctorReport, Software
from runtime.doctor.trial import PassedOverBackend, Trial, TrialTiming
from runtime.machine.memory import Memory
from runtime.machine.processor import Processor

MEASURED = TrialTiming("openvino", "bf16", "OpenVINO 2026.4.1, 2 threads, AMD EPYC", first_s=0.61, fps=26.7, passed_over=())
RUNS = Trial("derain", MEASURED, "", ())
CPU_LINE, GPU_LINE, LIVE_LINE = (f"pip install 'clearway[{extra}]'" for extra in ("cpu", "gpu", "live"))
NO_ENGINE = Trial(
    "derain",
    None,
    "no engine here runs it",
    tuple(PassedOverBackend(name, f"{name} is not installed; it comes with: {CPU_LINE}") for name in ("openvino", "onnxruntime")),
)
DAMAGED = Trial("derain", None, "zoo/derain/model.onnx: it was changed; copy the bundle again", ())
NUMPY = ExtraPackage("numpy", ">=2.0", "2.4.6", "", "")
OPENVINO = ExtraPackage("openvino", ">=2026.4", "2026.4.1", "", "")
OPENCV = ExtraPackage("opencv-python", ">=5.0", "5.0.0.93", "", "")
AV = ExtraPackage("av", ">=18.1", "18.1.0", "", "")
TENSORRT = ExtraPackage("tensorrt", "<12,>=10.8", "", "", "")
ALL = (
    Extra("", "Clearway itself", (NUMPY,), ""),
    Extra("cpu", "restoring on a CPU", (OPENVINO, OPENCV, AV), ""),
    Extra("gpu", "restoring on an NVIDIA GPU", (TENSORRT, OPENCV, AV), GPU_LINE),
    Extra("live", "cameras and streams", (OPENCV, AV), ""),
)
REPORT = DoctorReport(
    next="clearway demo",
    trials=(RUNS,),
    processor=Processor("AMD EPYC", 2, None, ("AVX512-BF16", "AVX512", "AVX2"), bf16=True),
    memory=Memory(23.5, 22.0, None),
    gpus=GpuSurvey((), "", "no NVIDIA GPU and no NVIDIA driver"),
    software=Software("3.11.7", "/venv/bin/python", "0.1.0", "/src/clearway"),
    extras=ALL,
    encoders=Encoders(
        (Encoder("libx264", "h264", hardware=False, opens=True), Encoder("h264_nvenc", "h264", hardware=True, opens=False)), ""
    ),
    caches=(
        CompileCache("openvino", "compiled models", "/cache/openvino", 1_500_000, ""),
        CompileCache("engines", "TensorRT engines", "/cache/engines", 0, ""),
    ),
)
