"""The manifest: what is written is what is read, and what does not fit is named."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest

from runtime.errors import BundleError
from runtime.model.manifest import (
    GRAPH_CONTRACT,
    SCHEMA,
    ModelManifest,
)
from runtime.model.zoo import find
from tests.support.runtime.manifests import MANIFEST


def test_json_and_back() -> None:
    assert ModelManifest.from_json(MANIFEST.to_json()) == MANIFEST


def test_the_shipped_manifest_is_written_back_byte_for_byte() -> None:
    text = (find("derain") / "manifest.json").read_text(encoding="utf-8")
    assert ModelManifest.from_json(text).to_json() == text


def test_a_whole_number_will_do_for_a_float() -> None:
    raw = json.loads(MANIFEST.to_json())
    raw["network"]["gflops_720p"] = 30
    assert ModelManifest.from_json(json.dumps(raw)).network.gflops_720p == 30.0


def _set(*path: str | int) -> Callable[[Any, Any], None]:
    def change(raw: Any, value: Any) -> None:
        for key in path[:-1]:
            raw = raw[key]
        raw[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "value", "expected"),
    [
        (_set("schema"), SCHEMA + 1, "a newer one"),
        (_set("schema"), 0, f"schema {SCHEMA}, got 0"),
        (_set("graph", "contract"), GRAPH_CONTRACT + 1, "graph contract"),
        (_set("graph", "outputs"), ["restored"], "'health'"),
        (_set("graph", "scale"), 0, "at least 1"),
        (_set("graph", "stride"), True, "manifest.graph.stride: expected int, got bool"),
        (_set("graph", "receptive_field"), "all", "manifest.graph.receptive_field: expected int, got str"),
        (_set("graph", "receptive_field"), 9, "unless the whole picture is seen, got 9"),
        (_set("graph", "sees_whole_picture"), False, "unless the whole picture is seen, got None"),
        (_set("graph", "bytes_a_pixel"), 0, "bytes_a_pixel is at least 1, the manifest says 0"),
        (_set("colour"), "blue", "manifest: expected only fields that this Clearway knows, got colour"),
        (_set("card", "licence"), 3, "manifest.card.licence: expected str, got int"),
        (_set("card", "data"), "photographs", "manifest.card.data: expected a list, got str"),
        (_set("scores", 0, "psnr_db"), None, "manifest.scores[0].psnr_db: expected float"),
        (_set("network"), [], "manifest.network: expected an object, got list"),
        (_set("files"), {"model.onnx": 7}, "manifest.files[model.onnx]: expected str, got int"),
        (_set("name"), "a/b", "plain word"),
        (_set("name"), "", "plain word"),
    ],
)
def test_what_does_not_fit_is_named(change: Callable[[Any, Any], None], value: Any, expected: str) -> None:
    raw = json.loads(MANIFEST.to_json())
    change(raw, value)
    with pytest.raises(BundleError) as error:
        ModelManifest.from_json(json.dumps(raw))
    assert expected in str(error.value)
    assert "\n" not in str(error.value)


def test_a_newer_schema_is_said_before_its_unknown_fields() -> None:
    raw = json.loads(MANIFEST.to_json()) | {"schema": SCHEMA + 1, "colour": "blue"}
    with pytest.raises(BundleError, match="update Clearway"):
        ModelManifest.from_json(json.dumps(raw))


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(ModelManifest)])
def test_every_field_is_needed(field: str) -> None:
    raw = json.loads(MANIFEST.to_json())
    del raw[field]
    with pytest.raises(BundleError, match=f"expected {field}, got an object without it"):
        ModelManifest.from_json(json.dumps(raw))


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '"manifest"', "9" * 5000, "[" * 100_000])
def test_what_is_no_manifest(text: str) -> None:
    with pytest.raises(BundleError):
        ModelManifest.from_json(text)
