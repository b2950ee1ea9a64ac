"""Owns which backends run on every machine that the tests run on."""

from __future__ import annotations

HERE = ("openvino", "onnxruntime")  # from the fastest; the others need a card
