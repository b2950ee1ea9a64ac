"""What strangers see first agrees with itself: CI, classifiers, pre-commit, the changelog."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import clearway

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_ci_runs_every_python_that_is_promised() -> None:
    workflow = (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    tested = re.findall(r'"(3\.\d+)"', workflow)
    assert "run: .ci/run" in workflow
    assert [f"Programming Language :: Python :: {version}" for version in tested] == [
        line for line in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", line)
    ]
    assert PROJECT["requires-python"] == f">={tested[0]}"


def test_pre_commit_runs_the_tools_that_make_check_runs() -> None:
    hooks = set(re.findall(r"entry: (\.venv-test/bin/\w+)", (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")))
    checks = (ROOT / "Makefile").read_text(encoding="utf-8").partition("\ncheck:")[2].partition("\n\n")[0]
    assert hooks == set(re.findall(r"\.venv-test/bin/(?:ruff|mypy)", checks))


def test_the_changelog_has_this_version_and_only_known_headings() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (\S+)", changelog, re.MULTILINE)[0] in (clearway.__version__, "Unreleased")
    assert set(re.findall(r"^### (.+)$", changelog, re.MULTILINE)) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
