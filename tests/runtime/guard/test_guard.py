"""A result that cannot be right is an error or is run again in FP32, never handed out; all of it is counted."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from runtime.backends.protocol import BackendFacts
from runtime.errors import BackendError, UsageError
from runtime.guard.faults import ChangeLimits
from runtime.guard.guard import Guard, GuardOptions
from runtime.picture import Picture, PictureMemory, Tensors
from runtime.restorer import load
from runtime.timing import StageTimes
from tests.support.tiny import make_bundle


def scene() -> Picture:
    return np.asarray(np.broadcast_to(np.linspace(20, 200, 40)[None, :, None], (24, 40, 3)), np.uint8)


def given(*pictures: Picture) -> Tensors:
    """What a backend gives that gives these."""
    restored = np.stack(pictures)
    return {"restored": restored, "health": np.asarray(restored.mean((1, 2)) / 256, np.float32)}


class Exact:
    """A backend that gives `give(frame)`, and counts."""

    def __init__(self, give: Callable[[Picture], Picture] = np.copy) -> None:
        self.facts = BackendFacts("exact", "fp32", "made for this test")
        self.depth, self.memory, self.times, self.memory_factor = 1, PictureMemory(), StageTimes(), 1.0
        self.opened = self.ran = self.closed = 0
        self._give = give

    def open(self) -> Exact:
        self.opened += 1
        return self

    def run(self, frames: Picture, into: Tensors | None = None) -> Tensors:
        self.ran += 1
        came = given(*(self._give(frame) for frame in frames))
        for name, array in (into or {}).items():
            array[:] = came[name]
        return into or came

    def close(self) -> None:
        self.closed += 1


def guard(exact: Exact, mode: str = "repair", every: int = 1) -> Guard:
    return Guard(GuardOptions(mode, every), ChangeLimits(), "tiny", "ask somebody", exact.open)


def look(guard: Guard, *restored: Picture) -> Tensors:
    came = given(*restored)
    guard.look(guard.begin(len(restored)), np.stack([scene()] * len(restored)), came)
    return came


def nan_health(guard: Guard) -> Tensors:
    came = given(scene())
    came["health"][0, 1] = np.nan
    guard.look(guard.begin(1), scene()[None], came)
    return came


@pytest.mark.parametrize("mode", ["strict", "repair", "off"])
def test_what_is_right_is_left_alone(mode: str) -> None:
    watching = guard(exact := Exact(), mode)
    assert np.array_equal(look(watching, scene(), scene())["restored"], given(scene(), scene())["restored"])
    said = watching.statistics()
    assert (said["pictures"], said["seen"], said["repaired"], said["raised"], exact.opened) == (2, {}, 0, 0, 0)
    assert said["looked_at"] == (0 if mode == "off" else 2)
    assert watching.notes(Counter()) == ()


def test_strict_names_the_picture_and_what_was_seen() -> None:
    watching = guard(exact := Exact(), "strict")
    look(watching, scene(), scene(), scene())
    with pytest.raises(BackendError) as error:
        look(watching, scene(), scene() * 0)
    assert str(error.value) == (
        "tiny: what the network gave for picture 4 cannot be right: it is 100% black where its source is not; ask somebody"
    )
    assert exact.opened == 0
    assert watching.statistics()["seen"] == {"black": 1}


def test_off_looks_for_nan_alone() -> None:
    watching = guard(exact := Exact(), "off")
    look(watching, scene() * 0)
    with pytest.raises(BackendError, match=r"picture 1 cannot be right: it is NaN or Inf; ask somebody"):
        nan_health(watching)
    assert exact.opened == 0


def test_repair_puts_the_exact_answer_in_its_place() -> None:
    watching = guard(exact := Exact())
    came = look(watching, scene(), scene() * 0, np.full_like(scene(), 255), scene())
    assert np.array_equal(came["restored"], given(*[scene()] * 4)["restored"])
    assert came["health"] == pytest.approx(given(*[scene()] * 4)["health"])
    assert np.isfinite(nan_health(watching)["health"]).all()
    assert (exact.opened, exact.ran) == (1, 3)
    said = watching.statistics()
    assert (said["seen"], said["repaired"], said["raised"]) == ({"nan": 1, "black": 1, "white": 1}, 3, 0)
    (line,) = watching.notes(Counter(repaired=1))
    assert line == "2 pictures that came out wrong were run again in FP32; `clearway verify` checks the model"
    assert watching.notes(Counter(repaired=2))[0].startswith("1 picture that came out wrong was run again")
    assert watching.notes(watching.done()) == ()
    assert json.loads(json.dumps(said)) == said


def test_what_fp32_gives_too_is_the_networks_own_answer_and_told() -> None:
    watching = guard(exact := Exact(lambda frame: np.full_like(frame, 90)))
    assert (look(watching, scene() * 0)["restored"] == 90).all()
    said = watching.statistics()
    assert (said["repaired"], said["confirmed"], said["raised"], exact.ran) == (0, 1, 0, 1)
    assert watching.notes(Counter())[0].startswith("1 picture looks wrong (black, white, one colour or another tint), in FP32 too")


def test_where_fp32_is_what_ran_it_stands_unless_it_is_nan() -> None:
    watching = Guard(GuardOptions(), ChangeLimits(), "tiny", "ask somebody", None)
    assert not look(watching, scene() * 0)["restored"].any()
    with pytest.raises(BackendError, match="picture 1 cannot be right: it is NaN or Inf, in FP32 too; ask somebody"):
        nan_health(watching)
    said = watching.statistics()
    assert (said["confirmed"], said["raised"]) == (1, 1)


def test_fp32_that_cannot_be_had_is_said() -> None:
    def none() -> Exact:
        raise BackendError("no memory left")

    watching = Guard(GuardOptions(), ChangeLimits(), "tiny", "ask somebody", none)
    with pytest.raises(BackendError, match=r"its source is not; it cannot be run again in FP32 \(no memory left\); ask somebody"):
        look(watching, scene() * 0)
    assert watching.statistics()["raised"] == 1


def test_every_nth_is_looked_at_and_nan_is_found_in_all() -> None:
    watching = guard(exact := Exact(), every=3)
    wrong = scene() * 0
    came = look(watching, wrong, wrong, wrong, wrong, wrong)
    assert [bool(picture.any()) for picture in came["restored"]] == [True, False, False, True, False]
    nan_health(watching)  # number 5
    assert watching.statistics()["looked_at"] == 2
    assert exact.ran == 3


def test_many_threads_open_one_exact_backend_and_lose_no_count() -> None:
    watching = guard(exact := Exact())
    with ThreadPoolExecutor(4) as threads:
        for came in threads.map(lambda _: look(watching, scene() * 0), range(100)):
            assert came["restored"].any()
    assert exact.opened == 1
    assert watching.statistics()["repaired"] == 100


def test_closing() -> None:
    watching = guard(exact := Exact())
    look(watching, scene() * 0)
    watching.close()
    assert exact.closed == 1
    with pytest.raises(BackendError, match="was closed"):
        look(watching, scene() * 0)
    guard(never := Exact()).close()
    assert never.opened == never.closed == 0


@pytest.mark.parametrize(("mode", "every", "said"), [("repiar", 1, "one of repair, strict, off; 'repiar' came"), ("strict", 0, "0 came")])
def test_wrong_options_are_said_before_anything_is_opened(mode: str, every: int, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        load("no-such-model", guard=mode, guard_every=every)


def test_a_model_that_bf16_ruins_is_repaired(tmp_path: Path) -> None:
    folder = make_bundle(tmp_path / "coarse", "coarse")
    with load(folder, "openvino", guard="off") as unguarded:
        if unguarded.facts.precision == "fp32":
            pytest.skip("this CPU computes no bf16")
        assert not unguarded(scene()).image.any()
    with load(folder, "openvino", guard="strict") as strict, pytest.raises(BackendError, match="picture 0 cannot be right"):
        strict(scene())
    with load(folder, "openvino") as repairing:
        mine = np.zeros(scene().shape, np.uint8)
        assert np.array_equal(repairing(scene(), into=mine).image, scene())
        assert np.array_equal(mine, scene())
        assert [np.array_equal(restored.image, scene()) for restored in repairing.batch([scene()] * 2)] == [True, True]
        said = repairing.statistics()
        assert said["guard"]["repaired"] == 3
        assert said["guard"]["repaired_by"].startswith("openvino fp32")
        assert said["backend"]["precision"] == "bf16"
        assert said["stages"]["guard"]["count"] == 2


def test_the_reference_has_nothing_better_to_ask(tmp_path: Path) -> None:
    with (
        load(make_bundle(tmp_path / "nan", "nan"), "onnxruntime") as restorer,
        pytest.raises(BackendError, match="NaN or Inf, in FP32 too; check the model"),
    ):
        restorer(scene())


@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
def test_a_network_that_gives_nan_in_fp32_too(tmp_path: Path, name: str) -> None:
    with load(make_bundle(tmp_path / "nan", "nan"), name, exact=True) as restorer, pytest.raises(BackendError, match="NaN or Inf") as error:
        restorer(scene())
    assert "in FP32 too" in str(error.value)
