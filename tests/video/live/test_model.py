"""A model that can be changed while it runs: always between two frames, never for one that does not work, and none is left open."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import cast

import numpy as np
import pytest

from runtime.errors import BackendError, BundleError, UsageError
from runtime.restorer import Restorer
from tests.support.video.live import FakeRestorer, soon
from tests.support.video.servers import ENDS_WITHIN
from video.live.model import LiveModel

PICTURE = np.full((24, 32, 3), 100, np.uint8)


class Shelf:
    """Opens the models that it was given; one that is an error is raised."""

    def __init__(self, **models: FakeRestorer | Exception) -> None:
        self.models = models

    def model(self, strength: float = 1.0, loading_s: float = ENDS_WITHIN) -> LiveModel:
        return LiveModel(cast("Callable[[str], Restorer]", self._open), list(self.models), strength, loading_s=loading_s)

    def _open(self, name: str) -> FakeRestorer:
        found = self.models[name]
        if isinstance(found, Exception):
            raise found
        return found


def loaded(model: LiveModel) -> None:
    soon(lambda: model.state.loading is None, "the model is loaded")


def level(model: LiveModel) -> int:
    return int(model(PICTURE).image[0, 0, 0])


def test_it_switches_between_two_frames_and_closes_the_old_one() -> None:
    a, b = FakeRestorer("a", 10), FakeRestorer("b", 20)
    with Shelf(a=a, b=b).model() as model:
        assert level(model) == 110
        model.switch("b")
        loaded(model)
        assert (level(model), model.state.model, model.processed_by) == (120, "b", "Restored by Clearway: model b, version 1, strength 1")
        assert (a.closed, b.closed) == (1, 0)
    assert (a.closed, b.closed) == (1, 1)


def test_the_old_one_runs_until_the_new_one_is_ready() -> None:
    ready = threading.Event()
    with Shelf(a=FakeRestorer("a", 10), b=FakeRestorer("b", 20, waits=ready)).model() as model:
        level(model)
        model.switch("b")
        assert [level(model) for _ in range(5)] == [110] * 5
        assert (model.state.model, model.state.loading) == ("a", "b")
        with pytest.raises(UsageError, match="expected one change at a time, b is still loading"):
            model.switch("a")
        ready.set()
        loaded(model)
        assert level(model) == 120


@pytest.mark.parametrize("error", [BundleError("b: it was changed"), ZeroDivisionError("ours")])
def test_one_that_does_not_load_leaves_the_old_one_running(error: Exception) -> None:
    a = FakeRestorer("a", 10)
    with Shelf(a=a, b=error).model() as model:
        model.switch("b")
        loaded(model)
        assert (model.state.model, model.state.trouble) == ("a", f"b: {error}")
        assert (level(model), a.closed) == (110, 0)


def test_one_that_does_not_take_the_pictures_is_closed_again() -> None:
    broken = FakeRestorer("b", 0, error=BackendError("too large a picture"))
    with Shelf(a=FakeRestorer("a", 10), b=broken, c=FakeRestorer("c", 30)).model() as model:
        level(model)
        model.switch("b")
        loaded(model)
        assert (level(model), broken.closed, model.state.trouble) == (110, 1, "b: too large a picture")
        model.switch("c")
        loaded(model)
        assert (level(model), model.state.trouble) == (130, None)


def test_a_frame_that_is_worked_on_ends_with_the_model_that_began_it() -> None:
    goes_on, came = threading.Event(), list[int]()
    old = FakeRestorer("a", 10, waits=goes_on)
    with Shelf(a=old, b=FakeRestorer("b", 20)).model() as model:
        frame = threading.Thread(target=lambda: came.append(level(model)))
        frame.start()
        model.switch("b")
        assert old.closed == 0
        goes_on.set()
        frame.join(ENDS_WITHIN)
        loaded(model)
        assert came == [110]
        assert level(model) == 120


def test_what_is_loaded_too_late_is_closed() -> None:
    ready = threading.Event()
    late = FakeRestorer("b", 20, waits=ready)
    with Shelf(a=FakeRestorer("a", 10), b=late).model(loading_s=0.1) as model:
        level(model)
        model.switch("b")
    ready.set()
    soon(lambda: late.closed == 1, "the late one is closed")


def test_only_what_was_offered() -> None:
    with Shelf(a=FakeRestorer("a", 10)).model() as model:
        with pytest.raises(UsageError, match=r"^model: expected one of a, got '/etc'; name it with --model$"):
            model.switch("/etc")
        model.switch("a")
        assert model.state.loading is None, "it runs already"


def test_strength() -> None:
    with Shelf(a=FakeRestorer("a", 10)).model(0.5) as model:
        assert level(model) == 105
        model.set_strength(0)
        assert (level(model), model.processed_by[-10:]) == (100, "strength 0")
        for wrong in (-0.1, 1.01, float("nan")):
            with pytest.raises(UsageError, match=r"^strength: "):
                model.set_strength(wrong)
        model.set_strength(1)
        restored = model.restorer(PICTURE)
        model.restorer = cast("Restorer", lambda picture: restored)
        assert model(PICTURE) is restored, "at 1 nothing is done"
        model.restorer = cast("Restorer", FakeRestorer("a", 10))
