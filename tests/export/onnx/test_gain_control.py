"""Gain control in FP16: where the plain form gives infinities, the two others give what FP32 gives, within FP16's rounding."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import onnx_ir as ir
import pytest
import torch
from torch import Tensor, nn

from export.onnx.arithmetic import Arithmetic
from export.onnx.gain_control import FP32, PLAIN, RESCALED, RescaleGainControl, gain_control_form, gain_controls
from export.onnx.graph import traced
from export.onnx.measure import measure
from export.onnx.names import value_name
from export.onnx.precision import TypedFp16, prepared
from runtime.model.manifest import GainControlForm
from tests.support.export.graphs import TracedGraphs, with_constant
from tests.support.export.toys import Toy
from training.networks.gain_control import GainControl, InverseGainControl

CHANNELS = 12


class Gained(Toy):
    """gain · picture → gain control, or its inverse → back to the picture's range. `gained` sets the numbers."""

    gain: Tensor
    back: Tensor

    def __init__(self, kind: type[GainControl]) -> None:
        super().__init__(stride=2)
        self.control = kind(CHANNELS)
        self.register_buffer("gain", torch.tensor(1000.0))
        self.register_buffer("back", torch.tensor(0.5))

    def correction(self, picture: Tensor) -> Tensor:
        cells: Tensor = nn.functional.pixel_unshuffle(picture, 2)
        return nn.functional.pixel_shuffle(self.control(cells * self.gain) * self.back, 2)


FRAME = np.random.default_rng(0).integers(0, 256, (40, 56, 3), dtype=np.uint8)
Gain = Callable[..., ir.Model]


@pytest.fixture(scope="module")
def gained(graphs: TracedGraphs) -> Gain:
    """The graph of `Gained` with these numbers in it."""

    def graph(kind: type[GainControl], gain: float, offset: float = 1.0, pooled: float = 0.5) -> ir.Model:
        model = graphs.of(Gained, kind)
        with_constant(model, "network.gain", gain)
        with_constant(model, "network.back", 0.5 if kind is GainControl else 1 / (gain * max(gain, 1)))
        (block,) = gain_controls(model)
        for place, value in ((1, pooled / CHANNELS), (2, offset)):
            constant = block.pool.inputs[place]
            assert constant is not None
            with_constant(model, value_name(constant), value)
        return model

    return graph


def _typed(model: ir.Model, form: str | None) -> tuple[Arithmetic, GainControlForm]:
    """The network in FP16 with its one block in that form, or in the one that is chosen."""
    (block,) = gain_controls(model)
    chosen = gain_control_form(block, measure(model, [FRAME]).peaks)
    if form in (None, RESCALED):
        RescaleGainControl((chosen,))(model)
    fp32 = {node.name or "" for node in model.graph if node.op_type == "ReduceMean"}
    if (form or chosen.form) == FP32:
        fp32 |= {node.name or "" for node in block.nodes}
    TypedFp16(dict.fromkeys(fp32, "a test"))(model)
    return Arithmetic(ir.to_proto(model)), chosen


def _error(wide: ir.Model, arithmetic: Arithmetic) -> float:
    """The largest of the block's output, relative to what FP32 gives in the same place, or to 1/100 of the largest there."""
    got, truth = (_output(run) for run in (arithmetic, Arithmetic(ir.to_proto(wide))))
    return float((np.abs(got.astype(np.float64) - truth) / np.maximum(np.abs(truth), np.abs(truth).max() / 100)).max())


def _output(arithmetic: Arithmetic) -> np.ndarray:
    """The block's output: of the module's last node."""
    return [step.outputs[0] for step in arithmetic.steps(FRAME[None]) if step.node.name.startswith("network.control/")][-1]


# The inverse multiplies by its energy: with less pooled, what comes out still is a number of FP16.
FAR = [(GainControl, 300.0, 0.5), (GainControl, 3000.0, 0.5), (InverseGainControl, 300.0, 1e-3), (InverseGainControl, 1000.0, 1e-3)]


@pytest.mark.parametrize(("kind", "gain", "pooled"), FAR)
def test_far_beyond_256_the_plain_form_is_infinite_and_the_rescaled_one_is_not(
    kind: type[GainControl], gain: float, pooled: float, gained: Gain
) -> None:
    """Squares up to 9 million."""
    plain, chosen = _typed(gained(kind, gain, pooled=pooled), PLAIN)
    energies = [step.outputs[0] for step in plain.steps(FRAME[None]) if step.node.op_type == "Sqrt"]
    assert np.isinf(energies[0]).any(), "then the plain form would do"
    assert chosen.form == RESCALED
    rescaled, _ = _typed(gained(kind, gain, pooled=pooled), None)
    for step in rescaled.steps(FRAME[None]):
        assert all(np.isfinite(array).all() for array in step.outputs), step.node.name
    assert _error(gained(kind, gain, pooled=pooled), rescaled) < 3e-3


@pytest.mark.parametrize("kind", [GainControl, InverseGainControl])
@pytest.mark.parametrize("form", [RESCALED, FP32])
def test_both_remedies_equal_fp32_within_rounding(kind: type[GainControl], form: str, gained: Gain) -> None:
    pooled = 0.5 if kind is GainControl else 1e-3
    arithmetic, _ = _typed(gained(kind, 1000.0, pooled=pooled), form)
    assert any(step.node.name.endswith("Mul_smaller") for step in arithmetic.steps(FRAME[None])) == (form == RESCALED)
    assert _error(gained(kind, 1000.0, pooled=pooled), arithmetic) < 3e-3


def test_rescaling_by_a_power_of_two_changes_no_bit_in_fp32(gained: Gain) -> None:
    model = gained(GainControl, 2000.0)
    before = Arithmetic(ir.to_proto(model)).run(FRAME[None])
    (block,) = gain_controls(model)
    form = gain_control_form(block, measure(model, [FRAME]).peaks)
    assert form.form == RESCALED
    assert math.log2(form.scale).is_integer()
    RescaleGainControl((form,))(model)
    after = Arithmetic(ir.to_proto(model)).run(FRAME[None])
    np.testing.assert_array_equal(after["health"], before["health"])


@pytest.fixture(scope="module")
def chosen(gained: Gain) -> Callable[..., GainControlForm]:
    def form(gain: float, **numbers: float) -> GainControlForm:
        model = gained(GainControl, gain, **numbers)
        (block,) = gain_controls(model)
        return gain_control_form(block, measure(model, [FRAME]).peaks)

    return form


def test_the_form_follows_what_calibration_saw(chosen: Callable[..., GainControlForm]) -> None:
    for gain, numbers, form, scale in (
        (1.0, {}, PLAIN, 1),
        (20.0, {}, PLAIN, 1),
        (1000.0, {}, RESCALED, 16),  # (4 · 1000)² is 61035 · 16²
        (1000.0, {"pooled": 2.0}, RESCALED, 32),  # the squares would fit, their sums would not
        (520.0, {}, RESCALED, 16),  # (3 · 520)², or half of (4 · 520)², would fit with 8
        (4.0, {"offset": 1e-5}, RESCALED, 0.25),  # 16 times b is a normal number
        (1000.0, {"offset": 1e-4}, FP32, 1),
        (6000.0, {"offset": 0.99}, FP32, 1),
        (100.0, {"offset": 1e-5}, FP32, 1),
    ):
        found = chosen(gain, **numbers)
        assert (found.form, found.scale) == (form, scale), (gain, numbers)
        assert ("no power of two brings both into FP16's normal numbers" in found.why) is (form == FP32)


def test_headroom_is_that_of_the_form(chosen: Callable[..., GainControlForm]) -> None:
    plain, rescaled = chosen(20.0), chosen(1000.0)
    assert 0 < plain.energy_headroom < 1 / 16  # the margin of 4, squared
    assert 1 / 128 < rescaled.energy_headroom < 1 / 16
    assert chosen(1000.0, offset=1e-4).energy_headroom > 1


def test_every_gain_control_of_a_network_is_found_and_nothing_else(graphs: TracedGraphs) -> None:
    class Lookalikes(Toy):
        """Roots and squares that are no gain control."""

        def __init__(self) -> None:
            super().__init__(stride=2)
            self.signed = nn.Conv2d(3, 3, 1)  # its weights may be negative
            self.wide = nn.Conv2d(3, 3, 3, padding=1)
            with torch.no_grad():
                self.wide.weight.abs_()
                self.wide.bias.fill_(1.0)  # type: ignore[union-attr]

        def forward(self, picture: Tensor) -> Tensor:
            signed = picture / torch.sqrt(self.signed(picture * picture) + 9)
            wide = picture / torch.sqrt(self.wide(picture * picture))
            return signed + wide * torch.sqrt(picture + 1)

    assert list(gain_controls(traced(Lookalikes()))) == []
    found = {block.path: block.apply.op_type for block in gain_controls(graphs.of(Both))}
    assert found == {"network.forward_one": "Div", "network.inverse_one": "Mul"}


class Both(Toy):
    def __init__(self) -> None:
        super().__init__(stride=2)
        self.forward_one, self.inverse_one = GainControl(CHANNELS), InverseGainControl(CHANNELS)

    def correction(self, picture: Tensor) -> Tensor:
        cells: Tensor = self.forward_one(nn.functional.pixel_unshuffle(picture, 2))
        return nn.functional.pixel_shuffle(self.inverse_one(cells), 2)


def test_a_form_for_a_block_that_is_not_there_is_a_mistake(graphs: TracedGraphs) -> None:
    form = GainControlForm("network.elsewhere", RESCALED, 4.0, 0.1, "")
    with pytest.raises(ir.passes.PreconditionError, match=r"no gain control is called network\.elsewhere"):
        RescaleGainControl((form,))(graphs.of(Both))


def test_what_others_read_too_is_not_rescaled() -> None:
    class Shared(Toy):
        """The square is a result of its own, and one module is called twice."""

        def __init__(self) -> None:
            super().__init__(stride=2)
            self.shared, self.twice = GainControl(CHANNELS), GainControl(CHANNELS)

        def correction(self, picture: Tensor) -> Tensor:
            cells: Tensor = nn.functional.pixel_unshuffle(picture, 2) * 1000
            square = cells * cells
            first = cells / torch.sqrt(nn.functional.conv2d(square, self.shared.weight()[:, :, None, None], self.shared.offset()))
            again = self.twice(self.twice(cells / 2) * 900)
            return nn.functional.pixel_shuffle(first + again + square * 1e-9, 2)

    model = traced(Shared())
    assert [block.path for block in gain_controls(model)] == ["network.twice", "network.twice_2"]
    ready = prepared(model, [FRAME])
    assert [form.form for form in ready.gain_controls] == [RESCALED, RESCALED]
    TypedFp16(ready.fp32)(ready.model)
