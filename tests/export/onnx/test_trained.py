"""A checkpoint and its bundle: the network as users meet it. Trained on enlarged pictures, it takes the small ones."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from export.bundle_writer import ExportOptions, export_checkpoint
from export.onnx.graph import traits_of
from export.onnx.trained import trained
from export.parity.cases import PROOF_SIZES, SIZES, clean_sizes, read_proof
from export.verify.verify import verify_bundle
from runtime.bicubic import enlarged
from runtime.model.manifest import ModelCard, ModelManifest
from runtime.restorer import load
from tests.support.export.exporting import small_export
from tests.support.export.toys import a_checkpoint
from training.checkpoint import Checkpoint, save_checkpoint
from training.degradations.description import MixtureText
from training.networks.physicsgan import PhysicsGAN, PhysicsGANConfig
from training.settings import recipe_of

CONFIG = PhysicsGANConfig(8, downs=1, blocks=1, filter=3, normalise=False, residual=True, unshuffle=2)
SMALL = ((67, 93), (96, 64))


def _sr4(*settings: str) -> Checkpoint:
    torch.manual_seed(0)
    network = PhysicsGAN(CONFIG)
    tail = network.layers[-1]
    assert isinstance(tail, nn.Conv2d)
    nn.init.normal_(tail.weight, 0.0, 0.02)  # it would keep the picture as it is
    card = ModelCard("physicsgan-sr4", 1, 0, ("nothing",), "Apache-2.0", ("it was never trained",), settings)
    return Checkpoint("physicsgan", "physicsgan-edge", dataclasses.asdict(CONFIG), "sr4", "A test", card, network.state_dict())


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ModelManifest]:
    folder = tmp_path_factory.mktemp("sr4")
    photo = np.random.default_rng(0).integers(0, 256, (30, 30, 3), dtype=np.uint8)
    (folder / "photos").mkdir()
    cv2.imwrite(str(folder / "photos" / "a.png"), cv2.resize(photo, (120, 120), interpolation=cv2.INTER_CUBIC))
    save_checkpoint(folder / "sr4.safetensors", _sr4())
    with small_export(sizes=SMALL):
        manifest = export_checkpoint(folder / "sr4.safetensors", ExportOptions(folder / "bundle", folder / "photos"))
        assert verify_bundle(folder / "bundle", pictures=folder / "photos").holds
    return folder / "bundle", manifest


def test_its_graph_takes_the_small_picture(exported: tuple[Path, ModelManifest]) -> None:
    folder, manifest = exported
    assert (manifest.graph.scale, manifest.graph.stride, manifest.graph.sees_whole_picture) == (4, 1, False)
    assert manifest.network.parameters == sum(weight.numel() for weight in _sr4().weights.values())
    small = np.random.default_rng(0).integers(0, 256, (17, 22, 3), dtype=np.uint8)
    with load(folder, "onnxruntime") as restorer:
        restored = restorer(small).image
    assert restored.shape == (68, 88, 3)
    by_network = _sr4().build()
    large = torch.from_numpy(enlarged(small, 4)[..., ::-1].clip(0, 255).copy()).permute(2, 0, 1)[None] / 256
    with torch.inference_mode():
        expected = (by_network(large)[0].permute(1, 2, 0).numpy()[..., ::-1] * 256).clip(0, 255)
    assert np.abs(restored - expected).max() < 0.51  # rounded


def test_its_gate_knows_the_task_and_holds_in_fp16(exported: tuple[Path, ModelManifest]) -> None:
    folder, manifest = exported
    assert {record.backend for record in manifest.parity} == {"onnxruntime", "openvino", "node-by-node"}
    for record in manifest.parity:
        assert record.pictures == "2 cuts of photographs at 2 sizes, 4 drawn pictures of the proof"
        assert record.task_psnr_input_db is not None
        assert record.task_psnr_drop_db is not None
        assert 10 < record.task_psnr_input_db < 40
    for case in read_proof(folder / "proof.npz"):
        assert case.clean is not None
        assert case.clean.shape == case.expected["restored"].shape[1:]
        assert case.clean.shape[:2] == tuple(4 * side for side in case.frame.shape[:2])


def test_the_checkpoint_in_it_keeps_the_size(exported: tuple[Path, ModelManifest]) -> None:
    """So that it can be trained on, scored and exported again."""
    again = exported[0].with_name("again")
    with small_export(sizes=SMALL, gate=()):
        manifest = export_checkpoint(exported[0] / "weights.safetensors", ExportOptions(again, exported[0].with_name("photos")))
    assert manifest.files == exported[1].files


def test_a_recipe_that_enlarges_nothing_is_exported_as_it_is() -> None:
    model = trained(a_checkpoint())
    assert model.enlarges == traits_of(model.network).scale == 1
    assert recipe_of(_sr4().card).enlarges == 4


def test_trained_on_other_weather_it_keeps_the_size() -> None:
    other = trained(_sr4("degrade noise(read=9)"))
    assert other.enlarges == traits_of(other.network).scale == 1
    assert other.degrade == MixtureText("noise(read=9)")(1)


@pytest.mark.parametrize("times", [1, 2, 4])
def test_clean_pictures_stay_about_as_large_and_small_ones_large_enough(times: int) -> None:
    for sizes in (SIZES, PROOF_SIZES):
        for (height, width), cut in zip(sizes, clean_sizes(sizes, times), strict=True):
            for side, wanted in zip(cut, (height, width), strict=True):
                assert side % times == 0
                assert side // times >= 17
                assert side == wanted if times == 1 else side < max(wanted + times, 20 * times)
