"""From a picture to a restored one: any size, any layout in memory, and one line where it is no picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from runtime.backend import BackendChoice, BackendFacts, Picture, Tensors
from runtime.bicubic import enlarged
from runtime.bundle import open_bundle
from runtime.errors import BackendError, BundleError, PictureError, UsageError
from runtime.manifest import ModelManifest
from runtime.restorer import Restored, Restorer, load
from tests.tiny import make_bundle


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("bundles") / "tiny", "brighten")


@pytest.fixture
def restorer(folder: Path) -> Iterator[Restorer]:
    with load(folder, "onnxruntime") as opened:
        yield opened


def picture(height: int = 24, width: int = 32) -> Picture:
    return np.random.default_rng(0).integers(0, 246, (height, width, 3), np.uint8)


@pytest.mark.parametrize(("height", "width"), [(16, 16), (17, 99), (128, 16), (33, 47)])
def test_any_size(restorer: Restorer, height: int, width: int) -> None:
    source = picture(height, width)
    restored = restorer(source)
    assert np.array_equal(restored.image, source + 10)
    assert restored.source is source
    assert restored.interference is None
    assert restored.health == pytest.approx((source + 10.0).mean((0, 1)) / 256, rel=1e-4), "the graph contract's unit"
    assert np.array_equal(restored.removed, np.full_like(source, 123))  # 128 + (−10)/2


def test_any_layout_in_memory(restorer: Restorer) -> None:
    wide = picture(48, 64)
    wide.flags.writeable = False
    for view in (wide, wide[::2, ::-1], wide[:, :, ::-1], np.asfortranarray(wide), wide.transpose(1, 0, 2)):
        assert np.array_equal(restorer(view).image, view + 10)


@pytest.mark.parametrize(
    ("wrong", "came"),
    [
        (np.zeros((24, 32, 3), np.float32), "float32 [24, 32, 3] came"),
        (np.zeros((24, 32), np.uint8), "uint8 [24, 32] came"),
        (np.zeros((1, 24, 32, 3), np.uint8), "uint8 [1, 24, 32, 3] came"),
        (np.zeros((3, 24, 32), np.uint8), "uint8 [3, 24, 32] came"),
        (np.zeros((24, 32, 4), np.uint8), "uint8 [24, 32, 4] came"),
        (np.zeros((15, 32, 3), np.uint8), "uint8 [15, 32, 3] came"),
        (np.zeros((0, 32, 3), np.uint8), "uint8 [0, 32, 3] came"),
        (None, "NoneType came"),  # what cv2.imread returns for a missing file
        ([[0]], "list came"),
    ],
)
def test_what_is_no_picture_is_said(restorer: Restorer, wrong: Picture, came: str) -> None:
    with pytest.raises(PictureError) as error:
        restorer(wrong)
    assert str(error.value).startswith("a uint8 array [height, width, 3] in BGR")
    assert came in str(error.value)
    assert "\n" not in str(error.value)


def test_it_says_what_it_is_and_how_long_it_took(restorer: Restorer, folder: Path) -> None:
    restorer(picture())
    restorer(picture())
    assert restorer.manifest == open_bundle(folder).manifest
    assert restorer.facts is restorer.choice.backend.facts
    assert restorer.facts.name == "onnxruntime"
    assert restorer.times.as_dict()["model"]["count"] == 2


def test_use_after_close(restorer: Restorer) -> None:
    restorer.close()
    restorer.close()
    with pytest.raises(BackendError, match="tiny was closed"):
        restorer(picture())


def test_what_cannot_be_loaded(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no model is called"):
        load("no-such-model")
    with pytest.raises(BundleError, match="a bundle was expected"):
        load(tmp_path)


class _Fixed:
    """A backend that answers with the same tensors whatever comes."""

    facts = BackendFacts("fixed", "fp32", "test")

    def __init__(self, **tensors: np.ndarray) -> None:
        self.tensors: Tensors = {name: tensor[None] for name, tensor in tensors.items()}

    def run(self, frames: Picture) -> Tensors:
        assert frames.ndim == 4
        return self.tensors

    def close(self) -> None:
        pass


def _restore(manifest: ModelManifest, source: Picture, **tensors: np.ndarray) -> Restored:
    backend = _Fixed(health=np.zeros(3, np.float32), **tensors)
    return Restorer(manifest, BackendChoice(backend, "test"))(source)


def test_a_network_that_separates_the_interference_and_enlarges(folder: Path) -> None:
    manifest = open_bundle(folder).manifest
    graph = replace(manifest.graph, scale=2, outputs=("restored", "health", "interference"))
    layer = picture(48, 64)
    restored = _restore(replace(manifest, graph=graph), picture(), restored=picture(48, 64), interference=layer)
    assert restored.image.shape == (48, 64, 3)
    assert restored.interference is not None
    assert np.array_equal(restored.interference, layer)


def test_a_graph_that_breaks_its_manifest(folder: Path) -> None:
    manifest = open_bundle(folder).manifest
    with pytest.raises(BackendError, match=r"\[24, 32, 3\] was expected from the graph, \[48, 64, 3\] came"):
        _restore(manifest, picture(), restored=picture(48, 64))
    graph = replace(manifest.graph, outputs=("restored", "health", "interference"))
    with pytest.raises(BackendError, match="no output interference"):
        _restore(replace(manifest, graph=graph), picture(), restored=picture())


def _restored(image: Picture, source: Picture) -> Restored:
    return Restored(image, source, None, np.zeros(3, np.float32))


def test_removed_codes_every_difference() -> None:
    source = np.repeat(np.arange(256, dtype=np.uint8), 3).reshape(16, 16, 3)
    for level in (0, 100, 255):
        image = np.full_like(source, level)
        exact = 128 + (source.astype(float) - level) / 2
        removed = _restored(image, source).removed
        assert removed.dtype == np.uint8
        assert np.abs(removed - exact.clip(0, 255)).max() <= 0.5


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_removed_compares_with_the_enlarged_source(scale: int) -> None:
    source = picture(20, 30) // 4 + 90  # so that what rings stays within bytes
    large = enlarged(source, scale)
    assert np.abs(_restored(np.rint(large).astype(np.uint8), source).removed.astype(int) - 128).max() <= 1
    black = np.zeros(large.shape, np.uint8)
    assert np.abs(_restored(black, source).removed - (128 + large / 2).clip(0, 255)).max() <= 0.5


def test_nan_is_an_error_and_never_a_white_picture(tmp_path: Path) -> None:
    with load(make_bundle(tmp_path / "nan", "nan")) as restorer, pytest.raises(BackendError, match="NaN or Inf"):
        restorer(np.zeros((20, 24, 3), np.uint8))
