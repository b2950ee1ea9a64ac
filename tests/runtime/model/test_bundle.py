"""Opening a bundle: whole and unchanged, or an error that says which file is not."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runtime.errors import BundleError
from runtime.model.bundle import MANIFEST, MODEL, PROOF, open_bundle, sha256_of
from tests.support.tiny import make_bundle


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_bundle(tmp_path / "tiny")


def _change_manifest(folder: Path, change: Callable[[Any], None]) -> None:
    raw = json.loads((folder / MANIFEST).read_text())
    change(raw)
    (folder / MANIFEST).write_text(json.dumps(raw))


def _refused(folder: Path) -> str:
    with pytest.raises(BundleError) as error:
        open_bundle(folder)
    assert "\n" not in str(error.value)
    assert str(folder) in str(error.value)
    return str(error.value)


def test_a_whole_bundle_opens(folder: Path) -> None:
    bundle = open_bundle(folder)
    assert bundle.manifest.name == "tiny"
    assert bundle.onnx_path == folder / MODEL
    assert sha256_of(folder / PROOF) == hashlib.sha256((folder / PROOF).read_bytes()).hexdigest() == bundle.manifest.files[PROOF]


@pytest.mark.parametrize("name", [MODEL, PROOF])
@pytest.mark.parametrize("place", [0, 100, -1])
def test_a_changed_byte_is_refused(folder: Path, name: str, place: int) -> None:
    content = bytearray((folder / name).read_bytes())
    content[place] ^= 1
    (folder / name).write_bytes(content)
    assert f"{name}: expected sha256" in _refused(folder)


@pytest.mark.parametrize("name", [MODEL, PROOF])
def test_a_missing_file_is_refused(folder: Path, name: str) -> None:
    (folder / name).unlink()
    assert "cannot be read (No such file or directory)" in _refused(folder)


@pytest.mark.parametrize("name", [MODEL, PROOF])
def test_a_needed_file_must_be_listed(folder: Path, name: str) -> None:
    _change_manifest(folder, lambda raw: raw["files"].pop(name))
    assert f"expected {name} in the manifest's files" in _refused(folder)


@pytest.mark.parametrize("name", ["../outside", "/etc/hostname", "sub/file", "..", "", "a\0b"])
def test_only_files_of_the_bundle_itself_are_listed(folder: Path, name: str) -> None:
    _change_manifest(folder, lambda raw: raw["files"].update({name: "0" * 64}))
    _refused(folder)


def test_a_linked_bundle_is_checked_like_any_other(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    (folder / MODEL).rename(tmp_path / "elsewhere.onnx")
    (folder / MODEL).symlink_to(tmp_path / "elsewhere.onnx")
    assert open_bundle(tmp_path / "link").manifest.name == "tiny"
    (tmp_path / "elsewhere.onnx").write_bytes(b"changed")
    assert "it was changed" in _refused(folder)


def test_a_newer_schema_is_refused(folder: Path) -> None:
    _change_manifest(folder, lambda raw: raw.update(schema=99))
    assert "update Clearway" in _refused(folder)


def test_a_broken_manifest_is_refused(folder: Path) -> None:
    for content in (b"", b"{", b"\xff\xfe\x00"):
        (folder / MANIFEST).write_bytes(content)
        _refused(folder)


def test_what_is_no_bundle_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path, tmp_path / "none", tmp_path / "file"):
        assert "expected a bundle" in _refused(path)
