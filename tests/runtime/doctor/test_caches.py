"""Where compiled models lie: how much, and what is wrong with the place."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.doctor import caches as module
from runtime.doctor.caches import CompileCache, caches
from runtime.files.cache_folder import cache_folder, make_private


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CLEARWAY_CACHE", str(tmp_path / "own"))
    return tmp_path / "own"


def _engines() -> CompileCache:
    (found,) = [cache for cache in caches() if cache.name == "engines"]
    return found


def test_nothing_is_made_by_looking(root: Path) -> None:
    expected = [(str(root / name), 0, "") for name in ("openvino", "engines", "tensorrt-rtx")]
    assert [(cache.folder, cache.bytes, cache.fault) for cache in caches()] == expected
    assert not root.exists()


def test_how_much_there_is(root: Path) -> None:
    make_private(root / "engines" / "deeper")
    (root / "engines").chmod(0o700)
    (root / "engines" / "a").write_bytes(bytes(1000))
    (root / "engines" / "deeper" / "b").write_bytes(bytes(24))
    assert (_engines().bytes, _engines().fault) == (1024, "")


def test_others_get_at_it(root: Path) -> None:
    (root / "engines").mkdir(parents=True)
    (root / "engines").chmod(0o755)
    (root / "engines" / "a").write_bytes(bytes(1000))
    assert _engines().bytes == 1000
    assert _engines().fault.endswith(f"others get at what is in it; chmod 700 {root}/engines")


def test_it_cannot_be_written(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root.mkdir()
    monkeypatch.setattr("os.access", lambda path, mode: path != root)  # to root every folder can be written
    assert _engines().fault.startswith(f"{root}: expected a folder to write into; chmod u+wx {root}, or set CLEARWAY_CACHE")


def test_a_user_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    for name in ("CLEARWAY_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert _engines().folder == ""
    assert "set CLEARWAY_CACHE" in _engines().fault


def test_every_cache_is_told(root: Path) -> None:
    """Whoever calls `cache_folder` with a name of its own has a row here."""
    sources = Path(module.__file__).parents[1].rglob("*.py")
    used = {line.partition('cache_folder("')[2].partition('"')[0] for path in sources for line in path.read_text().splitlines()}
    assert used - {""} == {cache.name for cache in caches()}
    assert cache_folder("engines") == root / "engines"
