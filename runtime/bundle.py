"""Owns opening a bundle: the folder that carries a model from export to runtime; knows nothing of engines or tensors.

Every file but the manifest is listed in the manifest with its sha256, and every one is read and checked on opening: a changed
byte is refused before any engine sees it. `engines/` is not listed, since engines are built where they run.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from runtime.errors import BundleError
from runtime.manifest import ModelManifest

MANIFEST, MODEL, PROOF = "manifest.json", "model.onnx", "proof.npz"
WEIGHTS = "weights.safetensors"  # for training on and for other exports; nothing in this room reads it


@dataclass(frozen=True)
class Bundle:
    """A folder whose files are what its manifest says."""

    folder: Path
    manifest: ModelManifest

    @property
    def onnx_path(self) -> Path:
        return self.folder / MODEL

    @property
    def proof_path(self) -> Path:
        return self.folder / PROOF


def open_bundle(folder: Path) -> Bundle:
    path = folder / MANIFEST
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise BundleError(f"{folder}: a bundle was expected, there is no {MANIFEST} in it; make one with `clearway export`") from error
    except (OSError, UnicodeDecodeError) as error:
        raise BundleError(f"{path} cannot be read ({error}); the bundle is damaged, copy or export it again") from error
    try:
        manifest = ModelManifest.from_json(text)
    except BundleError as error:
        raise BundleError(f"{folder}: {error}") from error
    for needed in (MODEL, PROOF):
        if needed not in manifest.files:
            raise BundleError(f"{folder}: the manifest does not list {needed}; the bundle is incomplete, export it again")
    for name, expected in manifest.files.items():
        _check(folder, name, expected)
    return Bundle(folder, manifest)


def _check(folder: Path, name: str, expected: str) -> None:
    if Path(name).name != name:
        raise BundleError(f"{folder}: the manifest lists {name!r}, which is not a file name inside the bundle; do not use this bundle")
    try:
        came = sha256_of(folder / name)
    except OSError as error:
        raise BundleError(f"{folder / name} cannot be read ({error.strerror or error}); the bundle is incomplete, copy it again") from error
    if came != expected:
        raise BundleError(f"{folder / name} was changed: sha256 {expected[:12]}… was expected, {came[:12]}… came; copy or export it again")


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
