"""Stand-ins for what restoring needs (a network, one that fails, a picture file), and jobs that are made and done in one call."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import cv2
import numpy as np

from runtime.picture import Picture
from runtime.restorer import Restored, Restorer
from video.files.encoding import EncodeOptions
from video.finish.finish import FinishOptions
from video.restore.folder import FolderReport, plan_folder, restore_folder
from video.restore.job import RestoreJob
from video.restore.report import PictureReport, VideoReport
from video.restore.video import Progress, restore_picture, restore_video


def restorer(work: Callable[[Picture], Picture] = lambda picture: picture, scale: int = 1) -> Restorer:
    """Stands in for a network: what is tested here is everything around it."""

    class Fake:
        manifest = SimpleNamespace(name="fake", version="1", graph=SimpleNamespace(scale=scale), files={"model.onnx": "0"})
        facts = SimpleNamespace(name="numpy", precision="uint8")
        choice = SimpleNamespace(describe=lambda: "numpy, because it is a test", backend=SimpleNamespace(depth=1, facts=facts))
        guard = SimpleNamespace(done=lambda: (), notes=lambda since: ())

        def __call__(self, picture: Picture) -> Restored:
            return Restored(work(picture), picture, None, np.zeros(3, np.float32))

    return cast("Restorer", Fake())


def failing(at: int, error: BaseException) -> Restorer:
    count = iter(range(1000))

    def work(picture: Picture) -> Picture:
        if next(count) == at:
            raise error
        return picture

    return restorer(work)


def picture(path: Path, value: int = 90) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((20, 30, 3), value, np.uint8))
    return path


def do_video(
    source: Path, target: Path, restorer: Restorer, options: EncodeOptions | None = None, *, progress: Progress | None = None, **asked: Any
) -> VideoReport:
    """`asked`: the other fields of RestoreJob."""
    return restore_video(RestoreJob(source, target, options or EncodeOptions(), **asked), restorer, progress=progress)


def do_picture(source: Path, target: Path, restorer: Restorer, *, strength: float = 1, **asked: Any) -> PictureReport:
    return restore_picture(RestoreJob(source, target, finish=FinishOptions(strength), **asked), restorer)


def do_folder(
    source: Path,
    target: Path,
    restorer: Restorer,
    *,
    begins: Callable[[Path], None] | None = None,
    progress: Progress | None = None,
    **asked: Any,
) -> FolderReport:
    return restore_folder(plan_folder(RestoreJob(source, target, **asked)), restorer, begins=begins, progress=progress)
