"""A foreign model in a network's place: its range and order are kept exactly, its stride and scale are found by trying."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper

from export.foreign.file import ForeignFile, read_foreign
from export.foreign.network import ForeignNetwork, PixelRange, asked_of, find_stride, read_pixel_range
from export.onnx.graph import reference
from runtime.errors import ExportError, UsageError
from tests.support.export.foreign_toys import Weights, doubling, file_of, painting, u_net

UNIT = PixelRange(0, 1, "rgb")


def _file(folder: Path, model: ModelProto) -> ForeignFile:
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    return read_foreign(folder / "model.onnx")


def _found(folder: Path, model: ModelProto, trained: PixelRange = UNIT, stride: int | None = None) -> tuple[int, int]:
    file = _file(folder, model)
    return find_stride(file, asked_of(file), trained, stride)


@pytest.mark.parametrize("limits", ["0..1", "-1..1", "0..255", "-0.5..0.5", "-3..1e3"])
@pytest.mark.parametrize("order", ["rgb", "bgr"])
def test_black_and_white_and_the_order_are_what_the_network_was_trained_on(tmp_path: Path, limits: str, order: str) -> None:
    trained = read_pixel_range(limits, order)
    file = _file(tmp_path, painting(trained.low + 0.2 * (trained.high - trained.low)))
    run = reference(ForeignNetwork(asked_of(file), trained, 1, 1))
    frame = np.arange(768, dtype=np.uint16).astype(np.uint8).reshape(1, 16, 16, 3)
    restored = run(frame)["restored"]
    painted = 2 if order == "rgb" else 0  # in B, G, R
    np.testing.assert_array_equal(restored[..., painted], 51)
    kept = [colour for colour in range(3) if colour != painted]
    np.testing.assert_array_equal(restored[..., kept], frame[..., kept])


@pytest.mark.parametrize("limits", ["1..0", "0..0", "nan..1", "0..inf", "0-1", "0,1", "..", "0..1..2", "", "black..white"])
def test_a_range_that_is_none(limits: str) -> None:
    with pytest.raises(UsageError, match=r"--range: .* as in 0\.\.1, -1\.\.1 or 0\.\.255; got "):
        read_pixel_range(limits, "rgb")


def test_an_order_that_is_none() -> None:
    with pytest.raises(UsageError, match="--order: expected the order of the colours in training, rgb or bgr; got 'rbg'"):
        PixelRange(0, 1, "rbg")


def _by_blocks(side: int) -> ModelProto:
    """Every block of side × side pixels a pixel, and back."""
    nodes = [
        helper.make_node("SpaceToDepth", ["x"], ["small"], blocksize=side),
        helper.make_node("DepthToSpace", ["small"], ["y"], blocksize=side),
    ]
    return file_of(nodes)


def test_the_stride_is_the_smallest_power_of_two_that_works(tmp_path: Path) -> None:
    assert _found(tmp_path, painting(0.5)) == (1, 1)
    assert _found(tmp_path, doubling()) == (1, 2)
    assert _found(tmp_path, u_net(), PixelRange(-1, 1, "bgr")) == (4, 1)
    assert _found(tmp_path, _by_blocks(32)) == (32, 1)


def test_a_stride_that_is_given_is_tried_alone(tmp_path: Path) -> None:
    assert _found(tmp_path, u_net(), stride=8) == (8, 1)
    assert _found(tmp_path, _by_blocks(3), stride=3) == (3, 1)
    with pytest.raises(ExportError, match=r"it does not run at multiples of --stride 2 \(.* fails: .*\); leave --stride out"):
        _found(tmp_path, u_net(), stride=2)
    for stride in (0, -4, 513):
        with pytest.raises(UsageError, match=f"--stride: expected a whole number from 1 to 512, got {stride}"):
            _found(tmp_path, u_net(), stride=stride)


def test_no_power_of_two(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ExportError, match=r"power of two up to 128, .* fails: .*; if .* no power of two, say it with --stride N"):
        _found(tmp_path, _by_blocks(3))
    assert capfd.readouterr().err == "", "what was only tried is not complained of"


def _one(kind: str, *, weights: Weights | None = None, **attributes: Any) -> ModelProto:
    return file_of([helper.make_node(kind, ["x", *(weights or {})], ["y"], **attributes)], weights)


def _resized(rows: float, columns: float) -> ModelProto:
    nodes = [helper.make_node("Resize", ["x", "", "scales"], ["y"], mode="nearest")]
    return file_of(nodes, {"scales": np.array([1, 1, rows, columns], np.float32)})


@pytest.mark.parametrize(("rows", "columns"), [(0.5, 0.5), (1.5, 1.5), (2, 1), (1, 2)])
def test_an_answer_that_is_no_multiple_of_the_picture(tmp_path: Path, rows: float, columns: float) -> None:
    with pytest.raises(ExportError, match=r"expected sides that come back times a whole number, .*, 384×128 became \d+×\d+"):
        _found(tmp_path, _resized(rows, columns))


def _in_whole_numbers() -> ModelProto:
    model = _one("Cast", to=TensorProto.INT64)
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.INT64
    return model


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (_one("ReduceMean", axes=[1]), r"expected a picture, .*, as the answer, y is float32 of 1×1×17×19"),
        (_one("ReduceMean", axes=[2, 3], keepdims=0), "y is float32 of 1×3; export the network up to its picture"),
        (_in_whole_numbers(), "y is int64 of 1×3×17×19; export the network up to its picture"),
    ],
)
def test_an_answer_that_is_no_picture(tmp_path: Path, model: ModelProto, said: str) -> None:
    with pytest.raises(ExportError, match=said):
        _found(tmp_path, model)


def test_nan(tmp_path: Path) -> None:
    assert _found(tmp_path, _one("Log")) == (1, 1)
    with pytest.raises(ExportError, match=r"expected numbers for a picture of noise, got NaN or Inf; check --range"):
        _found(tmp_path, _one("Log"), PixelRange(-1, 1, "rgb"))


def test_a_picture_must_not_depend_on_its_neighbours(tmp_path: Path) -> None:
    nodes = [helper.make_node("ReduceMean", ["x"], ["mean"], axes=[0]), helper.make_node("Sub", ["x", "mean"], ["y"])]
    with pytest.raises(ExportError, match="expected the same answer for a picture alone and beside another"):
        _found(tmp_path, file_of(nodes))
    alone = [helper.make_node("Squeeze", ["x", "axes"], ["one"]), helper.make_node("Unsqueeze", ["one", "axes"], ["y"])]
    with pytest.raises(ExportError, match=r"expected any number of pictures at once, two fail \(.*\); export it with a dynamic batch axis"):
        _found(tmp_path, file_of(alone, {"axes": np.zeros(1, np.int64)}))


def test_what_onnx_runtime_cannot_load(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"ONNX Runtime cannot load it \(.*Type Error.*\); export it again"):
        asked_of(_file(tmp_path, _one("IsNaN")))  # which answers in bools, and its output is declared as float32
