"""The rules of the house that ruff cannot check: long functions, full folders, names of classes, words."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROOMS = ("clearway", "runtime", "video", "training", "export", "benchmarks")
LONGEST_FUNCTION, FULLEST_FOLDER = 50, 14

# The glossary's "not" column (CONTRIBUTING.md), with the forms that names take.
REFUSED_WORDS = {"card", "cards", "coder", "coders", "steady", "steadied", "unsteady"}

# What breaks a rule today. These tables may only get shorter.
LONG_FUNCTIONS: set[str] = set()
SHARED_CLASS_NAMES: set[str] = set()
OLD_WORDS: set[str] = {
    "export/foreign/importer.py",
    "runtime/cli.py",
    "runtime/engines/record.py",
    "tests/runtime/backends/tensorrt/test_backend.py",
    "tests/runtime/backends/test_onnxruntime_cuda.py",
    "tests/runtime/test_cli.py",
    "tests/test_shipped.py",
    "video/files/sinks/encoder.py",
    "video/files/sinks/untimed.py",
}  # files


def _sources() -> Iterator[tuple[str, ast.Module]]:
    """Every file of the product and of the tests, by its path from the root."""
    for path in sorted(ROOT.glob("*.py")) + sorted(path for room in (*ROOMS, "tests") for path in (ROOT / room).rglob("*.py")):
        yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def _definitions(tree: ast.Module) -> Iterator[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    yield from (node for node in ast.walk(tree) if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)))


def _fields(tree: ast.Module) -> Iterator[ast.AnnAssign]:
    for definition in _definitions(tree):
        if isinstance(definition, ast.ClassDef):
            yield from (node for node in definition.body if isinstance(node, ast.AnnAssign))


def _refused(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        others = re.sub("ModelCard|model_card", "", name)  # the only card
        if {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", others)} & REFUSED_WORDS:
            yield name


def test_no_function_is_long() -> None:
    found = {
        f"{path}: {node.name}"
        for path, tree in _sources()
        for node in _definitions(tree)
        if not isinstance(node, ast.ClassDef) and (node.end_lineno or 0) - node.lineno >= LONGEST_FUNCTION
    }
    assert found == LONG_FUNCTIONS


def test_no_folder_is_full() -> None:
    files = Counter(str(Path(path).parent) for path, _ in _sources())
    assert {folder: count for folder, count in files.items() if count > FULLEST_FOLDER} == {}


def test_a_class_has_a_name_of_its_own_in_its_room() -> None:
    classes = Counter(
        f"{path.partition('/')[0]}: {node.name}"
        for path, tree in _sources()
        for node in _definitions(tree)
        if isinstance(node, ast.ClassDef) and not path.startswith("tests/")
    )
    assert {name for name, count in classes.items() if count > 1} == SHARED_CLASS_NAMES


def test_names_use_the_words_of_the_glossary() -> None:
    found: dict[str, list[str]] = {}
    for path, tree in _sources():
        fields = (
            node.target.id for node in _fields(tree) if isinstance(node.target, ast.Name) and ast.unparse(node.annotation) != "ModelCard"
        )
        names = [Path(path).stem, *(node.name for node in _definitions(tree)), *fields]
        if refused := list(_refused(names)):
            found[path] = refused
    assert found.keys() == OLD_WORDS, found
