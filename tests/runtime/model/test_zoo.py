"""Finding a model: by a shipped name, by a path, or with a hint."""

from __future__ import annotations

from pathlib import Path

import pytest

import runtime.model.zoo
from runtime.errors import UsageError
from runtime.model.bundle import open_bundle
from runtime.model.zoo import find, shipped
from tests.support.tiny import make_bundle


@pytest.fixture
def zoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "zoo"
    make_bundle(folder / "derain", name="derain")
    make_bundle(folder / "denoise", name="denoise")
    (folder / "unfinished").mkdir()
    monkeypatch.setattr(runtime.model.zoo, "_ZOO", folder)
    return folder


def test_everything_that_is_really_shipped_opens() -> None:
    for name in shipped():
        assert open_bundle(find(name)).manifest.name == name


def test_only_folders_with_a_manifest_are_shipped(zoo: Path) -> None:
    assert shipped() == ["denoise", "derain"]
    assert find("derain") == zoo / "derain"


def test_a_shipped_name_comes_before_a_folder_of_that_name(zoo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "derain").mkdir()
    assert find("derain") == zoo / "derain"
    assert find("./derain") == find(Path("derain")) == Path("derain")


@pytest.mark.usefixtures("zoo")
def test_unknown_names_get_a_hint(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"did you mean derain\? shipped models: denoise, derain$"):
        find("derian")
    with pytest.raises(UsageError, match=r"at that path; shipped models: denoise, derain$"):
        find(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="no model is called"):
        find("x" * 5000)  # longer than any file system takes
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="this is a file"):
        find(tmp_path / "file")


def test_a_copy_without_a_zoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime.model.zoo, "_ZOO", tmp_path / "none")
    assert shipped() == []
    with pytest.raises(UsageError, match="shipped models: none"):
        find("derain")
