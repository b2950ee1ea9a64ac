"""A folder of results that somebody else's program made: which picture answers which truth. Does not know scores.

A result is called what the degraded picture of its pair is called, or its truth where there are no pairs, whatever the suffix; where it is
not, a name that ends in "-" or "_" and that name will do ("Derained-Rain100L-rain-001" for "001").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from runtime.errors import DataError, PictureError
from runtime.files.pictures import list_pictures, read_picture
from runtime.model.bundle import MANIFEST
from runtime.model.zoo import shipped
from runtime.picture import Picture
from training.scoring.evaluate import Answer
from training.scoring.trials import Case

_NAMED = 3  # of the names that do not fit, as many are said


def is_results(model: str) -> bool:
    """A folder, and neither a shipped model's name nor a bundle."""
    folder = Path(model)
    return model not in shipped() and folder.is_dir() and not (folder / MANIFEST).exists()


def results_in(folder: Path) -> dict[str, Path]:
    """By name, without the suffix."""
    results: dict[str, Path] = {}
    try:
        paths = list_pictures(folder)
    except PictureError as error:
        raise DataError(f"{folder}: expected a bundle (with {MANIFEST}) or a folder of results, got neither: {error}") from error
    for path in paths:
        if path.stem in results:
            raise DataError(f"{folder}: {results[path.stem].name} and {path.name} have one name; leave one of them there")
        results[path.stem] = path
    return results


def answer_from(folder: Path, results: Mapping[str, Path], names: Sequence[str]) -> Answer:
    """One result for each truth and no other, or an error that says which: a mean over the wrong pictures looks like any other."""
    by_name = _matched(folder, results, names)

    def answer(case: Case) -> Picture:
        path = by_name[case.name]
        picture = read_picture(path)
        if picture.shape != case.clean.shape:
            (height, width), (rows, columns) = case.clean.shape[:2], picture.shape[:2]
            raise DataError(f"{path}: expected {width}×{height} pixels, as its truth has, got {columns}×{rows}; restore it uncropped")
        return picture

    return answer


def _matched(folder: Path, results: Mapping[str, Path], names: Sequence[str]) -> Mapping[str, Path]:
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"the truth has two pictures called {twice}, a result can answer one only; name one folder at a time with --data")
    matched = {name: results[name] for name in names if name in results}
    spare = results.keys() - matched.keys()
    for name in sorted(set(names) - matched.keys(), key=len, reverse=True):  # "rain-1" before "1": it says more
        close = [stem for stem in spare if stem.endswith((f"-{name}", f"_{name}"))]
        if len(close) == 1:
            matched[name] = results[close[0]]
            spare.remove(close[0])
    missing = [name for name in names if name not in matched]
    if missing or spare:
        raise DataError(_unmatched(folder, missing, sorted(results[stem].name for stem in spare)))
    return matched


def _unmatched(folder: Path, missing: Sequence[str], extra: Sequence[str]) -> str:
    parts = [f"no result for {_listed(missing)}"] if missing else []
    parts += [f"no truth for {_listed(extra)}"] if extra else []
    return f"{folder}: expected one result for each truth, by name, got {' and '.join(parts)}; rename, add or move them"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
