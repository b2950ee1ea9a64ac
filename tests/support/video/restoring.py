"""Stand-ins for what restoring needs: a network, one that fails, a picture file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import cv2
import numpy as np

from runtime.picture import Picture
from runtime.restorer import Restored, Restorer


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
