"""`clearway import-onnx`: networks that this project did not define become bundles, and answer as they did before."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
import torch
from onnx import ModelProto, helper, numpy_helper
from torch import Tensor, nn

import clearway
from export import bundle_writer
from export.cli import run
from export.foreign import graph as foreign_graph
from export.foreign import importer
from export.onnx import graph
from export.onnx.graph import OPSET
from runtime.errors import ExportError, MissingExtra, ParityError, UsageError
from runtime.model.bundle import open_bundle
from runtime.model.manifest import ModelManifest
from runtime.picture import Picture
from tests.support.export.exporting import small_export
from tests.support.export.foreign_toys import doubling, file_of, saved_beside, u_net, with_functions


class Denoiser(nn.Module):
    """A user's own: it halves its picture, smooths and sharpens, and pads inside."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.down = nn.Conv2d(3, 16, 4, stride=2, padding=1, padding_mode="reflect")
        self.normalise = nn.GroupNorm(4, 16)
        self.up = nn.Sequential(nn.Conv2d(16, 12, 3, padding=1), nn.PixelShuffle(2))

    def forward(self, picture: Tensor) -> Tensor:
        return picture + 0.1 * torch.tanh(self.up(nn.functional.gelu(self.normalise(self.down(picture)))))


def _from_torch() -> ModelProto:
    sides = {0: torch.export.Dim("batch"), 2: 2 * torch.export.Dim("rows", min=4), 3: 2 * torch.export.Dim("columns", min=4)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as a user's own script would have them
        sample = (torch.rand(2, 3, 24, 40),)
        program = torch.onnx.export(Denoiser().eval(), sample, dynamic_shapes=(sides,), opset_version=18, dynamo=True, verbose=False)
    assert program is not None
    return program.model_proto


# name → (the file, what black and white were, the order, the stride, the scale)
NETWORKS: dict[str, tuple[Callable[[], ModelProto], str, str, int, int]] = {
    "doubling": (doubling, "0..1", "rgb", 1, 2),
    "u-net": (u_net, "-1..1", "bgr", 4, 1),
    "functions": (with_functions, "0..1", "rgb", 1, 1),
    "denoiser": (_from_torch, "-0.5..0.5", "rgb", 2, 1),
}


class Imported:
    """A foreign file and the bundle that was made of it."""

    def __init__(self, folder: Path, name: str) -> None:
        make, self.limits, self.order, self.stride, self.scale = NETWORKS[name]
        self.file, self.bundle = folder / f"{name}.onnx", folder / name
        self.file.write_bytes(make().SerializeToString())
        assert run("import-onnx", self.arguments()) == 0
        self.manifest: ModelManifest = open_bundle(self.bundle).manifest

    def arguments(self) -> list[str]:
        return [str(self.file), "-o", str(self.bundle), "--range", self.limits, "--order", self.order]

    def by_hand(self, frame: Picture) -> Picture:
        """What the file's author would compute: nothing of this project takes part."""
        low, high = map(float, self.limits.split(".."))
        height, width = frame.shape[:2]
        padded = np.pad(frame, ((0, -height % self.stride), (0, -width % self.stride), (0, 0)), mode="reflect")
        ordered = padded if self.order == "bgr" else padded[..., ::-1]
        planes = (low + ordered.transpose(2, 0, 1)[None] / 255 * (high - low)).astype(np.float32)
        session = onnxruntime.InferenceSession(self.file)
        answer = np.asarray(session.run(None, {session.get_inputs()[0].name: planes})[0])[0].transpose(1, 2, 0)
        answer = (answer[: height * self.scale, : width * self.scale] - low) / (high - low) * 255
        return np.asarray(np.clip(np.rint(answer if self.order == "bgr" else answer[..., ::-1]), 0, 255), np.uint8)


@pytest.fixture(scope="module", autouse=True)
def _small_pictures() -> Iterator[None]:
    with small_export():
        yield


@pytest.fixture(scope="module", params=NETWORKS)
def imported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Imported:
    return Imported(tmp_path_factory.mktemp("imported"), request.param)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    (tmp_path / "model.onnx").write_bytes(u_net().SerializeToString())
    return tmp_path / "model.onnx"


def _import(file: Path, *more: str) -> int:
    return run("import-onnx", [str(file), "-o", str(file.parent / "bundle"), "--range", "-1..1", "--order", "rgb", *more])


@pytest.fixture(scope="module")
def _contracts() -> dict[tuple[object, object], ir.Model]:
    return {}


@pytest.fixture
def quickly(_contracts: dict[tuple[object, object], ir.Model], monkeypatch: pytest.MonkeyPatch) -> None:
    """For networks of one range and order: the contract around them, which knows their stride and scale only, is traced once."""
    trace = graph.traced

    def traced_once(network: nn.Module) -> ir.Model:
        key = (network.stride, network.scale)
        if key not in _contracts:
            _contracts[key] = trace(network)
        return _contracts[key].clone()

    monkeypatch.setattr(importer, "traced", traced_once)


@pytest.mark.parametrize("size", [(16, 16), (17, 19), (50, 31), (64, 48)])
def test_it_restores_as_its_author_would(imported: Imported, size: tuple[int, int]) -> None:
    frame = np.random.default_rng(size).integers(0, 256, (*size, 3), dtype=np.uint8)
    with clearway.load(imported.bundle, backend="onnxruntime") as restore:
        restored = restore(frame).image
    expected = imported.by_hand(frame)
    assert restored.shape == expected.shape == (size[0] * imported.scale, size[1] * imported.scale, 3)
    assert np.abs(restored.astype(int) - expected).max() <= 1


def test_the_manifest_says_what_it_is_and_what_was_found(imported: Imported) -> None:
    manifest, came = imported.manifest, onnx.load_model(imported.file)
    assert (manifest.graph.stride, manifest.graph.scale, manifest.graph.opset) == (imported.stride, imported.scale, OPSET)
    assert manifest.graph.outputs == ("restored", "health")
    assert (manifest.graph.sees_whole_picture, manifest.graph.receptive_field) == (True, None)
    assert (manifest.network.name, manifest.network.preset) == ("foreign", imported.bundle.name)
    assert manifest.network.config["range"] == [float(end) for end in imported.limits.split("..")]
    assert manifest.network.config["order"] == imported.order
    assert manifest.network.config["opset"] == came.opset_import[0].version
    assert (manifest.card.recipe, manifest.card.licence) == ("import-onnx", "unknown")
    assert manifest.files.keys() == {"model.onnx", "model.fp16.onnx", "proof.npz"}


def test_it_went_through_the_same_gate(imported: Imported) -> None:
    assert [record.backend for record in imported.manifest.parity] == [*bundle_writer.GATE, "node-by-node"]
    assert all(record.pictures.startswith("4 cuts of drawn pictures") for record in imported.manifest.parity)
    assert run("verify", [str(imported.bundle)]) == 0


@pytest.mark.usefixtures("quickly")
def test_what_is_told(tmp_path: Path, saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _import(saved, "--licence", "MIT", "--task", "deblur", "--summary", "Takes shake away", "--version", "3") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "bundle: model, 4,672 parameters, 0.7 GFLOP at 720p"
    assert lines[1] == f"stride 4 (found by trying), scale 1, opset 17 → {OPSET}"
    assert sum(line.endswith("against the file as it came, in FP32") for line in lines) == 1
    assert lines[-1].startswith(f"written: {tmp_path / 'bundle'}; look at what it does: clearway restore ")
    manifest = open_bundle(tmp_path / "bundle").manifest
    assert (manifest.card.licence, manifest.task, manifest.summary, manifest.version) == ("MIT", "deblur", "Takes shake away", "3")


@pytest.mark.usefixtures("quickly")
def test_a_stride_as_said_in_one_line_for_machines(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _import(saved, "--stride", "8", "--json") == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["graph"]["stride"] == 8


@pytest.mark.usefixtures("quickly")
def test_weights_beside_the_file_are_in_the_bundle(tmp_path: Path) -> None:
    saved_beside(u_net(), tmp_path / "model.onnx", "weights.bin")
    assert _import(tmp_path / "model.onnx") == 0
    (tmp_path / "weights.bin").unlink()
    assert run("verify", [str(tmp_path / "bundle")]) == 0


def test_the_same_file_gives_the_same_bytes(saved: Path) -> None:
    assert _import(saved) == 0
    folder = saved.parent / "bundle"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(ExportError, match="exists; choose another name, or replace it with --force"):
        _import(saved)
    assert _import(saved, "--force") == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.usefixtures("quickly")
def test_a_conversion_that_changes_the_answers_is_refused_and_leaves_nothing(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrongly(_file: object) -> ModelProto:
        model = u_net()
        weight = model.graph.initializer[0]
        weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight) * 4, weight.name))
        return onnx.version_converter.convert_version(model, OPSET)

    monkeypatch.setattr(foreign_graph, "at_opset", wrongly)
    with pytest.raises(ParityError, match="does not agree"):
        _import(saved)
    assert list(saved.parent.iterdir()) == [saved]


@pytest.mark.usefixtures("quickly")
def test_nan_on_real_pictures_only(tmp_path: Path) -> None:
    """Noise has a contrast that few pictures have: what takes the root of contrast − 0.25 passes the first trial and not the gate."""
    nodes = [
        helper.make_node("Mul", ["x", "x"], ["squares"]),
        helper.make_node("GlobalAveragePool", ["squares"], ["power"]),
        helper.make_node("Sub", ["power", "bias"], ["more"]),
        helper.make_node("Sqrt", ["more"], ["contrast"]),
        helper.make_node("Mul", ["x", "contrast"], ["y"]),
    ]
    (tmp_path / "model.onnx").write_bytes(file_of(nodes, {"bias": np.float32(0.25).reshape(1)}).SerializeToString())
    with pytest.raises(ParityError, match="the network itself returns NaN or Inf for d"):
        _import(tmp_path / "model.onnx")
    assert not (tmp_path / "bundle").exists()


@pytest.mark.usefixtures("quickly")
@pytest.mark.parametrize("error", [ir.passes.PreconditionError("it is FLOAT8\nat 0x7f"), RuntimeError("it is FLOAT8")])
def test_what_fp16_cannot_be_made_of_is_one_line(saved: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr(bundle_writer, "fp16_of", fails)
    with pytest.raises(ExportError, match=r"model\.onnx: expected a graph .*, this one cannot \(it is FLOAT8\); export .*"):
        _import(saved)
    assert list(saved.parent.iterdir()) == [saved]


@pytest.mark.parametrize(("limits", "stride", "said"), [("1..0", "1", "--range"), ("0-255", "1", "--range"), ("0..1", "0", "--stride")])
def test_wrong_use(saved: Path, limits: str, stride: str, said: str) -> None:
    arguments = [str(saved), "-o", str(saved.parent / "bundle"), "--order", "rgb", "--range", limits, "--stride", stride]
    with pytest.raises(UsageError, match=said):
        run("import-onnx", arguments)


@pytest.mark.parametrize("missing", ["--range", "--order", "-o"])
def test_what_only_the_user_knows_must_be_said(saved: Path, missing: str) -> None:
    said = {"--range": "0..1", "--order": "rgb", "-o": str(saved.parent / "bundle")}
    with pytest.raises(SystemExit) as caught:
        run("import-onnx", [str(saved), *(part for name, value in said.items() if name != missing for part in (name, value))])
    assert caught.value.code == 2


def test_a_bad_file_is_one_line_at_the_front_door(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "model.onnx").write_bytes(b"not a network")
    arguments = ["import-onnx", str(tmp_path / "model.onnx"), "-o", str(tmp_path / "bundle"), "--range", "-1..1", "--order", "rgb"]
    assert clearway.main(arguments) == 1
    said = capsys.readouterr().err
    assert said == f"clearway: {tmp_path / 'model.onnx'}: expected an ONNX file, this is something else; export the network to ONNX first\n"


def test_without_torch_it_says_what_to_install(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("export.bundle_writer", "export.foreign.importer"):
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtra, match=r"torch is not installed; it comes with: pip install 'clearway\[export\]'"):
        _import(saved)
