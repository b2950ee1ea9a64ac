"""What the page shows of one camera: its name in addresses, its frames, its model. Does not know HTTP."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from runtime.errors import PictureError
from runtime.files.pictures import encode_picture
from video.live.model import LiveModel
from video.page.sink import PageSink

_LONGEST = 40


@dataclass(frozen=True)
class Camera:
    source: str  # for people; without credentials
    sink: PageSink
    model: LiveModel
    number: int = 1  # of the cameras that would have one name in addresses

    @property
    def name(self) -> str:
        """In addresses."""
        name = re.sub(r"[^a-z0-9]+", "-", self.source.lower()).strip("-")[:_LONGEST] or "camera"
        return name if self.number == 1 else f"{name}-{self.number}"

    def facts(self) -> dict[str, Any]:
        views = [{"name": view.name, "title": view.title, "is_pair": view.is_pair} for view in self.sink.views.values()]
        return {"name": self.name, "source": self.source, "models": list(self.model.choices), "views": views}

    def moment(self, since: float) -> dict[str, Any]:
        """All that changes, as JSON has it; rates and latency are those since then, a time.monotonic()."""
        return {"model": asdict(self.model.state), "numbers": self.sink.numbers(since)}

    def snapshot(self) -> tuple[str, bytes]:
        """A name, and a ZIP of two PNGs of one moment in full size."""
        if (shown := self.sink.newest) is None:
            raise PictureError(f"{self.source}: expected a restored frame, there is none yet; try again when the page shows a picture")
        stem = f"clearway_{self.name}_{datetime.now().astimezone():%Y-%m-%d_%H-%M-%S-%f%z}"
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for name, picture, words in (
                (f"{stem}_before.png", shown.restored.before, None),
                (f"{stem}_after.png", shown.restored.image, self.model.processed_by),
            ):
                archive.writestr(name, encode_picture(Path(name), picture, words))
        return f"{stem}.zip", packed.getvalue()


def name_apart(cameras: Iterable[Camera]) -> dict[str, Camera]:
    """By their names in addresses. Two channels of one recorder have one source once their addresses are without secrets."""
    named: dict[str, Camera] = {}
    for camera in cameras:
        while camera.name in named:
            camera = replace(camera, number=camera.number + 1)
        named[camera.name] = camera
    return named
