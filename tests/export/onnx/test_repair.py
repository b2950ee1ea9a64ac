"""Repair: what keeps FP16 from FP32 is found, widened and paid for, and no more than that."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from torch import Tensor, nn

from export.onnx.arithmetic import Arithmetic
from export.onnx.graph import reference
from export.onnx.repair import Fp16, fp16_of
from export.parity.cases import drawn_pictures, extremes, make_cases
from export.parity.compare import Case
from runtime.errors import ParityError
from tests.support.export.graphs import TracedGraphs
from tests.support.export.toys import Toy, speckled


class Cancelling(Toy):
    """A correction that is hidden in a large number for a while: FP16 rounds it away there."""

    def forward(self, picture: Tensor) -> Any:
        return picture + ((self.correction(picture) + 2000) - 2000)


class Vanishing(Toy):
    """x ÷ the root of a square that is 1e-8: every number is within FP16's range, the square is not."""

    def forward(self, picture: Tensor) -> Any:
        small = self.correction(picture) * 0 + 1e-4
        return picture + 1e-4 * self.correction(picture) / (small * small).sqrt()


def _cases(network: nn.Module) -> list[Case]:
    run = reference(network)
    cases = make_cases(drawn_pictures(((33, 47), (17, 19)), 0), speckled, run, 0)
    return [*cases, *extremes(cases, run, 0)]


def _repaired(graphs: TracedGraphs, network: type[nn.Module]) -> tuple[Fp16, list[Case], list[str]]:
    cases, said = _cases(network()), list[str]()
    return fp16_of(graphs.of(network), cases, "a test", said.append), cases, said


@pytest.mark.parametrize(
    ("network", "widened", "why"),
    [
        (Cancelling, {"network/Add", "network/Sub"}, "grows"),
        (Vanishing, {"network/Sqrt", "network/Mul_5"}, "is NaN or Inf"),
    ],
    ids=["cancelling", "vanishing"],
)
def test_the_region_that_loses_the_picture_is_widened_and_no_other(
    network: type[nn.Module], widened: set[str], why: str, graphs: TracedGraphs
) -> None:
    fp16, cases, said = _repaired(graphs, network)
    repaired = {name: reason for name, reason in fp16.facts.fp32.items() if reason.startswith("repaired")}
    assert widened <= repaired.keys()
    assert len(repaired) <= len(widened) + 3
    assert any(why in reason for reason in repaired.values())
    assert said
    assert all(line.startswith("FP16: ") and line.endswith(" in FP32 from here on") for line in said)
    assert all(any(name in line for line in said) for name in repaired)
    arithmetic = Arithmetic(onnx.load_model_from_string(fp16.model))
    for case in cases:
        got = arithmetic.run(case.frame[None])["restored"]
        assert np.abs(got.astype(int) - case.expected["restored"]).max() <= 1, case.name


def test_a_network_that_needs_no_repair_gets_none(graphs: TracedGraphs) -> None:
    fp16, _, said = _repaired(graphs, Toy)
    assert not said
    assert fp16.facts.fp32.keys() == {"/ReduceMean", "network/ReduceMean"}
    assert fp16.facts.fp32_share == 0
    assert fp16.facts.casts == 3
    assert fp16.facts.calibration == "a test"


def test_what_fp32_itself_does_not_give_is_refused(graphs: TracedGraphs) -> None:
    cases = _cases(Toy(seed=1))
    with pytest.raises(ParityError, match="agrees with PyTorch on no frame of the calibration: FP16 cannot be checked"):
        fp16_of(graphs.of(Toy), cases, "a test")


def test_calibration_has_saturated_dark_noisy_and_flat_frames() -> None:
    run = reference(Toy())
    real = make_cases(drawn_pictures(((33, 47),), 0), speckled, run, 0)
    frames = {case.name: case.frame for case in extremes(real, run, 0)}
    first = real[0]
    assert frames[f"{first.name}, dark"].max() < 16
    assert (frames[f"{first.name}, saturated"] == 255).mean() > (first.frame == 255).mean() + 0.1
    assert sorted(name for name in frames if name.startswith("flat")) == ["flat 0", "flat 128", "flat 255"]
    assert np.unique(frames["black or white"]).tolist() == [0, 255]
    assert frames["noise"].std() > 70
    for case in extremes(real, run, 0):
        np.testing.assert_array_equal(case.expected["restored"], run(case.frame[None])["restored"])


class Unsettled(Toy):
    """Divides what is left of a flat picture after its mean is taken off by next to nothing."""

    def forward(self, picture: Tensor) -> Any:
        centred = self.correction(picture) - self.correction(picture).mean(dim=(2, 3), keepdim=True)
        return picture + 0.05 * centred / (centred.square().mean(dim=(2, 3), keepdim=True) + 1e-14).sqrt()


def test_a_frame_whose_answer_is_rounding_alone_is_looked_at_for_infinities_only(graphs: TracedGraphs) -> None:
    cases = _cases(Unsettled())
    for case in cases:  # as if PyTorch had rounded otherwise
        if case.name == "flat 128":
            case.expected["restored"] = np.asarray(case.expected["restored"], np.uint8) ^ np.uint8(16)
    fp16 = fp16_of(graphs.of(Unsettled), cases, "a test")
    assert "flat 128" in fp16.facts.unstable
    assert not [name for name in fp16.facts.unstable if not name.startswith("flat")]
