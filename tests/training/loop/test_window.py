"""The losses between two reports: means over those steps that have a loss, and the first that is not finite, by name."""

from __future__ import annotations

import torch

from training.loop.devices import Device, set_up_devices
from training.loop.window import LossWindow, NonFiniteLoss


def _window(precision: str = "32-true") -> LossWindow:
    return LossWindow(set_up_devices(Device(precision)))


def _add(window: LossWindow, step: int, **losses: float) -> None:
    window.add(step, {name: torch.tensor(value) for name, value in losses.items()})


def test_a_loss_that_only_some_steps_have_is_averaged_over_those() -> None:
    window = _window()
    _add(window, 0, l1=1.0)
    _add(window, 1, l1=3.0, judge=10.0)
    assert window.first_broken() is None
    _add(window, 2, l1=5.0)
    assert window.take() == {"l1": 3.0, "judge": 10.0}
    assert window.take() == {}


def test_the_first_loss_that_is_not_finite_is_told_by_step_and_name() -> None:
    window = _window()
    _add(window, 6, l1=1.0, judge=2.0)
    _add(window, 7, l1=1.0, judge=float("inf"))
    _add(window, 8, l1=float("nan"), judge=1.0)
    assert window.first_broken() == NonFiniteLoss(step=7, process=0, name="judge", value=float("inf"))


def test_a_gradient_that_overflows_is_fp16s_daily_bread_and_any_other_precisions_end() -> None:
    for precision, broken in (("16-mixed", None), ("bf16-mixed", NonFiniteLoss(0, 0, "gradient", float("inf")))):
        window = _window(precision)
        _add(window, 0, l1=1.0, gradient=float("inf"))
        _add(window, 1, l1=1.0, gradient=0.5)
        assert window.first_broken() == broken
        assert window.take() == {"l1": 1.0, "gradient": 0.5}, "a step that is left out has no gradient to average"
