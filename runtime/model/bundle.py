"""Opens a bundle: the folder that carries a model from export to runtime. Does not know engines or tensors.

Every file but the manifest is listed in the manifest with its sha256, and every one is read and checked on opening: a changed
byte is refused before any engine sees it. What is not listed is not used.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from runtime.errors import BundleError
from runtime.model.manifest import ModelManifest

MANIFEST, MODEL, MODEL_FP16, PROOF = "manifest.json", "model.onnx", "model.fp16.onnx", "proof.npz"
GRAPHS = {"fp16": MODEL_FP16, "fp32": MODEL}  # which of them engines of a precision are built from
WEIGHTS = "weights.safetensors"  # for training on and for other exports; nothing in this room reads it


@dataclass(frozen=True)
class Bundle:
    """A folder whose files were what its manifest says when it was opened."""

    folder: Path
    manifest: ModelManifest

    @property
    def onnx_path(self) -> Path:
        return self.folder / MODEL

    @property
    def fp16_path(self) -> Path:
        """Strongly typed, for engines that compute in FP16. Those of the CPU would compute it in FP32."""
        return self.folder / MODEL_FP16


def open_bundle(path: Path) -> Bundle:
    manifest = _read_manifest(path)
    for needed in (MODEL, MODEL_FP16, PROOF):
        if needed not in manifest.files:
            raise BundleError(f"{path}: expected {needed} in the manifest's files, but it is not there; export the bundle again")
    for name, expected in manifest.files.items():
        _check_file(path, name, expected)
    return Bundle(path, manifest)


def _read_manifest(folder: Path) -> ModelManifest:
    path = folder / MANIFEST
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise BundleError(f"{folder}: expected a bundle, but it has no {MANIFEST}; make one with: clearway export") from error
    except (OSError, UnicodeDecodeError) as error:
        raise BundleError(f"{path}: expected a manifest, but it cannot be read ({error}); copy or export the bundle again") from error
    try:
        return ModelManifest.from_json(text)
    except BundleError as error:
        raise BundleError(f"{folder}: {error}") from error


def _check_file(folder: Path, name: str, expected: str) -> None:
    if Path(name).name != name or "\0" in name:
        raise BundleError(f"{folder}: expected plain file names in the manifest, got {name!r}; do not use this bundle")
    path = folder / name
    try:
        came = sha256_of(path)
    except OSError as error:
        raise BundleError(f"{path}: the manifest lists it, it cannot be read ({error.strerror or error}); copy the bundle again") from error
    if came != expected:
        raise BundleError(f"{path}: expected sha256 {expected[:12]}…, got {came[:12]}…: it was changed; copy the bundle again")


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
