"""Reading ONNX files from elsewhere: what cannot become a bundle is refused in one line, before anything of it is run."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from export.foreign.file import LARGEST, read_foreign
from export.onnx.graph import OPSET
from runtime.errors import ExportError
from tests.support.export.foreign_toys import choosing, doubling, file_of, painting, saved_beside, u_net, with_functions

_SAME = [helper.make_node("Identity", ["x"], ["y"])]


def _refused(path: Path) -> str:
    with pytest.raises(ExportError) as caught:
        read_foreign(path)
    said = str(caught.value)
    assert said.startswith(f"{path}: ")
    assert "\n" not in said
    return said.removeprefix(f"{path}: ")


def _saved(folder: Path, model: ModelProto) -> Path:
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    return folder / "model.onnx"


def test_a_file_is_read_as_it_came(tmp_path: Path) -> None:
    file = read_foreign(_saved(tmp_path, doubling()))
    assert (file.opset, file.input, file.output) == (17, "x", "y")
    assert file.model == doubling()


def test_weights_that_are_listed_among_the_inputs_are_no_picture(tmp_path: Path) -> None:
    model = painting(0.5)
    model.graph.input.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, (3, 1, 1)) for name in ("keep", "paint"))
    assert read_foreign(_saved(tmp_path, model)).input == "x"


def test_functions_of_the_files_own_are_written_out(tmp_path: Path) -> None:
    model = read_foreign(_saved(tmp_path, with_functions())).model
    assert [(node.domain, node.op_type) for node in model.graph.node] == [("", "Mul")]
    assert not model.functions


def test_no_file_at_all(tmp_path: Path) -> None:
    assert _refused(tmp_path / "none.onnx") == "expected an ONNX file, cannot read it (No such file or directory)"
    assert _refused(tmp_path) == "expected an ONNX file, cannot read it (Is a directory)"


@pytest.mark.parametrize("content", [b"<html>not found</html>", b"version https://git-lfs.github.com/spec/v1", b"PK\x03\x04 a pickle"])
def test_something_else(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.onnx").write_bytes(content)
    assert "this is something else; export the network to ONNX first" in _refused(tmp_path / "model.onnx")


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.99])
def test_a_truncated_file(tmp_path: Path, share: float) -> None:
    content = doubling().SerializeToString()
    (tmp_path / "model.onnx").write_bytes(content[: int(len(content) * share)])
    assert "it is cut off or damaged; copy or download it again" in _refused(tmp_path / "model.onnx")


def test_a_graph_whose_wires_lead_nowhere(tmp_path: Path) -> None:
    said = _refused(_saved(tmp_path, file_of([helper.make_node("Relu", ["nothing"], ["y"])])))
    assert said.startswith("expected a valid ONNX file, got an invalid one (")


def _half_input() -> ModelProto:
    return file_of(_SAME, kind=TensorProto.FLOAT16)


def _sparse() -> ModelProto:
    model = doubling()
    values = numpy_helper.from_array(np.ones(1, np.float32), "sparse")
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, numpy_helper.from_array(np.zeros(1, np.int64)), [4]))
    return model


BAD: dict[str, tuple[Callable[[], ModelProto], str]] = {
    "two inputs": (
        lambda: file_of(_SAME, inputs=(("x", ("n", 3, "h", "w")), ("sigma", (1,)))),
        r"expected one input, the picture, got 2 \(x, sigma\); cut the others off",
    ),
    "two outputs": (
        lambda: file_of([*_SAME, helper.make_node("Neg", ["x"], ["z"])], outputs=("y", "z")),
        r"expected one output, the restored picture, got 2 \(y, z\)",
    ),
    "no batch": (lambda: file_of(_SAME, inputs=(("x", (3, "h", "w")),)), r"expected an input of N×3×H×W .*, x is 3×h×w"),
    "grey": (lambda: file_of(_SAME, inputs=(("x", ("n", 1, "h", "w")),)), r"expected an input of N×3×H×W .*, x is n×1×h×w"),
    "channels last": (lambda: file_of(_SAME, inputs=(("x", ("n", "h", "w", 3)),)), r"of any size, x is n×h×w×3, fixed in W"),
    "fixed size": (
        lambda: file_of(_SAME, inputs=(("x", ("n", 3, 256, 320)),)),
        r"a picture of any size, x is n×3×256×320, fixed in H and W; export it with dynamic axes, as dynamic_axes=",
    ),
    "fixed batch": (lambda: file_of(_SAME, inputs=(("x", (1, 3, "h", "w")),)), r"x is 1×3×h×w, fixed in N; export it with dynamic axes"),
    "float16": (
        _half_input,
        r"expected a float32 input, x is float16; export the network in float32: what runs in FP16 is decided here",
    ),
    "bytes": (lambda: file_of(_SAME, kind=TensorProto.UINT8), r"x is uint8; export the network without its pre-processing"),
    "too new": (
        lambda: file_of(_SAME, opset=OPSET + 1),
        rf"expected opset {OPSET} or older, got {OPSET + 1}; .* opset_version={OPSET}",
    ),
    "one engine's own": (
        lambda: file_of([helper.make_node("FusedGelu", ["x"], ["y"], "gelu", domain="com.microsoft")], domains=["com.microsoft"]),
        r"expected ONNX's own operators, got FusedGelu \(gelu\) of com\.microsoft; export it again without",
    ),
    "branches": (choosing, r"expected a graph without branches and loops, got If; export it again by tracing"),
    "attention": (
        lambda: file_of([helper.make_node("Attention", ["x", "x", "x"], ["y"])], opset=OPSET),
        r"expected attention as MatMul and Softmax, got Attention; export it again with opset_version=22",
    ),
    "sparse": (_sparse, "expected dense weights, got sparse ones"),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_does_not_fit_is_said_with_what_to_do(tmp_path: Path, kind: str) -> None:
    make, said = BAD[kind]
    with pytest.raises(ExportError, match=said):
        read_foreign(_saved(tmp_path, make()))


@pytest.mark.parametrize("location", ["weights.bin", "more/weights.bin"])
def test_weights_beside_the_file_are_taken_in(tmp_path: Path, location: str) -> None:
    (tmp_path / "more").mkdir()
    saved_beside(u_net(), tmp_path / "model.onnx", location)
    model = read_foreign(tmp_path / "model.onnx").model
    assert [numpy_helper.to_array(tensor).tobytes() for tensor in model.graph.initializer] == [
        numpy_helper.to_array(tensor).tobytes() for tensor in u_net().graph.initializer
    ]


def _pointing_to(path: Path, location: str) -> Path:
    saved_beside(u_net(), path, "weights.bin")
    model = onnx.load_model(path, load_external_data=False)
    for tensor in model.graph.initializer[1:]:  # the first stays where it is
        (entry,) = (entry for entry in tensor.external_data if entry.key == "location")
        entry.value = location
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize(
    "place", ["../weights.bin", "more/../../weights.bin", "{folder}/weights.bin", "/etc/passwd", "link", "linked/weights.bin"]
)
def test_weights_outside_the_folder_are_refused_before_anything_is_opened(tmp_path: Path, place: str) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    (tmp_path / "weights.bin").write_bytes(bytes(100_000))
    (folder / "link").symlink_to(tmp_path / "weights.bin")
    (folder / "linked").symlink_to(tmp_path)
    path = _pointing_to(folder / "model.onnx", place.format(folder=folder))
    (folder / "weights.bin").unlink()  # so that whoever opened the first would say that it is gone
    assert "leads out of it; put them beside the file, as a plain file and not a link" in _refused(path)


def test_weights_that_are_not_there_or_cut_off(tmp_path: Path) -> None:
    saved_beside(u_net(), tmp_path / "model.onnx", "weights.bin")
    os.truncate(tmp_path / "weights.bin", 1000)
    assert "bytes of weights for down.1 in weights.bin, got " in _refused(tmp_path / "model.onnx")
    (tmp_path / "weights.bin").unlink()
    said = "expected weights.bin, with the weights of down.0, beside it (No such file or directory); copy it too"
    assert _refused(tmp_path / "model.onnx") == said


def test_more_than_an_onnx_file_can_hold(tmp_path: Path) -> None:
    with (tmp_path / "model.onnx").open("wb") as file:
        file.truncate(LARGEST + 1)  # a hole: no disk is used
    said = "expected at most 2 GB, all that one ONNX file can hold, got 2.1 GB"
    assert said in _refused(tmp_path / "model.onnx")
    (tmp_path / "model.onnx").unlink()
    saved_beside(u_net(), tmp_path / "model.onnx", "weights.bin")
    model = onnx.load_model(tmp_path / "model.onnx", load_external_data=False)
    model.graph.initializer[0].dims[:] = [2**29, 1, 1, 1]
    del model.graph.initializer[0].external_data[1:]  # no length: its shape says it
    assert said in _refused(_saved(tmp_path, model)), "and is not read first"
