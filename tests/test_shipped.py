"""The shipped bundles on this machine: they hold what their manifests say, restore what they were made for, and leave the rest alone."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from export.onnx.measure import bytes_a_pixel
from export.verify.verify import verify_bundle
from runtime.model.bundle import open_bundle
from runtime.model.zoo import find, shipped
from runtime.picture import Picture
from runtime.restorer import load
from training.data.drawn import dead_leaves, drawn_scene
from training.degradations.mixture import degrade_picture
from training.recipes.derain import heavy_rain
from training.scoring.metrics import psnr


def _pictures() -> list[Picture]:
    return [make(np.random.default_rng(seed), 160, 224) for seed in (31, 32) for make in (drawn_scene, dead_leaves)]


def test_derain_is_shipped() -> None:
    assert "derain" in shipped()


@pytest.mark.parametrize("name", shipped())
def test_every_engine_here_agrees_with_the_proof(name: str) -> None:
    report = verify_bundle(find(name), ())
    assert report.holds, [verdict.problems for verdict in report.verdicts]
    assert {verdict.record.backend for verdict in report.verdicts} >= {"onnxruntime", "openvino"}


@pytest.mark.parametrize("name", shipped())
def test_what_a_picture_takes_is_what_its_graph_holds(name: str) -> None:
    bundle = open_bundle(find(name))
    graph = bundle.manifest.graph
    assert graph.bytes_a_pixel == bytes_a_pixel(onnx.load(bundle.onnx_path), graph.stride, graph.scale)


@pytest.mark.parametrize("name", shipped())
def test_the_card_says_where_the_weights_come_from(name: str) -> None:
    manifest = open_bundle(find(name)).manifest
    assert manifest.card.data
    assert manifest.card.weaknesses
    assert manifest.scores
    if any("photos" in source for source in manifest.card.data):
        assert "research use" in manifest.card.licence


def test_derain_removes_rain_from_pictures_of_a_kind_that_it_never_saw() -> None:
    """Drawn pictures: the training saw photographs only. The floor is far below what was measured, and far above a broken model."""
    degradation, rng = heavy_rain(5), np.random.default_rng(5)
    gains = []
    with load("derain") as restorer:
        for truth in _pictures():
            rainy = degrade_picture(degradation, truth, rng)
            gains.append(psnr(restorer(rainy).image, truth, "y") - psnr(rainy, truth, "y"))
    assert np.mean(gains) > 3, gains


def test_derain_leaves_clean_pictures_alone() -> None:
    with load("derain") as restorer:
        kept = [psnr(restorer(truth).image, truth, "y") for truth in _pictures()]
    assert np.mean(kept) > 34, kept
