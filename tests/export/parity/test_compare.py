"""The gate: every way in which a backend can be wrong is found, named, and found by the check that is there for it."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from export.parity.compare import Case, Comparison, Verdict, compare
from export.parity.limits import LIMITS
from runtime.errors import ParityError
from runtime.picture import Picture, Tensors
from tests.support.export.wrong import (
    Change,
    Wrong,
    a_case,
    black_corner,
    flat,
    halved,
    health_of,
    moved,
    noisy,
    one_byte,
    right,
    swapped,
)

HALF = [way for way, limits in LIMITS.items() if limits.psnr_db is not None]
EXACT = [way for way, limits in LIMITS.items() if limits.max_levels is not None]


def _failed(verdict: Verdict) -> set[str]:
    return {check.measure for check in verdict.checks if not check.holds}


def test_identical_answers_hold_and_have_no_psnr() -> None:
    verdict = compare(Wrong(), [a_case()], "one picture")
    assert verdict.holds
    record = verdict.require()
    assert (record.backend, record.precision, record.pictures) == ("onnxruntime", "fp32", "one picture")
    assert (record.max_levels, record.psnr_db, record.psnr_worst_db, record.ssim_worst) == (0, None, None, 1.0)
    assert (record.shift_levels, record.shift_worst_levels, record.black_pixels, record.task_psnr_drop_db) == (0.0, 0.0, 0, 0.0)
    assert (verdict.compared, verdict.detail) == (1, "a test")


@pytest.mark.parametrize("way", LIMITS)
def test_every_way_of_running_may_be_right(way: tuple[str, str]) -> None:
    assert compare(Wrong(right, *way), [a_case(), a_case("b", None, (17, 19))], "").holds


@pytest.mark.parametrize("way", EXACT)
@pytest.mark.parametrize(("off", "holds"), [(1, True), (-1, True), (2, False), (-2, False)])
def test_fp32_may_be_off_by_one_level_anywhere_and_by_no_more(way: tuple[str, str], off: int, holds: bool) -> None:
    verdict = compare(Wrong(one_byte(off), *way), [a_case("first"), a_case("second")], "")
    assert verdict.record.max_levels == abs(off)
    assert verdict.holds is holds
    if not holds:
        assert verdict.problems == ("restored of first is off by 2 grey levels, 1 is allowed",)
        with pytest.raises(ParityError, match=rf"{way[0]} in fp32 does not agree with PyTorch: restored of first"):
            verdict.require()


@pytest.mark.parametrize("way", LIMITS)
@pytest.mark.parametrize("level", [0, 255])
def test_a_black_picture_is_found_and_so_is_a_white_one(way: tuple[str, str], level: int) -> None:
    """NaN as a byte is 0 on one engine and 255 on another."""
    verdict = compare(Wrong(flat(level), *way), [a_case("fine"), a_case()], "")
    assert _failed(verdict) >= {"black or white pixels", "SSIM of the worst picture", "colour shift of all, levels"}
    assert verdict.record.black_pixels == 2 * 33 * 47
    assert "has 1,551 black or white pixels where PyTorch's are at least 16 levels away, none is allowed" in "; ".join(verdict.problems)


@pytest.mark.parametrize("way", HALF)
def test_a_few_black_pixels_are_found_where_the_means_would_let_them_pass(way: tuple[str, str]) -> None:
    large = a_case(size=(241, 319))
    verdict = compare(Wrong(black_corner, *way), [large], "")
    assert verdict.record.black_pixels == 4
    assert "black or white pixels" in _failed(verdict)
    assert "colour shift of the worst picture, levels" not in _failed(verdict)


def test_what_is_black_in_pytorchs_answer_may_be_black() -> None:
    night = np.zeros((33, 47, 3), np.uint8)
    night[:5] = 15  # one level below what counts as far
    case = Case("night", night, None, {"restored": night[None].copy(), "health": health_of(night[None])})
    assert compare(Wrong(flat(0), "openvino", "bf16"), [case], "").record.black_pixels == 0
    night[:5] = 16
    case.expected["restored"][0, :5] = 16
    assert compare(Wrong(flat(0), "openvino", "bf16"), [case], "").record.black_pixels == 5 * 47


@pytest.mark.parametrize("way", LIMITS)
def test_swapped_colours_are_found(way: tuple[str, str]) -> None:
    verdict = compare(Wrong(swapped, *way), [a_case()], "")
    assert _failed(verdict) >= {"colour shift of all, levels", "colour shift of the worst picture, levels"}


@pytest.mark.parametrize("way", LIMITS)
def test_half_a_level_more_blue_is_found_though_no_byte_is_off_by_more_than_one(way: tuple[str, str]) -> None:
    verdict = compare(Wrong(moved(1, share=0.5, channels=slice(0, 1)), *way), [a_case(clean_off=None, size=(32, 48))], "")
    assert verdict.record.max_levels == 1
    assert _failed(verdict) - {"colour shift of the worst picture, levels"} == {"colour shift of all, levels"}
    assert verdict.problems[0].startswith("all pictures together are shifted by +0.50 grey levels in blue")


def test_the_shift_of_all_pictures_counts_every_pixel_alike() -> None:
    tiny, large = a_case("tiny", None, (16, 16)), a_case("large", None, (48, 64))
    record = compare(Wrong(lambda picture: moved(1 if len(picture) == 16 else 0)(picture)), [tiny, large], "").record
    assert record.shift_levels == pytest.approx(16 * 16 / (16 * 16 + 48 * 64), abs=1e-4)
    assert record.shift_worst_levels == 1.0


@pytest.mark.parametrize("way", LIMITS)
def test_a_shift_that_clamping_hides_shows_in_health(way: tuple[str, str]) -> None:
    class Deep(Wrong):
        """Far below black where PyTorch is at black: the bytes are the same."""

        def run(self, frames: Picture) -> Tensors:
            return {**super().run(frames), "health": np.asarray(health_of(frames) - (0, 0.1, 0), np.float32)}

    verdict = compare(Deep(right, *way), [a_case()], "")
    assert verdict.record.psnr_db is None
    assert "restored of a is shifted by -25.50 grey levels in green" in "; ".join(verdict.problems)


@pytest.mark.parametrize("way", HALF)
def test_noise_is_found_by_psnr_and_structure_by_ssim(way: tuple[str, str]) -> None:
    grainy = compare(Wrong(noisy(1.5), *way), [a_case(size=(241, 319))], "")
    assert _failed(grainy) >= {"mean PSNR of the worst size, dB"}
    assert "SSIM of the worst picture" not in _failed(grainy)
    plain = np.full((241, 319, 3), 128, np.uint8)
    smooth = Case("sky", plain, None, {"restored": plain[None].copy(), "health": health_of(plain[None])})
    on_sky = compare(Wrong(noisy(1.5), *way), [smooth], "")
    assert _failed(on_sky) >= {"SSIM of the worst picture"}, "where there is no other structure, noise is one"
    assert "SSIM of" in "; ".join(on_sky.problems)


@pytest.mark.parametrize("way", HALF)
def test_half_precision_is_measured_in_decibels(way: tuple[str, str]) -> None:
    one_level = compare(Wrong(moved(1), *way), [a_case(clean_off=None, size=(17, 19))], "")
    assert one_level.record.psnr_db == pytest.approx(48.13, abs=0.01)
    assert one_level.problems[0] == "pictures of 19×17 have 48.13 dB against it in the mean, 50.0 dB is asked"
    far_byte = compare(Wrong(one_byte(2), *way), [a_case(clean_off=None)], "")
    assert far_byte.record.max_levels == 2
    assert far_byte.holds, "a bound on single levels is for FP32 only"


def test_the_mean_must_hold_at_every_size_and_no_picture_may_be_far_off() -> None:
    def where_marked(levels: int) -> Change:
        """Right, but for pictures that begin with a zero: those are half too bright, half too dark, so that no colour shifts."""

        def change(picture: Picture) -> Picture:
            return moved(levels)(moved(-2 * levels, share=0.5)(picture)) if picture[0, 0, 0] == 0 else picture

        return change

    def marked(name: str, width: int) -> Case:
        frame = np.full((32, width, 3), 100, np.uint8)
        frame[0, 0, 0] = 0
        return Case(name, frame, None, {"restored": frame[None].copy(), "health": health_of(frame[None])})

    fine = a_case(clean_off=None, size=(32, 48))
    mean, worst = "mean PSNR of the worst size, dB", "PSNR of the worst picture, dB"
    same_size = compare(Wrong(where_marked(1), "openvino", "bf16"), [fine, marked("b", 48)], "")
    assert mean not in _failed(same_size)  # (100 + 48) / 2
    other_size = compare(Wrong(where_marked(1), "openvino", "bf16"), [fine, marked("b", 20)], "")
    assert mean in _failed(other_size)
    far_off = compare(Wrong(where_marked(6), "openvino", "bf16"), [fine, marked("b", 48)], "")
    assert worst in _failed(far_off)
    assert mean not in _failed(far_off)


def test_what_a_backend_costs_at_the_task_is_judged_where_the_truth_is_known() -> None:
    away = compare(Wrong(one_byte(-1), "openvino", "bf16"), [a_case(clean_off=1, size=(17, 19))], "")
    assert away.record.task_psnr_drop_db == pytest.approx(10 * np.log10((17 * 19 * 3 + 3) / (17 * 19 * 3)), abs=1e-5)
    assert away.holds
    towards = compare(Wrong(moved(1), "openvino", "bf16"), [a_case(clean_off=10)], "")
    assert towards.record.task_psnr_drop_db is not None
    assert towards.record.task_psnr_drop_db < 0, "nearer to the truth: no drop"
    worse = compare(Wrong(moved(-1), "openvino", "bf16"), [a_case(clean_off=10)], "")
    assert "restored pictures lose 0.828 dB against the clean truth, 0.05 dB is allowed" in worse.problems
    assert worse.record.task_psnr_input_db == pytest.approx(20 * np.log10(255 / 10), abs=1e-3)
    assert worse.record.task_psnr_db == pytest.approx(20 * np.log10(255 / 11), abs=1e-3)
    unknown = compare(Wrong(moved(-1), "openvino", "bf16"), [a_case(clean_off=None)], "").record
    assert (unknown.task_psnr_input_db, unknown.task_psnr_db, unknown.task_psnr_drop_db) == (None, None, None)


@pytest.mark.parametrize("way", LIMITS)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_and_inf_do_not_pass_behind_equal_bytes(way: tuple[str, str], value: float) -> None:
    class Sick(Wrong):
        def run(self, frames: Picture) -> Tensors:
            return {**super().run(frames), "health": np.full((1, 3), value, np.float32)}

    verdict = compare(Sick(right, *way), [a_case()], "")
    assert verdict.problems == ("health of a holds NaN or Inf",)
    assert verdict.worst[0].which == "restored of a", "it can be looked at"


def test_a_missing_output_and_a_wrong_shape_are_named_and_nothing_more_is_run() -> None:
    class Half(Wrong):
        def run(self, frames: Picture) -> Tensors:
            return {"restored": super().run(frames)["restored"]}

    backend = Half(halved)
    verdict = compare(backend, [a_case(), a_case("b")], "")
    assert verdict.problems == ("restored of a: expected the shape (1, 33, 47, 3), got (1, 33, 24, 3); it has no output 'health'",)
    assert (verdict.compared, verdict.worst, backend.ran) == (0, (), 1)


def test_the_worst_picture_of_each_size_is_kept_to_be_looked_at() -> None:
    def by_brightness(picture: Picture) -> Picture:
        return moved(int(picture[0, 0, 0]) // 50)(picture)

    cases = []
    for name, width, level in (("a", 48, 60), ("b", 48, 160), ("c", 48, 110), ("small", 20, 60)):
        frame = np.full((32, width, 3), level, np.uint8)
        cases.append(Case(name, frame, None, {"restored": frame[None].copy(), "health": health_of(frame[None])}))
    verdict = compare(Wrong(by_brightness), cases, "")
    assert [worst.which for worst in verdict.worst] == ["restored of b", "restored of small"]
    assert (verdict.worst[0].got == 163).all()
    assert (verdict.worst[0].expected == 160).all()


def test_interference_is_compared_as_the_picture_is() -> None:
    class Separating(Wrong):
        def run(self, frames: Picture) -> Tensors:
            return {**super().run(frames), "interference": frames + np.uint8(2)}

    case = a_case()
    case.expected["interference"] = case.expected["restored"].copy()
    assert compare(Separating(), [case], "").problems[0] == "interference of a is off by 2 grey levels, 1 is allowed"


def test_a_precision_without_limits_is_refused() -> None:
    with pytest.raises(ParityError, match="no limits are stated for openvino in int8; there are: onnxruntime fp32"):
        compare(Wrong(right, "openvino", "int8"), [a_case()], "")


def test_without_a_picture_there_is_no_verdict() -> None:
    with pytest.raises(ParityError, match="expected pictures to compare on, got none"):
        Comparison(Wrong()).verdict("")


def test_the_limits_are_those_that_were_promised() -> None:
    for name in ("onnxruntime", "openvino", "tensorrt", "tensorrt-rtx"):
        assert LIMITS[name, "fp32"].max_levels == 1
    for way, drop in (
        (("node-by-node", "fp16"), 0.02),
        (("tensorrt", "fp16"), 0.02),
        (("tensorrt-rtx", "fp16"), 0.02),
        (("openvino", "bf16"), 0.05),
    ):
        assert (LIMITS[way].psnr_db, LIMITS[way].psnr_worst_db, LIMITS[way].task_psnr_drop_db) == (50, 35, drop)


def test_verifying_needs_neither_torch_nor_onnx() -> None:
    code = "import sys, export.cli; print(sorted({'torch', 'onnx', 'onnxscript', 'onnxruntime', 'openvino'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")
