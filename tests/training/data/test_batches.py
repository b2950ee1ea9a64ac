"""Training pictures: what is held out, batches as a function of (seed, step), and folders that do not fit."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from runtime.errors import ClearwayError, DataError
from tests.support.training.pictures import clean_folder, drawn, pair_folder
from training.data.batches import Batch, Patches, TrainingPictures, from_tensor, load_pictures, prefetched, to_tensor
from training.degradations.degradation import Pair
from training.degradations.sensor.noise import Noise
from training.networks import LEVELS
from training.physics import degrade_again

NOISE = Noise(read=(5, 5))


class _Drawn:
    """Patches of one size, as the loop asks for them."""

    def __init__(self, seed: int = 1, patch: int = 32) -> None:
        self._patches, self._patch = Patches(TrainingPictures.of(drawn(3)), NOISE, patch, seed), patch

    def batch(self, step: int) -> Batch:
        return self._patches.batch(step, patch=self._patch, batch=4)


_patches = _Drawn


def test_every_twelfth_picture_and_test_pairs_are_held_out(tmp_path: Path) -> None:
    pictures = load_pictures([clean_folder(tmp_path / "photos"), pair_folder(tmp_path / "pairs")])
    assert (len(pictures.clean), len(pictures.held_out)) == (11, 2)
    assert [pair.name for pair in pictures.pairs] == ["train-1", "train-2"]
    assert [pair.name for pair in pictures.held_out_pairs] == ["test-1"]
    assert len(pictures.described) == 2


def test_a_batch_depends_on_seed_and_step_alone() -> None:
    first, again = _patches().batch(7), _patches().batch(7)
    torch.testing.assert_close(first.degraded, again.degraded, rtol=0, atol=0)
    assert not torch.equal(first.clean, _patches().batch(8).clean)
    assert not torch.equal(first.clean, _patches(seed=2).batch(7).clean)


def test_a_batch_is_rgb_in_0_to_1() -> None:
    batch = _patches().batch(0)
    assert batch.degraded.shape == batch.clean.shape == (4, 3, 32, 32)
    assert batch.clean.min() >= 0
    assert batch.clean.max() <= 1
    blue = np.zeros((16, 16, 3), np.uint8)
    blue[..., 0] = 255
    assert to_tensor([blue])[0, :, 0, 0].tolist() == [0, 0, 255 / LEVELS]


def test_pictures_come_back_from_tensors_unchanged() -> None:
    pictures = drawn(2)
    for came, went in zip(from_tensor(to_tensor(pictures)), pictures, strict=True):
        np.testing.assert_array_equal(came, went)


def test_prefetching_keeps_the_order() -> None:
    patches = _patches()
    for step, batch in enumerate(prefetched(patches.batch, 3, 9, workers=2), start=3):
        torch.testing.assert_close(batch.degraded, patches.batch(step).degraded, rtol=0, atol=0)
    assert step == 8


def test_an_error_while_drawing_reaches_the_loop() -> None:
    def broken(*_arguments: object) -> None:
        raise DataError("cannot draw")

    patches = Patches(TrainingPictures.of(drawn(2)), broken, 16, seed=1)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="cannot draw"):
        next(prefetched(lambda step: patches.batch(step, patch=16, batch=1), 0, 5))


def test_two_processes_share_the_batch_that_one_would_draw() -> None:
    patches = Patches(TrainingPictures.of(drawn(3)), NOISE, 32, seed=1)
    whole = patches.batch(5, patch=32, batch=6)
    halves = [patches.batch(5, patch=32, batch=3, first=first) for first in (0, 3)]
    torch.testing.assert_close(whole.degraded, torch.cat([half.degraded for half in halves]), rtol=0, atol=0)


def test_pairs_are_cut_at_the_same_place_and_left_as_they_are() -> None:
    pairs = [Pair("one", np.clip(picture.astype(int) + 9, 0, 255).astype(np.uint8), picture) for picture in drawn(2)]
    batch = Patches(TrainingPictures.of(pairs=pairs), NOISE, 48, seed=1, learn_pairs=True).batch(0, patch=48, batch=8)
    assert ((batch.degraded - batch.clean) * LEVELS).round().unique().tolist() == [9.0]
    with pytest.raises(DataError, match="no clean picture"):
        Patches(TrainingPictures.of(pairs=pairs), NOISE, 48, seed=1)


def test_patches_are_the_pictures_own_pixels_unless_asked_to_shrink() -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    pictures = TrainingPictures.of([stripes])
    plain, shrunk = (Patches(pictures, Noise((0, 0), (0, 0)), 16, 1, shrink=shrink).batch(0, patch=16, batch=12) for shrink in (0.0, 1.0))
    assert plain.clean.mul(LEVELS).round().unique().tolist() == [0.0, 255.0]
    assert len(shrunk.clean.unique()) > 2


def test_the_kernel_of_a_pair_comes_along_and_is_mirrored_with_it() -> None:
    kernel = np.zeros((3, 5), np.float32)
    kernel[0, 0] = 1
    across = np.repeat(np.arange(0, 192, 4, dtype=np.uint8)[None, :, None], 48, axis=0).repeat(3, axis=2)
    pictures = TrainingPictures.of(pairs=[Pair("one", across, across, kernel)])
    batch = Patches(pictures, NOISE, 16, 1, learn_pairs=True).batch(0, patch=16, batch=12)
    mirrored = [bool(clean[0, 0, 0] > clean[0, 0, -1]) for clean in batch.clean]
    assert set(mirrored) == {True, False}
    for made, turned in zip(batch.made, mirrored, strict=True):
        np.testing.assert_array_equal(made.layers["kernel"], kernel[:, ::-1] if turned else kernel)


def test_a_text_data_set_brings_the_kernels_that_the_physics_needs(tmp_path: Path) -> None:
    """N_psf shows how a point looked; the physics lays its turned picture on the restored one, which is a convolution."""
    folder = tmp_path / "text"
    folder.mkdir()
    sharp, psf = drawn(1)[0], np.zeros((3, 3), np.uint8)
    psf[0, 0] = 200  # every point moved one up and one to the left
    for name, picture in (("orig", sharp), ("blur", np.roll(sharp, (-1, -1), (0, 1))), ("psf", psf)):
        for number in range(13):
            cv2.imwrite(str(folder / f"{number:07}_{name}.png"), picture)
    pictures = load_pictures([folder], task="deblur")
    batch = Patches(pictures, NOISE, 32, 1, learn_pairs=True).batch(0, patch=32, batch=3)
    again = degrade_again("blur", batch.clean, batch)
    torch.testing.assert_close(again[..., :-1, 1:-1], batch.degraded[..., :-1, 1:-1])
    cv2.imwrite(str(folder / "0000001_psf.png"), np.zeros((3, 3), np.uint8))
    with pytest.raises(DataError, match=r"0000001_psf\.png: expected a picture of a blurred point"):
        list(load_pictures([folder]).pairs)


def test_a_picture_smaller_than_the_patch_is_named_before_training() -> None:
    with pytest.raises(DataError, match=r"64×64.*56×48"):
        _patches(patch=64)


def test_unpaired_names_are_refused(tmp_path: Path) -> None:
    folder = pair_folder(tmp_path / "pairs")
    (folder / "rain" / "train-2.png").unlink()
    with pytest.raises(DataError, match=r"train-2.*, got none; add it"):
        load_pictures([folder])


def test_different_sizes_within_a_pair_are_refused(tmp_path: Path) -> None:
    folder = pair_folder(tmp_path / "pairs")
    cv2.imwrite(str(folder / "rain" / "train-1.png"), np.zeros((20, 20, 3), np.uint8))
    with pytest.raises(DataError, match="train-1 differ in size"):
        load_pictures([folder])


def test_an_empty_or_missing_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "empty", tmp_path / "missing"):
        with pytest.raises(ClearwayError, match=folder.name):
            load_pictures([folder])
