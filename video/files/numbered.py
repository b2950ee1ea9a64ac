"""Names like frames/%05d.png that stand for a row of pictures. Does not know what is in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class NumberedPictures:
    folder: Path
    before: str
    digits: int  # at least so many, with zeros in front; 0: as many as it takes
    after: str

    @classmethod
    def parse(cls, path: Path) -> NumberedPictures | None:
        """None for a name that stands for one file."""
        match = re.fullmatch(r"([^%]*)%(?:0(\d+))?d([^%]*)", path.name)
        return None if match is None else cls(path.parent, match[1], int(match[2] or 0), match[3])

    def path(self, number: int) -> Path:
        return self.folder / f"{self.before}{number:0{self.digits}d}{self.after}"

    def there(self) -> list[int]:
        """The numbers that have a file, rising."""
        if not self.folder.is_dir():
            return []
        pattern = re.compile(rf"{re.escape(self.before)}(\d+){re.escape(self.after)}")
        found = [int(match[1]) for path in self.folder.iterdir() if (match := pattern.fullmatch(path.name))]
        return sorted(number for number in set(found) if self.path(number).is_file())
