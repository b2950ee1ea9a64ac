"""The public names of Clearway. Each is imported from its room when it is first used, so `import clearway` loads nothing heavy.

    import clearway
    restore = clearway.load("derain")
    restored = restore(frame)            # uint8 [H, W, 3] BGR in; restored.image out
    clearway.restore_video("in.mp4", "out.mp4", model="derain")
    clearway.restore_video("in.mp4", "gentle.mkv", finish=clearway.FinishOptions(strength=0.6), encode=clearway.EncodeOptions("h265", 70))
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clearway.command import main as main
    from runtime.errors import ClearwayError as ClearwayError
    from runtime.errors import UsageError as UsageError
    from runtime.restorer import Restored as Restored
    from runtime.restorer import Restorer as Restorer
    from runtime.restorer import load as load
    from video.color import AssumedColor as AssumedColor
    from video.files.encoding import EncodeOptions as EncodeOptions
    from video.files.reading import ReadOptions as ReadOptions
    from video.finish.finish import FinishOptions as FinishOptions
    from video.restore.report import VideoReport as VideoReport
    from video.restore.video import Progress as Progress

__version__ = "0.1.0"

# Public name → the module that defines it. The imports above say the same to type checkers; tests/test_front_door.py compares the two.
_MODULES = {
    "AssumedColor": "video.color",
    "ClearwayError": "runtime.errors",
    "EncodeOptions": "video.files.encoding",
    "FinishOptions": "video.finish.finish",
    "Progress": "video.restore.video",
    "ReadOptions": "video.files.reading",
    "Restored": "runtime.restorer",
    "Restorer": "runtime.restorer",
    "UsageError": "runtime.errors",
    "VideoReport": "video.restore.report",
    "load": "runtime.restorer",
    "main": "clearway.command",
}

__all__ = [
    "AssumedColor",
    "ClearwayError",
    "EncodeOptions",
    "FinishOptions",
    "Progress",
    "ReadOptions",
    "Restored",
    "Restorer",
    "UsageError",
    "VideoReport",
    "__version__",
    "load",
    "main",
    "restore_video",
]


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module 'clearway' has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def restore_video(
    source: str | Path,
    target: str | Path,
    model: str | Path = "derain",
    backend: str = "auto",
    *,
    read: ReadOptions | None = None,
    finish: FinishOptions | None = None,
    encode: EncodeOptions | None = None,
    show_removed: str | Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> VideoReport:
    """Restores a video and keeps its timestamps, sound and colour tags. An existing file is replaced only with `overwrite`.

    The options are those of `clearway restore`: docs/restore.md. `resume` continues where an earlier call was interrupted; the result is
    the same as that of an undisturbed run. `progress` is called with the frames done and the frames in all, None where that is unknown.
    """
    from runtime.restorer import load
    from video.files.encoding import EncodeOptions
    from video.files.reading import ReadOptions
    from video.finish.finish import FinishOptions
    from video.restore.job import RestoreJob
    from video.restore.video import engine_threads
    from video.restore.video import restore_video as restore

    job = RestoreJob(
        Path(source),
        Path(target),
        encode or EncodeOptions(),
        read or ReadOptions(),
        finish or FinishOptions(),
        None if show_removed is None else Path(show_removed),
        resume,
        overwrite,
    )
    with load(model, backend, threads=engine_threads()) as restorer:
        return restore(job, restorer, progress=progress)
