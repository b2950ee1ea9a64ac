"""One job: a video, a picture or a folder to restore, with everything that was asked of it. Does not know networks or how it is done."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from runtime.errors import SourceError, UsageError
from runtime.files.pictures import PICTURE_SUFFIXES
from video.files.encoding import EncodeOptions
from video.files.ends import check_ends, is_file
from video.files.reading import ReadOptions
from video.files.sources.pipe import PIPE
from video.files.target import check_target
from video.finish.finish import FinishOptions


@dataclass(frozen=True)
class RestoreJob:
    """Making one checks its names and options, before the seconds that loading a model takes.

    Of a folder only that; what is in it is checked by plan_folder (video/restore/folder.py).
    """

    source: Path
    target: Path
    encode: EncodeOptions = field(default_factory=EncodeOptions)
    read: ReadOptions = field(default_factory=ReadOptions)
    finish: FinishOptions = field(default_factory=FinishOptions)
    show_removed: Path | None = None  # a second result of the same times: what was taken out of each frame, around mid-grey
    resume: bool = False  # continue where an earlier run ended before its end; the result is that of an undisturbed run
    overwrite: bool = False

    def __post_init__(self) -> None:
        if is_file(self.source) and not self.source.exists():
            raise SourceError(f"{self.source}: expected a video, a picture or a folder, got nothing; check the path")
        if self.source.is_dir():
            if self.show_removed is not None:
                raise UsageError(f"--show-removed: expected a video or a picture, got the folder {self.source}; restore its files singly")
            return
        for result in self.results:
            self._check(result)
        if self.show_removed is not None and self.show_removed.resolve() == self.target.resolve():
            raise UsageError(
                f"{self.target}: expected two names, got one for the restored file and for what was removed; give one of them another"
            )

    @property
    def results(self) -> list[Path]:
        return [self.target] if self.show_removed is None else [self.target, self.show_removed]

    @property
    def resumable(self) -> list[Path]:
        """The results that a later run can continue. A pipe cannot be read again."""
        return [] if self.source == PIPE else [result for result in self.results if is_file(result)]

    def _check(self, result: Path) -> None:
        if not is_picture(self.source):
            check_ends(self.source, result, self.encode, self.read, resume=self.resume, overwrite=self.overwrite)
            return
        if self.resume:
            raise UsageError(f"--resume: expected a video or a folder, got the picture {self.source}; leave it out")
        check_target(result, sorted(PICTURE_SUFFIXES), source=self.source, overwrite=self.overwrite)


def is_picture(path: Path) -> bool:
    return path.suffix.lower() in PICTURE_SUFFIXES and is_file(path)


def goal_of(name: Path, options: EncodeOptions) -> Path:
    """The same name; a container that is not written, or cannot hold what the encoder makes, becomes Matroska: a.avi → a.avi.mkv."""
    if is_picture(name) or not is_file(name) or name.suffix.lower() in options.facts.containers:
        return name
    return name.with_name(f"{name.name}.mkv")
