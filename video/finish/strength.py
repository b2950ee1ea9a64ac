"""How much of a network's answer is used, and the words that say in a file what was done. Does not know files or networks."""

from __future__ import annotations

import dataclasses

import numpy as np

from runtime.bicubic import enlarged
from runtime.errors import UsageError, needs_extra
from runtime.model.manifest import ModelManifest
from runtime.restorer import Restored

with needs_extra("cpu"):
    import cv2


def check_strength(strength: float) -> None:
    if not 0 <= strength <= 1:
        raise UsageError(f"strength: expected 0 (the source) to 1 (the restored picture), got {strength:g}; use a number between them")


def apply_strength(restored: Restored, strength: float) -> Restored:
    """source + strength · (restored − source), rounded once; an enlarging model's source is enlarged first. `removed` follows the image."""
    if strength == 1:
        return restored
    if restored.image.shape != restored.source.shape:
        source = enlarged(restored.source, restored.image.shape[0] // restored.source.shape[0])
        image = np.rint(source + np.float32(strength) * (restored.image - source)).clip(0, 255).astype(np.uint8)
    elif strength == 0:
        image = restored.source.copy()
    else:
        image = np.asarray(cv2.addWeighted(restored.image, strength, restored.source, 1 - strength, 0), np.uint8)
    return dataclasses.replace(restored, image=image)


def processed_by(manifest: ModelManifest, strength: float) -> str:
    """What every restored file says of itself."""
    return f"Restored by Clearway: model {manifest.name}, version {manifest.version}, strength {strength:g}"
