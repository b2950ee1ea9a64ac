"""Restore a picture and save what was removed: python examples/restore_picture.py rainy.jpg clear.png"""

import argparse
from pathlib import Path

import cv2
import numpy as np

import clearway

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("source", type=Path)
parser.add_argument("target", type=Path)
parser.add_argument("--model", default="derain", help="a shipped model by name, or the folder of a bundle")
options = parser.parse_args()

with clearway.load(options.model) as restore:
    picture = cv2.imread(str(options.source), cv2.IMREAD_COLOR)  # uint8 [H, W, 3] BGR
    if picture is None:
        raise SystemExit(f"expected a picture, got {options.source}")
    restored = restore(np.asarray(picture, np.uint8))

cv2.imwrite(str(options.target), restored.image)
removed = options.target.with_stem(f"{options.target.stem}-removed")
cv2.imwrite(str(removed), restored.removed)  # 128 is "nothing was removed"
print(f"{options.target} and {removed}, by {restore.choice.backend.facts.name}")
