"""The pages for people: every relative link and anchor resolves, every page is in the index, and every page that the code names exists."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [*sorted(ROOT.glob("*.md")), *DOCS, *sorted((ROOT / ".github").glob("*.md"))]
_CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings: lower case, no punctuation, hyphens for spaces, -1 for the second of a name."""
    seen, found = Counter[str](), set()
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for heading in re.findall(r"^#+ +(.+?) *$", text, re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_and_anchor_resolves(page: Path) -> None:
    broken = []
    for link in _LINK.findall(_CODE.sub("", page.read_text(encoding="utf-8"))):
        path, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", path):
            continue
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs/README.md").read_text(encoding="utf-8")
    assert {page.name for page in DOCS} - {"README.md"} == set(re.findall(r"\]\(([\w-]+\.md)", index))


def test_every_page_that_a_source_or_another_page_names_exists() -> None:
    sources = [
        path
        for room in ("clearway", "runtime", "video", "training", "export", "benchmarks", "examples")
        for path in (ROOT / room).rglob("*.py")
    ]
    named = {
        (path, name) for path in [*sources, *PAGES] for name in re.findall(r"\bdocs/[\w./-]+?\.md\b", path.read_text(encoding="utf-8"))
    }
    assert len(named) > 20
    assert [f"{path}: {name}" for path, name in sorted(named) if not (ROOT / name).is_file()] == []
