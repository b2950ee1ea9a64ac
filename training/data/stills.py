"""Pictures that stay in their files until one is wanted, within a limit of memory. Knows no data set and no network.

checked at the start    every file is there, of a size and a format that can be learned from, and not cut off: from its first and
                        last bytes, on several threads; two pictures of a pair have one size
decoded when wanted     and kept while all that is kept stays below the limit; what does not fit is decoded anew each time
decoded at the start    by `fill`, in order, until the limit is reached: what fits is known to be whole down to the last pixel; depths
                        and kernels, of which no header tells anything, all of them
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from runtime.errors import DataError, PictureError
from runtime.files.pictures import read_picture
from runtime.machine.control_group import ROOT
from runtime.machine.memory import free_memory
from runtime.model.manifest import MINIMUM_SIDE
from runtime.picture import Picture
from training.data.folders import Pairing, PictureFile
from training.data.gallery import Gallery, Size
from training.data.headers import Header, read_header
from training.degradations.degradation import Light, Pair

MEMORY = 2 << 30  # bytes of decoded pictures that are kept, where nobody says more
_THREADS = 8  # they wait for the disk
_T = TypeVar("_T")
_Array = TypeVar("_Array", bound=NDArray[Any])


def half_of_free_memory(root: Path = ROOT) -> int:
    """In bytes; MEMORY where the system does not say what is free."""
    free = free_memory(root)
    return MEMORY if free is None else free // 2


class PictureCache:
    """Pictures that took time to decode or draw, up to a number of bytes; the first ones stay. Thread-safe."""

    def __init__(self, memory: int = MEMORY) -> None:
        self._left = memory
        self._pictures: dict[Hashable, NDArray[Any]] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], _Array]) -> _Array:
        if key in self._pictures:  # nothing is ever taken out
            return cast(_Array, self._pictures[key])
        made = make()
        with self._lock:
            if made.nbytes <= self._left and key not in self._pictures:
                self._pictures[key] = made
                self._left -= made.nbytes
        return made

    def has_room(self, bytes_more: int) -> bool:
        return bytes_more <= self._left


class FileGallery(Gallery[Picture]):
    def __init__(self, files: Sequence[PictureFile], kept: PictureCache, sizes: Sequence[Size]) -> None:
        self._files, self._kept = tuple(files), kept
        self.sizes = tuple(sizes)
        self.names = tuple(_unique([still.name for still in files]))

    def at(self, place: int) -> Picture:
        return _picture(self._files[place], self._kept)

    def depth(self, place: int) -> Light | None:
        file = self._files[place].depth
        return None if file is None else self._kept.get(file, lambda: read_depth(file, self.sizes[place]))

    def fill(self) -> None:
        _fill(self._files, self._kept, self.sizes)
        for place in range(len(self)):
            self.depth(place)


class PairGallery(Gallery[Pair]):
    def __init__(self, files: Sequence[Pairing], kept: PictureCache, sizes: Sequence[Size]) -> None:
        self._files, self._kept = tuple(files), kept
        self.sizes = tuple(sizes)
        self.names = tuple(pair.name for pair in files)

    def at(self, place: int) -> Pair:
        files = self._files[place]
        return Pair(files.name, _picture(files.degraded, self._kept), _picture(files.clean, self._kept), self._kernel(files))

    def fill(self) -> None:
        both = [(still, size) for files, size in zip(self._files, self.sizes, strict=True) for still in (files.degraded, files.clean)]
        _fill([still for still, _ in both], self._kept, [size for _, size in both])
        for files in self._files:
            self._kernel(files)

    def _kernel(self, files: Pairing) -> Light | None:
        return None if files.kernel is None else self._kept.get(files.kernel, partial(read_kernel, files.kernel))


def open_stills(files: Sequence[PictureFile], kept: PictureCache) -> FileGallery:
    for still in files:
        if still.depth is not None and not still.depth.is_file():
            raise DataError(f"{still.depth}: expected the depth of {still.path.name}, got no such file")
    return FileGallery(files, kept, _sizes_of(files))


def open_pairs(files: Sequence[Pairing], kept: PictureCache) -> PairGallery:
    degraded, clean = _sizes_of([pair.degraded for pair in files]), _sizes_of([pair.clean for pair in files])
    for pair, one, other in zip(files, degraded, clean, strict=True):
        if one != other:
            raise DataError(
                f"{pair.degraded.path}: expected the size of its clean picture, {_size_text(other)}, got {_size_text(one)}; "
                f"the two pictures called {pair.name} differ in size; take both out or crop one"
            )
    return PairGallery(files, kept, clean)


def read_depth(path: Path, size: Size) -> Light:
    """Divided by its largest value; 0 means unknown, and that is taken for far. Resized to the picture where it is coarser."""
    try:
        stored = np.load(path, allow_pickle=False) if path.suffix.lower() == ".npy" else cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    except (OSError, EOFError, ValueError) as error:
        raise DataError(f"{path}: expected an array of depths, got what cannot be read ({error})") from error
    if stored is None or stored.ndim != 2 or not stored.size or stored.dtype.kind not in "fiu" or not _measures(stored):
        raise DataError(f"{path}: expected one channel of depths, none below zero and not all zero, got something else")
    depth = np.asarray(stored, np.float32)
    depth = np.where(depth > 0, depth, depth.max()) / depth.max()
    height, width = size
    if depth.shape != size:
        depth = np.asarray(cv2.resize(depth, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
    return depth


def _measures(depth: NDArray[Any]) -> bool:
    return bool(np.isfinite(depth).all() and depth.min() >= 0 and depth.max() > 0)


def read_kernel(path: Path) -> Light:
    """A picture of how a point looked: turned about, as it is laid on a picture, and of sum one."""
    seen = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if seen is None or not seen.any():
        raise DataError(f"{path}: expected a picture of a blurred point, got {'what cannot be read' if seen is None else 'a black one'}")
    return np.ascontiguousarray(seen[::-1, ::-1] / np.float32(seen.sum()), np.float32)


def _sizes_of(files: Sequence[PictureFile]) -> list[Size]:
    """Of each picture; each file is looked at once."""
    paths = list(dict.fromkeys(still.path for still in files))
    headers = dict(zip(paths, _on_threads(_header, paths), strict=True))
    sizes = []
    for still in files:
        header = headers[still.path]
        if still.part != "whole" and header.width % 2:
            raise DataError(f"{still.path}: expected two pictures side by side, so an even width, got {header.width}")
        sizes.append((header.height, header.width if still.part == "whole" else header.width // 2))
    return sizes


def _header(path: Path) -> Header:
    header = read_header(path)
    if header is not None and min(header.height, header.width) >= MINIMUM_SIDE:
        return header
    height, width, channels = read_picture(path, grey=True).shape  # which says what is wrong with it, if anything is
    return Header(height, width, channels)


def _decoded(path: Path, *, thorough: bool) -> Picture:
    """Grey becomes three equal channels. Thorough hears of damage, one file at a time; else many threads can decode at once."""
    if not thorough:
        try:
            coded = np.frombuffer(path.read_bytes(), np.uint8)
        except OSError as error:
            raise PictureError(f"{path}: a picture that was there before is expected; it cannot be read ({error})") from error
        quick = cv2.imdecode(coded, cv2.IMREAD_COLOR) if len(coded) else None
        if quick is not None:
            return np.asarray(quick, np.uint8)
    return read_picture(path, grey=True)


def _picture(still: PictureFile, kept: PictureCache, *, thorough: bool = False) -> Picture:
    whole = kept.get(still.path, lambda: _decoded(still.path, thorough=thorough))
    middle = whole.shape[1] // 2
    return whole if still.part == "whole" else whole[:, :middle] if still.part == "left" else whole[:, middle:]


def _fill(files: Sequence[PictureFile], kept: PictureCache, sizes: Sequence[Size]) -> None:
    for still, (height, width) in zip(files, sizes, strict=True):
        if not kept.has_room(height * width * 3 * (1 if still.part == "whole" else 2)):
            return
        _picture(still, kept, thorough=True)


def _on_threads(do: Callable[[Path], _T], paths: Iterable[Path]) -> list[_T]:
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="headers") as pool:
        return list(pool.map(do, paths))


def _unique(names: Sequence[str]) -> list[str]:
    seen: dict[str, int] = {}
    unique = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        unique.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
    return unique


def _size_text(size: Size) -> str:
    return f"{size[1]}×{size[0]}"
