"""Frames out of real video streams: predicted from the frame before, worse where they have to be smaller, in place."""

from __future__ import annotations

import av
import numpy as np
import pytest

from runtime.errors import DataError
from tests.support.training.scenes import SCENE
from training.data.drawn import drawn_scene
from training.degradations.degradation import Light, to_light, to_picture
from training.degradations.sensor.video_compression import H264, H265
from training.scoring.metrics import psnr

PICTURE: Light = to_light(drawn_scene(np.random.default_rng(3), 128, 160))
CODECS = pytest.mark.parametrize("codec", [H264, H265])


def _decibels(picture: Light, clean: Light) -> float:
    return psnr(to_picture(picture), to_picture(clean), "y")


@CODECS
def test_a_frame_is_predicted_from_the_one_before(codec: type[H264]) -> None:
    alone, moved = (codec(quality=(24, 24), frames=frames, pan=(4, 4))(PICTURE, np.random.default_rng(1)) for frames in (1, 3))
    assert moved.parameters["bytes"] < 0.5 * alone.parameters["bytes"]
    assert not np.array_equal(alone.picture, moved.picture)


@CODECS
def test_a_higher_rate_factor_is_smaller_and_further_from_the_truth(codec: type[H264]) -> None:
    fine, coarse = (codec(quality=(q, q))(PICTURE, np.random.default_rng(1)) for q in (15, 40))
    assert fine.parameters["bytes"] > 3 * coarse.parameters["bytes"]
    assert _decibels(fine.picture, PICTURE) > _decibels(coarse.picture, PICTURE) + 8


@CODECS
def test_nearly_lossless_is_the_picture_in_its_place(codec: type[H264]) -> None:
    """Odd sides and ones below what the encoders take: were the picture moved, or its border not its own, this could not be."""
    for picture in (PICTURE, SCENE[:33, :47], SCENE[:16, :16]):
        came = codec(quality=(1, 1), pan=(5, 5))(picture, np.random.default_rng(1))
        assert _decibels(came.picture, picture) > 42


def test_the_two_are_not_the_same() -> None:
    one, other = (codec(quality=(32, 32))(PICTURE, np.random.default_rng(1)).picture for codec in (H264, H265))
    assert not np.array_equal(one, other)


def test_a_build_without_the_encoder_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(H264, "encoder", ("libx26four", "h264"))
    assert "libx26four" not in av.codecs_available
    with pytest.raises(DataError, match="libx26four is not in this build of PyAV"):
        H264()(PICTURE, np.random.default_rng(1))
