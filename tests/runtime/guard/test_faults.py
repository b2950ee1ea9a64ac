"""What is wrong with a picture is seen and named; what weather, noise, titles and patterns do to one is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from runtime.errors import BundleError
from runtime.guard.faults import ChangeLimits, Fault, change, fault_in, limits_for, limits_of
from runtime.model.bundle import PROOF, Bundle, open_bundle
from runtime.model.zoo import find
from runtime.picture import Picture
from tests.support.tiny import make_bundle

SIZES = ((16, 16), (17, 45), (120, 160), (720, 1280))


def scene(height: int = 120, width: int = 160) -> Picture:
    """From 20 to 200 across, every channel a little apart."""
    ramp = np.linspace(20, 200, width)[None, :, None] + np.array([0, 5, 10])
    return np.asarray(np.broadcast_to(ramp, (height, width, 3)), np.uint8)


def seen(source: Picture, restored: Picture, normal: ChangeLimits | None = None, health: NDArray[np.float32] | None = None) -> Fault | None:
    honest = np.asarray(restored.mean((0, 1)) / 256, np.float32)
    return fault_in(change(source, restored, honest if health is None else health), normal or ChangeLimits())


def kind(source: Picture, restored: Picture, normal: ChangeLimits | None = None) -> str | None:
    fault = seen(source, restored, normal)
    return fault.kind if fault else None


@pytest.mark.parametrize("size", SIZES)
def test_each_fault_is_named(size: tuple[int, int]) -> None:
    source = scene(*size)
    wrong = {level: np.full_like(source, level) for level in (0, 90, 255)}
    assert [kind(source, wrong[level]) for level in (0, 90, 255)] == ["black", "flat", "white"]
    blue, light = source.copy(), np.asarray(source // 4 + 180, np.uint8)
    blue[..., 0] = np.minimum(blue[..., 0] + 60.0, 255)
    assert [kind(source, blue), kind(source, light)] == ["shift", "shift"]


@pytest.mark.parametrize("size", SIZES)
def test_the_picture_itself_is_no_fault(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    black, white = (np.full((*size, 3), level, np.uint8) for level in (0, 255))
    for source in (scene(*size), black, white, rng.integers(0, 256, (*size, 3), np.uint8)):
        assert seen(source, source) is None


def test_a_part_that_is_black_counts_from_a_quarter() -> None:
    source = scene()
    for rows, expected in ((20, None), (50, "black")):  # of 120
        restored = source.copy()
        restored[:rows] = 0
        assert kind(source, restored) == expected


def test_it_says_how_much() -> None:
    assert seen(scene(), scene() * 0) == Fault("black", "it is 100% black where its source is not")
    dark = seen(scene() // 4 + 150, scene() // 4)
    assert dark is not None
    assert dark.words == "its brightness is -150 levels off its source's, expected -64 to +64"


def test_what_is_dark_light_or_flat_may_stay_so() -> None:
    night = np.asarray(scene() // 16, np.uint8)  # at most 13
    assert kind(night, night * 0) is None
    assert kind(255 - night, np.full_like(night, 255)) is None
    grey = np.random.default_rng(0).normal(120, 25, (120, 160, 3)).clip(0, 255).astype(np.uint8)
    assert kind(grey, np.full_like(grey, 120)) is None, "a network may take noise off a grey wall"


def test_stripes_as_wide_as_the_grid_are_seen_as_they_are() -> None:
    """With 32 points at even distances all would fall on the bright ones."""
    stripes = np.zeros((320, 640, 3), np.uint8)
    stripes[:, ::20] = 255
    assert seen(stripes, stripes) is None
    assert abs(float(change(stripes, stripes, np.zeros(3, np.float32)).brightness[1]) + stripes.mean()) < 8


def test_health_shows_what_clamping_hides() -> None:
    white = np.full((120, 160, 3), 250, np.uint8)
    fault = seen(white, np.full_like(white, 255), health=np.full(3, 40, np.float32))
    assert fault is not None
    assert fault.kind == "shift"


def test_an_enlarged_picture_is_compared_at_the_same_places() -> None:
    source = scene()
    assert seen(source, source.repeat(4, 0).repeat(4, 1)) is None
    seen_of = change(source, source.repeat(3, 0).repeat(3, 1), np.zeros(3, np.float32))
    assert seen_of.brightness[0] == 0


def test_what_the_model_is_used_to_is_no_fault() -> None:
    source = scene() // 2 + 110
    dark, red = source - 90, source.copy()
    red[..., 2] -= 60
    assert [kind(source, dark), kind(source, red)] == ["shift", "shift"]
    normal = limits_of([change(source, source - 40, np.asarray((source - 40).mean((0, 1)) / 256, np.float32))])
    assert normal.darker == pytest.approx(-40, abs=4)
    assert normal.brighter == 0
    assert kind(source, dark, normal) is None


def test_normal_is_read_from_the_proof(tmp_path: Path) -> None:
    normal = limits_for(open_bundle(make_bundle(tmp_path / "tiny", "brighten")))
    assert normal.brighter == pytest.approx(10, abs=4)  # 20×16 is small: health is of all pixels, the source's mean of the points
    assert (normal.darker, normal.black, normal.white) == (0, 0, 0)
    assert limits_for(open_bundle(find("derain"))).darker < -30, "its proof has heavy rain"


def test_a_proof_that_is_none(tmp_path: Path) -> None:
    bundle = open_bundle(make_bundle(tmp_path / "tiny"))
    for content in (b"no zip", b""):
        (tmp_path / "tiny" / PROOF).write_bytes(content)
        with pytest.raises(BundleError, match="copy the bundle again"):
            limits_for(Bundle(bundle.folder, bundle.manifest))
