"""Every error that Clearway raises on purpose. Does not know what raises them.

    ClearwayError                 exit code 1
    ├── UsageError                exit code 2: the arguments contradict each other or name something unknown
    ├── MissingExtra              a package is not installed; the message is the line that installs it
    ├── PictureError              a picture that cannot be read, written, or handed to a network
    ├── BundleError               a bundle that is absent, incomplete, changed, or from a newer Clearway
    ├── BackendError              an engine that was asked for and cannot be had, or that failed
    │   └── DeviceLost            the GPU no longer answers: what ran on it is closed
    ├── VideoError
    │   ├── SourceError           a video that cannot be read
    │   │   └── SourceLost        a live source that is silent, away or broken off, and may come back
    │   └── SinkError             a video, or a folder of results, that cannot be written
    ├── TrainingError
    │   ├── DataError             training or scoring pictures that do not fit together
    │   └── CheckpointError       weights that are absent, broken, or of another network
    └── ExportError
        └── ParityError           two ways to one picture that do not agree

A message is one line in the order *expected X, got Y; do Z*, with the path or the tensor's name in it. Errors of other packages are
translated where they enter (`raise SourceError(...) from error`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class ClearwayError(Exception):
    """The root: catching it catches everything that Clearway raises on purpose."""

    exit_code = 1


class UsageError(ClearwayError):
    exit_code = 2


class MissingExtra(ClearwayError):
    """A package that an extra brings is not installed."""

    def __init__(self, module: str, extra: str) -> None:
        super().__init__(f"{module} is not installed; it comes with: pip install 'clearway[{extra}]'")


class PictureError(ClearwayError):
    pass


class BundleError(ClearwayError):
    pass


class BackendError(ClearwayError):
    pass


class DeviceLost(BackendError):
    pass


class VideoError(ClearwayError):
    pass


class SourceError(VideoError):
    pass


class SourceLost(SourceError):
    pass


class SinkError(VideoError):
    pass


class TrainingError(ClearwayError):
    pass


class DataError(TrainingError):
    pass


class CheckpointError(TrainingError):
    pass


class ExportError(ClearwayError):
    pass


class ParityError(ExportError):
    pass


# What is imported of each extra's packages. `clearway doctor` looks further; tests/runtime/test_errors.py holds it to pyproject.toml.
_PICTURES = {"cv2", "av"}
_TRAINING = {"torch", "lightning_fabric", "safetensors", "matplotlib", "tensorboard", *_PICTURES}
MODULES: dict[str, set[str]] = {
    "cpu": {"onnxruntime", "openvino", *_PICTURES},
    "gpu": {"onnxruntime", "tensorrt", "pycuda", "cuda", *_PICTURES},
    "rtx": {"tensorrt_rtx"},
    "live": {"aiohttp", "aiortc", *_PICTURES},
    "train": _TRAINING,
    "export": {"onnx", "onnx_ir", "onnxscript", *_TRAINING},
    "dev": {"skimage", "selenium", "cuda"},
}


@contextmanager
def needs_extra(extra: str) -> Iterator[None]:
    """Around imports: a package of that extra that is not installed, or does not load, becomes an error that says what to install.

    Every other ImportError comes out unchanged: it is a mistake of ours, and its traceback is wanted.
    """
    try:
        yield
    except ImportError as error:
        broken = (error.path or "").endswith(".so") and not str(error).startswith("cannot import name")
        module = (error.name or "").partition(".")[0] if broken else error.name  # "av._core" cannot be loaded
        if module not in MODULES[extra] or not (broken or isinstance(error, ModuleNotFoundError)):
            raise
        raise unusable(module, extra, error) from error


def unusable(module: str, extra: str, error: ImportError | OSError) -> ClearwayError:
    """What to raise where `module` cannot be imported: it is not installed, or it is and does not load, since a library is missing."""
    if isinstance(error.__cause__, KeyboardInterrupt | SystemExit):  # Ctrl-C while a library in C++ starts: pybind11 wraps it
        raise error.__cause__
    if isinstance(error, ModuleNotFoundError) and error.name == module:
        return MissingExtra(module, extra)
    again = f"pip install --force-reinstall 'clearway[{extra}]'"
    return BackendError(f"{module} is installed and cannot be loaded ({error}); install it again: {again}")
