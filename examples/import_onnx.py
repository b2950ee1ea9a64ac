"""Import an ONNX file from elsewhere and restore a picture with it: python examples/import_onnx.py bundles/net [--file net.onnx]"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import torch

import clearway

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("bundle", type=Path)
parser.add_argument("--file", type=Path, help="float32 RGB in 0..1, any height and width (default: a small network is made)")
options = parser.parse_args()

with tempfile.TemporaryDirectory() as folder:
    file = options.file
    if file is None:
        file, network = Path(folder) / "net.onnx", torch.nn.Conv2d(3, 3, 3, padding=1)
        torch.nn.init.dirac_(network.weight)  # gives back what it gets, but for the bias
        batch, height, width = (torch.export.Dim(name, min=1, max=4096) for name in ("n", "h", "w"))
        example = (torch.rand(2, 3, 48, 64),)
        torch.onnx.export(network.eval(), example, file, dynamic_shapes=({0: batch, 2: height, 3: width},), opset_version=18)
    code = clearway.main(["import-onnx", str(file), "-o", str(options.bundle), "--range", "0..1", "--order", "rgb"])
if code:
    raise SystemExit(code)

with clearway.load(options.bundle) as restore:
    picture = np.random.default_rng(0).integers(0, 256, (90, 160, 3), dtype=np.uint8)
    print(f"mean difference {np.abs(restore(picture).image.astype(int) - picture).mean():.2f} grey levels")
