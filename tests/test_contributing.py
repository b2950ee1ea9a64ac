"""CONTRIBUTING's recipes: every path and symbol exists, and four of them, followed in a copy of the sources, add something that works."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from tests.support.tiny import make_bundle

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
RECIPES = dict(re.findall(r"^## (Add .+?)\n(.+?)(?=^## )", TEXT, re.MULTILINE | re.DOTALL))
_PATH = re.compile(r"`((?:[\w.-]+/)+(?:[\w-]+\.\w+)?|[\w-]+\.(?:py|md|toml))`")


def steps_of(recipe: str) -> list[str]:
    return [step for step in re.split(r"^(?=\d\. )|\n\n", recipe, flags=re.MULTILINE) if step.strip()]


@pytest.mark.parametrize("path", sorted({path for path in _PATH.findall(TEXT) if "/" in path}))
def test_every_path_exists(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize("name", RECIPES)
def test_every_symbol_stands_in_a_file_that_its_step_names(name: str) -> None:
    missing = []
    for step in steps_of(RECIPES[name]):
        places = [ROOT / path for path in _PATH.findall(step) if (ROOT / path).exists()]
        files = [file for place in places for file in (place.rglob("*.py") if place.is_dir() else [place])]
        known = set(re.findall(r"\w+", "\n".join(file.read_text(encoding="utf-8") for file in files)))
        missing += [symbol for symbol in re.findall(r"`([A-Za-z_]\w+)(?:\([^`]*\))?`", step) if files and symbol not in known]
    assert missing == []


def test_every_recipe_that_the_project_promises_is_there() -> None:
    promised = (
        "a network",
        "a system",
        "a data set",
        "a degradation",
        "a backend",
        "a camera",
        "a page view",
        "an encoder",
        "a measurement",
    )
    assert {f"Add {what}" for what in promised} <= {re.sub(r" \(.*", "", name) for name in RECIPES}
    assert all(_PATH.search(recipe) for recipe in RECIPES.values())


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The sources without the shipped models."""
    for room in ("clearway", "runtime", "video", "training", "export", "tests/support"):
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__", "zoo"))
    (tmp_path / "tests" / "__init__.py").touch()
    make_bundle(tmp_path / "bundle")
    return tmp_path


def add_file(copy: Path, recipe: str, path: str, content: str) -> None:
    assert f"`{Path(path).parent}/`" in RECIPES[recipe], "the recipe names the folder"
    (copy / path).write_text(dedent(content))


def add_row(copy: Path, recipe: str, path: str, table: str, row: str) -> None:
    """As the first row of a table, or the first line of a function, that the recipe names together with its file."""
    assert any(f"`{path}`" in step and f"`{table}`" in step for step in steps_of(RECIPES[recipe])), f"the recipe names {path}: {table}"
    text = (copy / path).read_text(encoding="utf-8")
    changed = re.sub(
        rf"^((?:def )?{table}\b.*(?:[{{(]|:)(?:  #.*)?\n)", lambda found: f"{found[1]}    {row}\n", text, count=1, flags=re.MULTILINE
    )
    assert changed != text, f"{path} has no table {table}"
    (copy / path).write_text(changed, encoding="utf-8")


def run(copy: Path, program: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(copy)}
    done = subprocess.run([sys.executable, "-c", dedent(program)], cwd=copy, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_degradation_is_added(copy: Path) -> None:
    recipe = "Add a degradation"
    add_file(
        copy,
        recipe,
        "training/degradations/optics/tint.py",
        """
        from dataclasses import dataclass

        import numpy as np

        from training.degradations.degradation import Degraded, Light, Share, check, draw


        @dataclass(frozen=True)
        class Tint:
            amount: Share = (0.1, 0.3)

            def __post_init__(self) -> None:
                check(self)

            def __call__(self, clean: Light, rng: np.random.Generator) -> Degraded:
                layer = np.full_like(clean, draw(rng, self.amount))
                return Degraded(clean + layer, clean, {"tint": layer}, {})
        """,
    )
    add_row(copy, recipe, "training/degradations/description.py", "KINDS", '"tint": ("optics.tint", "Tint"),')
    add_row(copy, recipe, "training/figures/degradations.py", "SPECIMENS", '"tint": "tint(amount=0.2)",')
    program = "import clearway; clearway.main(['figures', 'degradations', '-o', 'sheet.png', '--mixture', 'tint(amount=0.2)'])"
    assert "tint(amount=0.2)" in run(copy, program)
    assert (copy / "sheet.png").is_file()


def test_a_backend_is_added(copy: Path) -> None:
    recipe = "Add a backend"
    add_file(
        copy,
        recipe,
        "runtime/backends/mine.py",
        """
        import numpy as np

        from runtime.backends.onnxruntime import OnnxRuntimeBackend
        from runtime.backends.protocol import BackendFacts


        class MyBackend(OnnxRuntimeBackend):
            def __init__(self, bundle, options):
                super().__init__(bundle, options)
                self.facts = BackendFacts("mine", "fp32", "one of our own")
        """,
    )
    row = '"mine": lambda bundle, options: __import__("runtime.backends.mine", fromlist=["MyBackend"]).MyBackend(bundle, options),'
    add_row(copy, recipe, "runtime/backends/choose.py", "OPENERS", row)
    add_row(copy, recipe, "export/parity/limits.py", "LIMITS", '("mine", "fp32"): _EXACT,')
    program = """
        import numpy as np
        import clearway
        from export.parity.limits import limits_of
        for backend in ("mine", "auto"):  # it is the first of the table
            with clearway.load("bundle", backend) as restore:
                print(restore.facts.name, int(restore(np.full((20, 30, 3), 7, np.uint8)).image.mean()), limits_of(restore.facts).max_levels)
    """
    assert run(copy, program).splitlines() == ["mine 7 1", "mine 7 1"]


def test_a_camera_is_added(copy: Path) -> None:
    recipe = "Add a camera"
    add_file(
        copy,
        recipe,
        "video/live/sources/grey.py",
        """
        import time
        from fractions import Fraction

        import numpy as np

        from video.live.sources.source import CapturedPicture, make_info


        class Grey:
            name, ends = "grey", True

            def frames(self, stopped):
                info = make_info(64, 48, "none", Fraction(25))
                for index in range(5):
                    now = time.monotonic()
                    yield CapturedPicture(np.full((48, 64, 3), 128, np.uint8), Fraction(index, 25), now, now, info)
                    stopped.wait(0.04)
        """,
    )
    row = 'if name == "grey":\n        return __import__("video.live.sources.grey", fromlist=["Grey"]).Grey()'
    add_row(copy, recipe, "video/live/sources/which.py", "make_live_source", row)
    program = "import clearway; clearway.main(['live', 'grey', '--model', 'bundle', '--record', 'recordings', '--json'])"
    assert '"captured": 5' in run(copy, program)
    assert len(list((copy / "recordings").iterdir())) == 1


@pytest.mark.network
def test_a_page_view_is_added(copy: Path) -> None:
    pytest.importorskip("aiohttp")
    row = 'View("inverted", "Inverted", lambda before, after: 255 - after, is_pair=False),'
    add_row(copy, "Add a page view", "video/page/views.py", "VIEWS", row)
    program = """
        from tests.support.video.serving import ask, page
        with page() as served:
            print(ask(f"{served.url}cameras")[1]["cameras"][0]["views"][0])
    """
    assert run(copy, program) == "{'name': 'inverted', 'title': 'Inverted', 'is_pair': False}\n"
