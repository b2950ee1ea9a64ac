"""PSNR and SSIM: against scikit-image and against values that can be worked out by hand."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage.filters import gaussian
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from runtime.errors import DataError, UsageError
from runtime.picture import Picture
from training.scoring.metrics import DATA_SETS, PROTOCOLS, find_protocol, measure, psnr, ssim

WANG = {"data_range": 255, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "truncate": 3.5}


def _noisy(truth: Picture, sigma: float = 12.0) -> Picture:
    return np.clip(truth + np.random.default_rng(5).normal(0, sigma, truth.shape), 0, 255).astype(np.uint8)


@pytest.fixture
def pair() -> tuple[Picture, Picture]:
    truth = np.random.default_rng(3).integers(0, 256, (70, 81, 3), np.uint8)
    return _noisy(truth), truth


def _flat(level: int, side: int = 64) -> Picture:
    return np.full((side, side, 3), level, np.uint8)


def test_psnr_of_a_constant_difference_is_the_textbook_value() -> None:
    assert psnr(_flat(100), _flat(110)) == pytest.approx(20 * np.log10(255 / 10))


def test_psnr_of_equal_pictures_is_infinite(pair: tuple[Picture, Picture]) -> None:
    assert psnr(pair[1], pair[1]) == float("inf")


@pytest.mark.parametrize(("protocol", "white"), [("rgb", 255), ("gopro", 255), ("did-hy", 255), ("spanet", 510)])
def test_ssim_of_flat_pictures_is_the_quotient_of_their_means(protocol: str, white: int) -> None:
    c1 = (0.01 * white) ** 2
    assert ssim(_flat(60), _flat(120), protocol) == pytest.approx((2 * 60 * 120 + c1) / (60**2 + 120**2 + c1))


def test_rgb_agrees_with_scikit_image(pair: tuple[Picture, Picture]) -> None:
    picture, truth = pair
    assert psnr(picture, truth) == pytest.approx(peak_signal_noise_ratio(truth, picture, data_range=255))
    # scikit-image's mean leaves out the same border of 5 pixels
    assert ssim(picture, truth) == pytest.approx(structural_similarity(truth, picture, channel_axis=2, **WANG), abs=1e-6)


@pytest.mark.parametrize(("protocol", "white"), [("did-hy", 255), ("spanet", 510)])
def test_the_uniform_window_is_scikit_images_default(protocol: str, white: int, pair: tuple[Picture, Picture]) -> None:
    picture, truth = pair
    assert ssim(picture, truth, protocol) == pytest.approx(structural_similarity(truth, picture, data_range=white, channel_axis=2))
    assert psnr(picture, truth, protocol) == pytest.approx(psnr(picture, truth))


def test_gopros_ssim_takes_the_channels_for_a_third_axis_as_matlab_does(pair: tuple[Picture, Picture]) -> None:
    def mean(planes: np.ndarray) -> np.ndarray:
        return np.asarray(gaussian(planes, 1.5, truncate=3.5, preserve_range=True, channel_axis=None))  # all three axes, borders repeated

    a, b = (one.astype(np.float64) for one in pair)
    c1, c2 = 2.55**2, 7.65**2
    one, other = mean(a), mean(b)
    across, within = 2 * one * other + c1, 2 * (mean(a * b) - one * other) + c2
    energy, spread = one**2 + other**2 + c1, mean(a * a) - one**2 + mean(b * b) - other**2 + c2
    assert ssim(*pair, "gopro") == pytest.approx(float(np.mean(across * within / energy / spread)))
    assert ssim(*pair, "gopro") != pytest.approx(ssim(*pair, "rgb"), abs=1e-4)


def test_luma_is_matlabs_limited_range() -> None:
    assert psnr(_flat(255), _flat(0), "y") == pytest.approx(20 * np.log10(255 / 219))


def test_luma_agrees_with_scikit_image_on_its_plane(pair: tuple[Picture, Picture]) -> None:
    picture, truth = (16 + (one[..., ::-1] @ np.array([65.481, 128.553, 24.966])) / 255 for one in pair)
    assert psnr(*pair, "y") == pytest.approx(peak_signal_noise_ratio(truth, picture, data_range=255))
    assert ssim(*pair, "y") == pytest.approx(structural_similarity(truth, picture, **WANG), abs=1e-6)


def test_luma_weighs_green_most() -> None:
    base = np.zeros((16, 16, 3), np.uint8)
    by_channel = []
    for channel in range(3):
        other = base.copy()
        other[..., channel] = 50
        by_channel.append(psnr(other, base, "y"))
    blue, green, red = by_channel
    assert green < red < blue


def test_rounding_luma_hides_what_is_less_than_a_level_and_makes_a_level_of_what_crosses_a_half() -> None:
    # Y of a grey g is 16 + 219/255·g: 101 → 102.741, 102 → 103.6; with one level of blue more, 102.839: no other whole level.
    grey, bluer = _flat(101), _flat(101)
    bluer[..., 0] += 1
    assert psnr(bluer, grey, "rounded-y") == float("inf")
    assert psnr(bluer, grey, "y") == pytest.approx(20 * np.log10(255 / (24.966 / 255)))
    # 7 → 22.012, 8 → 22.871: one level apart once rounded, 0.859 before.
    assert psnr(_flat(8), _flat(7), "rounded-y") == pytest.approx(20 * np.log10(255))
    assert psnr(_flat(8), _flat(7), "y") == pytest.approx(20 * np.log10(255 / (219 / 255)))


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_super_resolution_does_not_look_at_as_many_border_pixels_as_it_enlarges(scale: int) -> None:
    truth, picture = _flat(100), _flat(100)
    picture[:scale], picture[-scale:], picture[:, :scale], picture[:, -scale:] = 0, 0, 0, 0
    assert psnr(picture, truth, f"sr-x{scale}") == float("inf")
    picture[scale, scale] = 0
    assert psnr(picture, truth, f"sr-x{scale}") < 60


def test_the_hybrid_set_is_averaged_over_its_patches_and_not_over_its_pixels() -> None:
    truth, picture = _flat(100, 130), _flat(110, 130)  # 4 patches of 63×63, and 4 columns and rows left over
    picture[:63, :63] = 101
    picture[126:] = 0
    expected = (3 * 20 * np.log10(25.5) + 20 * np.log10(255)) / 4
    assert psnr(picture, truth, "div2k-hybrid") == pytest.approx(expected, abs=1e-3)


def test_a_perfect_patch_counts_100_db_in_the_mean() -> None:
    assert psnr(_flat(9), _flat(9), "div2k-hybrid") == pytest.approx(100)
    assert ssim(_flat(9), _flat(9), "div2k-hybrid") == 1


def test_the_mean_over_patches_is_that_of_scikit_image_on_each(pair: tuple[Picture, Picture]) -> None:
    truth = np.concatenate([pair[1], pair[1][:, ::-1]], axis=1)[:63, :126]
    picture = _noisy(truth)
    halves = [(truth[:, at : at + 63], picture[:, at : at + 63]) for at in (0, 63)]
    expected = np.mean([structural_similarity(*half, data_range=255, channel_axis=2) for half in halves])
    assert ssim(picture, truth, "div2k-hybrid") == pytest.approx(expected)


def test_grey_is_the_rounded_mean_of_the_channels() -> None:
    truth, picture = _flat(100), _flat(100)
    picture[..., 0] = 101  # a third of a level: nothing once rounded
    assert psnr(picture, truth, "bsd68") == float("inf")
    picture[..., 1] = 101
    assert psnr(picture, truth, "bsd68") == pytest.approx(20 * np.log10(255))


def test_noise_below_black_counts_in_full_where_it_is_not_clipped() -> None:
    truth = _flat(0)
    noisy = truth.astype(np.float32) - 20
    for protocol in ("bsd68", "cbsd68"):
        assert PROTOCOLS[protocol].unclipped
        assert psnr(noisy, truth, protocol) == pytest.approx(20 * np.log10(255 / 20))


def _text_page() -> Picture:
    page = np.full((80, 90, 3), 255, np.uint8)
    for line in range(4):
        cv2.putText(page, "shifted", (8, 18 + 18 * line), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (20, 20, 20), 1, cv2.LINE_AA)
    return page


@pytest.mark.parametrize(("down", "right"), [(0, 0), (3, -2), (-5, 5)])
def test_a_shift_of_whole_pixels_costs_text_nothing(down: int, right: int) -> None:
    page = _text_page()
    moved = np.roll(page, (down, right), (0, 1))
    assert psnr(moved, page, "text") == float("inf")
    assert ssim(moved, page, "text") == pytest.approx(1)


def test_a_shift_of_a_quarter_pixel_is_found_and_the_score_is_that_of_the_moved_picture() -> None:
    def waves(by: float) -> np.ndarray:
        rows, columns = np.mgrid[:80, :90]
        plane = 120 + 60 * np.sin((columns - by) / 3) + 50 * np.cos(rows / 4)
        return np.repeat(plane[..., None], 3, axis=2).astype(np.float32)

    truth, moved = waves(0), waves(0.25)
    back = 0.75 * moved[:, :-1] + 0.25 * moved[:, 1:]  # read 1/4 further right
    inner = (slice(15, 65), slice(15, 75))
    by_hand = 10 * np.log10(255**2 / np.mean((back[inner].astype(float) - truth[inner]) ** 2))
    assert psnr(moved, truth, "text") == pytest.approx(by_hand, abs=1e-3)
    assert psnr(moved, truth, "rgb") < by_hand - 6


def test_more_than_five_pixels_are_not_forgiven() -> None:
    page = _text_page()
    assert psnr(np.roll(page, 6, 1), page, "text") < 30


def test_colour_and_grey_pages_are_compared_alike() -> None:
    page = _text_page()
    tinted = page.copy()
    tinted[..., 0] = 255 - (255 - tinted[..., 0]) // 2
    assert psnr(np.roll(tinted, 2, 0), tinted, "text") == float("inf")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_both_scores_at_once_are_each_by_itself(protocol: str, pair: tuple[Picture, Picture]) -> None:
    both = measure(*pair, protocol)
    assert (both.psnr, both.ssim) == (psnr(*pair, protocol), ssim(*pair, protocol))


def test_protocols_go_by_their_name_or_a_data_sets() -> None:
    assert find_protocol("gopro") == "gopro"
    assert find_protocol("Rain200H") == "rounded-y"
    assert set(DATA_SETS.values()) <= set(PROTOCOLS)
    assert not DATA_SETS.keys() & PROTOCOLS.keys()
    with pytest.raises(UsageError, match="rain100l"):
        find_protocol("rain7")


def test_no_two_protocols_say_the_same() -> None:
    assert len({protocol.text for protocol in PROTOCOLS.values()}) == len(PROTOCOLS)


def test_sizes_must_agree_and_hold_what_the_protocol_needs() -> None:
    with pytest.raises(DataError, match="one size"):
        psnr(np.zeros((16, 16, 3), np.uint8), np.zeros((16, 17, 3), np.uint8))
    with pytest.raises(DataError, match="at least 11"):
        ssim(np.zeros((8, 16, 3), np.uint8), np.zeros((8, 16, 3), np.uint8))
    with pytest.raises(DataError, match="63×63"):
        psnr(_flat(1, 62), _flat(1, 62), "div2k-hybrid")
    with pytest.raises(DataError, match="15 pixels"):
        psnr(_flat(1, 30), _flat(1, 30), "text")


def test_the_page_on_scores_quotes_every_protocol() -> None:
    page = (Path(__file__).parents[3] / "docs" / "scores.md").read_text(encoding="utf-8")
    for name, protocol in PROTOCOLS.items():
        sets = ", ".join(data for data, by in DATA_SETS.items() if by == name) or "–"
        assert f"| `{name}` | {protocol.text} | {sets} |" in page
