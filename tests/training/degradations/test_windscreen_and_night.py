"""Drops, dirt, night and glare: each does to a picture what its physics says."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.training.scenes import SCENE
from training.degradations.optics.dirt import Dirt
from training.degradations.optics.drops import Drops
from training.degradations.optics.glare import Glare
from training.degradations.sensor.night import Night


def test_drops_cover_what_they_say() -> None:
    grey = np.full((128, 128, 3), 0.5, np.float32)
    drops = Drops(cover=(0.2, 0.2), radius=(5, 8))
    covered = [drops(grey, np.random.default_rng(seed)).layers["mask"].mean() for seed in range(20)]
    # Drops lie over each other and over the border, and are taller than wide: about as much is meant, not exactly.
    assert np.mean(covered) == pytest.approx(0.2, rel=0.2)


def test_a_drop_shows_the_scene_upside_down() -> None:
    """Bright above and dark below: in a drop it is the other way round."""
    scene = np.full((128, 128, 3), 0.9, np.float32)
    scene[64:] = 0.1
    above, below = [], []
    for seed in range(60):
        came = Drops(cover=(0.0376, 0.0376), radius=(14, 14), blur=(0, 0), shape=0)(scene, np.random.default_rng(seed))
        mask = came.layers["mask"]
        rows = np.flatnonzero(mask.max(axis=1) > 0.5)
        if came.parameters["drops"] != 1 or not len(rows) or abs(rows.mean() - 63.5) > 12:
            continue  # only one drop, and one that has both halves of the scene around it
        column = round(float(np.flatnonzero(mask.max(axis=0) > 0.5).mean()))
        light = came.layers["drops"][:, column, 1]
        above.append(light[rows[0] + 3])
        below.append(light[rows[-1] - 3])
    assert len(above) >= 3
    assert np.mean(above) < 0.5 * np.mean(below)


def test_blur_softens_the_rim_of_drops() -> None:
    def steepest(blur: float) -> float:
        mask = Drops(blur=(blur, blur), cover=(0.2, 0.2))(SCENE, np.random.default_rng(2)).layers["mask"]
        return float(np.abs(np.diff(mask, axis=1)).max())

    assert steepest(2.5) < 0.5 * steepest(0)


def test_dirt_takes_contrast_where_it_is_dense_and_is_never_denser_than_it_says() -> None:
    dirt = Dirt(specks=(0.5, 0.5), smears=(0, 0), film=(0, 0))
    opacity = np.stack([dirt(SCENE, np.random.default_rng(seed)).layers["opacity"] for seed in range(10)])
    assert opacity.min() >= 0
    assert opacity.max() <= 0.5 + 1e-6
    assert opacity.max() > 0.2


def test_clean_glass_changes_nothing() -> None:
    for glass in (Dirt(specks=(0, 0), smears=(0, 0), film=(0, 0)), Drops(cover=(0, 0))):
        np.testing.assert_allclose(glass(SCENE, np.random.default_rng(1)).picture, SCENE, atol=1e-6)


def test_night_is_dark_and_headlights_light_the_road_before_the_car() -> None:
    dark, lit = (Night(light=(0.02, 0.02), headlights=(h, h))(SCENE, np.random.default_rng(1)).layers["illumination"] for h in (0, 0.5))
    assert dark.max() < 0.3
    assert lit[-16:].mean() > 2 * dark[-16:].mean()
    np.testing.assert_allclose(lit[:8], dark[:8], atol=0.02)  # low beam: nothing of it above


def test_street_lamps_are_warm_and_the_sky_is_cold() -> None:
    warm, cold = (
        Night(headlights=(0, 0), lamps=(lamps, lamps))(SCENE, np.random.default_rng(1)).layers["illumination"].mean(axis=(0, 1))
        for lamps in (1, 0)
    )
    assert warm[2] > 1.3 * warm[0]
    assert cold[0] > 1.1 * cold[2]


def test_glare_only_adds_light_and_falls_off_around_the_lamps() -> None:
    glare = Glare(cars=(1, 1), strength=(1, 1), rays=(0, 0), veil=(0, 0))(
        np.zeros((128, 128, 3), np.float32), np.random.default_rng(3)
    ).picture
    light = glare.mean(axis=2)
    assert light.min() >= 0
    y, x = np.unravel_index(light.argmax(), light.shape)
    assert light.max() > 0.8
    rows, columns = np.mgrid[:128, :128]
    away = np.hypot(rows - y, columns - x)
    rings = [light[(away >= near) & (away < near + 10)].mean() for near in (0, 20, 40)]
    assert rings[0] > 2 * rings[1] > 3 * rings[2]
