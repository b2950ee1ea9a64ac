"""Shared libraries of a few lines, compiled for a test: a driver, and what the bindings of full TensorRT are linked against."""

from __future__ import annotations

import subprocess
from pathlib import Path

# What the bindings ask of each library; no function of them is ever called before a Builder is made, and that gets a null pointer.
_TENSORRT = {
    "nvinfer": (
        "createInferBuilder_INTERNAL",
        "createInferRefitter_INTERNAL",
        "createInferRuntime_INTERNAL",
        "getBuilderPluginRegistry",
        "getInferLibVersion",
        "getLogger",
        "getPluginRegistry",
    ),
    "nvinfer_plugin": ("initLibNvInferPlugins",),
    "nvonnxparser": ("createNvOnnxParserRefitter_INTERNAL", "createNvOnnxParser_INTERNAL", "getNvOnnxParserVersion"),
}


def compiled(library: Path, source: str) -> Path:
    command = ["gcc", "-shared", "-fPIC", f"-Wl,-soname,{library.name}", "-x", "c", "-", "-o", str(library)]
    subprocess.run(command, input=source, text=True, check=True, capture_output=True)
    return library


def fake_driver(folder: Path, *, major: int = 0, minor: int = 0, code: int = 0) -> Path:
    """libcuda.so.1 with one GPU of that compute capability, or one that answers with an error."""
    source = f"""
        int cuInit(unsigned flags) {{ return {code}; }}
        int cuDriverGetVersion(int *version) {{ *version = 13000; return 0; }}
        int cuDeviceGet(int *device, int ordinal) {{ *device = ordinal; return 0; }}
        int cuDeviceGetName(char *name, int length, int device)
        {{ const char *its = "Simulated GPU"; while ((*name++ = *its++)); return 0; }}
        int cuDeviceGetAttribute(int *value, int attribute, int device) {{ *value = attribute == 75 ? {major} : {minor}; return 0; }}
    """
    return compiled(folder / "libcuda.so.1", source)


def fake_tensorrt_libraries(folder: Path, major: int) -> None:
    for name, functions in _TENSORRT.items():
        compiled(folder / f"lib{name}.so.{major}", "\n".join(f"void *{function}(void) {{ return 0; }}" for function in functions))
