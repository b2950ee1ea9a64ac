"""The comparison: what is measured, what is allowed, and that nothing slips through."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from export.parity import LIMITS, Case, compare
from runtime.backend import BackendFacts, Picture, Tensors
from runtime.errors import ParityError


class Shifted:
    """A backend that returns the frame, off by `levels` everywhere or by `at_one` in one byte."""

    def __init__(self, name: str = "onnxruntime", precision: str = "fp32", levels: int = 0, at_one: int = 0) -> None:
        self.facts = BackendFacts(name, precision, "a test")
        self._levels, self._at_one = levels, at_one

    def run(self, frames: Picture) -> Tensors:
        levels = frames.astype(np.int64) + self._levels
        levels[0, 3, 4, 1] += self._at_one
        restored = levels.astype(np.uint8)
        return {"restored": restored, "health": np.full((len(frames), 3), 0.5, np.float32)}

    def close(self) -> None:
        pass


def _case(name: str = "a", clean_off: int | None = 4) -> Case:
    frame = np.random.default_rng(0).integers(20, 200, (17, 19, 3), dtype=np.uint8)
    clean = None if clean_off is None else frame + np.uint8(clean_off)
    return Case(name, frame, clean, {"restored": frame[None].copy(), "health": np.full((1, 3), 0.5, np.float32)})


def test_identical_answers_hold_and_have_no_psnr() -> None:
    verdict = compare(Shifted(), [_case()], "one picture")
    assert verdict.holds
    record = verdict.require()
    assert (record.backend, record.precision, record.pictures) == ("onnxruntime", "fp32", "one picture")
    assert (record.max_levels, record.psnr_db, record.psnr_worst_db, record.task_psnr_drop_db) == (0, None, None, 0.0)


@pytest.mark.parametrize(("off", "holds"), [(1, True), (2, False)])
def test_fp32_may_be_off_by_one_level_anywhere_and_by_no_more(off: int, holds: bool) -> None:
    verdict = compare(Shifted(at_one=off), [_case("first"), _case("second")], "")
    assert verdict.record.max_levels == off
    assert verdict.holds is holds
    if not holds:
        assert verdict.problems == ("restored of first is off by 2 grey levels, 1 is allowed",)
        with pytest.raises(ParityError, match=r"onnxruntime in fp32 does not agree with PyTorch: restored of first"):
            verdict.require()


def test_bf16_is_measured_in_decibels() -> None:
    one_level = compare(Shifted("openvino", "bf16", levels=1), [_case(clean_off=None)], "")
    assert one_level.record.psnr_db == pytest.approx(48.13, abs=0.01)
    assert one_level.problems == ("pictures of 19×17 have 48.13 dB against it in the mean, 50.0 dB is asked",)
    one_byte = compare(Shifted("openvino", "bf16", at_one=2), [_case(clean_off=None)], "")
    assert one_byte.record.max_levels == 2
    assert one_byte.holds  # 72 dB: a bound on single levels is for FP32 only


def test_the_mean_must_hold_at_every_size_and_no_picture_may_be_far_off() -> None:
    class Uneven(Shifted):
        """Right, but for pictures that begin with a zero: those are `levels` off."""

        def run(self, frames: Picture) -> Tensors:
            exact: Tensors = {"restored": frames.copy(), "health": np.full((1, 3), 0.5, np.float32)}
            return super().run(frames) if frames[0, 0, 0, 0] == 0 else exact

    def marked(name: str, width: int) -> Case:
        frame = np.full((17, width, 3), 100, np.uint8)
        frame[0, 0, 0] = 0
        return Case(name, frame, None, {"restored": frame[None].copy(), "health": np.full((1, 3), 0.5, np.float32)})

    same_size = compare(Uneven("openvino", "bf16", levels=1), [_case(clean_off=None), marked("b", 19)], "")
    assert same_size.holds  # (100 + 48.13) / 2
    assert same_size.record.psnr_worst_db == pytest.approx(48.13, abs=0.01)
    other_size = compare(Uneven("openvino", "bf16", levels=1), [_case(clean_off=None), marked("b", 21)], "")
    assert other_size.problems == ("pictures of 21×17 have 48.13 dB against it in the mean, 50.0 dB is asked",)
    far_off = compare(Uneven("openvino", "bf16", levels=6), [_case(clean_off=None), marked("b", 19)], "")
    assert far_off.problems == ("restored of b has 32.57 dB against it, 35.0 dB is asked of every picture",)


def test_what_a_backend_costs_at_the_task_is_judged_where_the_truth_is_known() -> None:
    away = compare(Shifted("openvino", "bf16", at_one=-1), [_case(clean_off=1)], "")
    assert away.record.task_psnr_drop_db == pytest.approx(10 * np.log10((17 * 19 * 3 + 3) / (17 * 19 * 3)), abs=1e-5)
    assert away.holds
    towards = compare(Shifted("openvino", "bf16", levels=1), [_case(clean_off=10)], "")
    assert towards.record.task_psnr_drop_db is not None
    assert towards.record.task_psnr_drop_db < 0  # nearer to the truth: no drop
    worse = compare(Shifted("openvino", "bf16", levels=-1), [_case(clean_off=10)], "")
    assert any("against the clean truth" in problem for problem in worse.problems)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_and_inf_do_not_pass_behind_equal_bytes(value: float) -> None:
    class Sick(Shifted):
        def run(self, frames: Picture) -> Tensors:
            return {**super().run(frames), "health": np.full((1, 3), value, np.float32)}

    assert compare(Sick(), [_case()], "").problems == ("health of a holds NaN or Inf",)


def test_a_missing_output_and_a_wrong_shape_are_named() -> None:
    class Half(Shifted):
        def run(self, frames: Picture) -> Tensors:
            return {"restored": frames[:, ::2]}

    assert compare(Half(), [_case()], "").problems == (
        "restored of a has the shape (1, 9, 19, 3), (1, 17, 19, 3) was expected",
        "it has no output 'health'",
    )


def test_a_precision_without_limits_is_refused() -> None:
    with pytest.raises(ParityError, match="no limits are stated for openvino in int8"):
        compare(Shifted("openvino", "int8"), [_case()], "")


def test_the_limits_are_those_that_were_promised() -> None:
    assert LIMITS["onnxruntime", "fp32"].max_levels == 1
    assert LIMITS["openvino", "bf16"].psnr_db == 50
    assert LIMITS["openvino", "bf16"].task_psnr_drop_db == 0.05


def test_verifying_needs_neither_torch_nor_onnx() -> None:
    code = "import sys, export.cli; print(sorted({'torch', 'onnx', 'onnxscript', 'onnxruntime', 'openvino'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")
