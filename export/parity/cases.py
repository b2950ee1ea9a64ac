"""The pictures that parity is checked on, and proof.npz, which carries six of them; imports neither torch nor onnx.

Export makes cases from photographs or from drawn pictures and asks PyTorch for the answers. On a box without torch the
cases come from the bundle's proof.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from export.parity.compare import Case
from runtime.errors import BundleError, ExportError, ParityError
from runtime.files.pictures import list_pictures, read_picture
from runtime.picture import Picture, Tensors
from training.data.drawn import dead_leaves, drawn_scene
from training.data.headers import read_header
from training.degradations.degradation import Degradation
from training.degradations.mixture import degrade_picture

Runner = Callable[[Picture], Tensors]  # uint8 [N, H, W, 3] → the graph's outputs by name
Size = tuple[int, int]  # height, width

# One odd, one portrait, one hardly larger than the smallest picture: no stride above 1 divides the first or the last.
SIZES: tuple[Size, ...] = ((241, 319), (320, 192), (17, 19))
PROOF_SIZES: tuple[Size, ...] = ((95, 127), (128, 80), (17, 19))  # two pictures each
_LEAST = 19  # small pictures of an enlarging model are not cut below that
_EXPECTED = "expected_"
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)  # a zip file holds times; the same proof must give the same bytes


def clean_sizes(sizes: Sequence[Size], times: int) -> tuple[Size, ...]:
    """Of truths `times` as large as what is shown: about `sizes`, since what an answer costs goes by its own size."""
    return tuple((_multiple(height, times), _multiple(width, times)) for height, width in sizes)


def _multiple(side: int, times: int) -> int:
    return times * max(-(-side // times), min(side, _LEAST))


def drawn_pictures(sizes: Sequence[Size], seed: int) -> Iterator[tuple[str, Picture]]:
    """A dead-leaves picture and a scene of each size, by name."""
    for height, width in sizes:
        rng = np.random.default_rng([seed, height, width])
        yield f"dead leaves {width}×{height}", dead_leaves(rng, height, width)
        yield f"drawn scene {width}×{height}", drawn_scene(rng, height, width)


def photographs(folder: Path, sizes: Sequence[Size]) -> Iterator[tuple[str, Picture]]:
    """The middle of every picture in a folder, at each size. What a header tells is wrong is said before the first."""
    paths = list_pictures(folder)
    for path in paths:
        if header := read_header(path):
            _check_size(path, header.height, header.width, sizes)
    return _cuts(paths, sizes)


def _cuts(paths: Sequence[Path], sizes: Sequence[Size]) -> Iterator[tuple[str, Picture]]:
    for path in paths:
        picture = read_picture(path)
        _check_size(path, picture.shape[0], picture.shape[1], sizes)
        for height, width in sizes:
            top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
            yield f"{path.name} {width}×{height}", np.ascontiguousarray(picture[top : top + height, left : left + width])


def _check_size(path: Path, height: int, width: int, sizes: Sequence[Size]) -> None:
    for least_height, least_width in sizes:
        if height < least_height or width < least_width:
            least, shape = f"{least_width}×{least_height}", f"{width}×{height}"
            raise ExportError(f"{path}: expected at least {least} pixels, got {shape}; leave the picture out")


def make_cases(pictures: Iterable[tuple[str, Picture]], degrade: Degradation, run: Runner, seed: int) -> list[Case]:
    return list(each_case(pictures, degrade, run, seed))


def each_case(pictures: Iterable[tuple[str, Picture]], degrade: Degradation, run: Runner, seed: int) -> Iterator[Case]:
    """Degrades each clean picture and asks `run`, PyTorch in FP32, for the answer."""
    for number, (name, clean) in enumerate(pictures):
        frame = degrade_picture(degrade, clean, np.random.default_rng([seed, number]))
        expected = run(frame[None])
        if not np.isfinite(expected["health"]).all():
            raise ParityError(f"the network itself returns NaN or Inf for {name}: there is nothing to compare, and nothing to ship")
        # No truth where the answer has another size, and no task where a mixture happened to leave the picture as it was.
        known = expected["restored"].shape[1:] == clean.shape and not np.array_equal(frame, clean)
        yield Case(name, frame, clean if known else None, expected)


def extremes(like: Sequence[Case], run: Runner, seed: int) -> list[Case]:
    """What cameras also give, for calibration: frames that are blown out, nearly black, all noise, or flat. No truth is known."""
    rng = np.random.default_rng(seed)
    frames: dict[str, Picture] = {}
    for case in like:
        frames[f"{case.name}, saturated"] = np.clip(case.frame.astype(np.int64) * 4, 0, 255).astype(np.uint8)
        frames[f"{case.name}, dark"] = case.frame // 16
    shape = like[0].frame.shape
    frames["noise"] = rng.integers(0, 256, shape, dtype=np.uint8)
    frames["black or white"] = rng.integers(0, 2, shape, dtype=np.uint8) * np.uint8(255)
    frames |= {f"flat {level}": np.full(shape, level, np.uint8) for level in (0, 128, 255)}
    return [Case(name, frame, None, run(frame[None])) for name, frame in frames.items()]


def proof_bytes(cases: Sequence[Case]) -> bytes:
    """The cases as an .npz file; the same cases give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number, case in enumerate(cases):
            arrays = {"name": np.array(case.name), "frame": case.frame}
            arrays |= {_EXPECTED + output: array for output, array in case.expected.items()}
            arrays |= {} if case.clean is None else {"clean": case.clean}
            for key, array in arrays.items():
                content = io.BytesIO()
                np.lib.format.write_array(content, np.array(array, order="C"), allow_pickle=False)
                archive.writestr(zipfile.ZipInfo(f"{number}/{key}.npy", _ZIP_EPOCH), content.getvalue(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def read_proof(path: Path) -> list[Case]:
    try:
        # From memory: np.load leaves its file open where the content is no zip.
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as stored:
            cases: dict[int, dict[str, np.ndarray]] = {}
            for key in stored.files:
                number, name = key.split("/")
                cases.setdefault(int(number), {})[name] = stored[key]
        if not cases:
            raise ValueError("it holds no case")
        return [_case(cases[number]) for number in sorted(cases)]
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise BundleError(f"{path}: expected the proof of a bundle, cannot read it ({error}); copy the bundle again") from error


def _case(arrays: dict[str, np.ndarray]) -> Case:
    expected = {name.removeprefix(_EXPECTED): array for name, array in arrays.items() if name.startswith(_EXPECTED)}
    return Case(str(arrays["name"]), arrays["frame"], arrays.get("clean"), expected)
