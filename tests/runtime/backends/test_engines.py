"""What every engine owes its caller, asked of each in turn."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from runtime.backends.choose import open_backend
from runtime.backends.protocol import Backend
from runtime.errors import BackendError
from runtime.model.bundle import Bundle, open_bundle
from runtime.picture import Picture
from tests.support.engines import ENGINES
from tests.support.runtime.simulated_tensorrt import engine_for, simulated_machine
from tests.support.tiny import make_bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return open_bundle(make_bundle(tmp_path_factory.mktemp("bundles") / "tiny", "brighten"))


_SIMULATED = ("tensorrt", "tensorrt-rtx")


@pytest.fixture(params=[*ENGINES, *_SIMULATED])
def backend(request: pytest.FixtureRequest, bundle: Bundle, tmp_path: Path) -> Iterator[Backend]:
    """What needs a GPU runs on a simulated one, if it can."""
    with simulated_machine(tmp_path) if request.param in _SIMULATED else nullcontext():
        if request.param in _SIMULATED:
            engine_for(bundle, request.param)
        opened = open_backend(bundle, request.param).backend
        yield opened
        opened.close()


def frames(*shape: int, seed: int = 0) -> Picture:
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), np.uint8)


def brighter(picture: Picture) -> Picture:
    return np.asarray(np.minimum(picture.astype(int) + 10, 255), np.uint8)


@pytest.mark.parametrize("shape", [(1, 16, 16), (1, 17, 33), (3, 40, 21), (1, 16, 100)])
def test_any_number_and_size(backend: Backend, shape: tuple[int, int, int]) -> None:
    batch = frames(*shape)
    came = backend.run(batch)
    assert came.keys() == {"restored", "health"}
    assert np.array_equal(came["restored"], brighter(batch))
    assert [str(came[name].dtype) for name in ("restored", "health")] == ["uint8", "float32"]
    assert came["health"].shape == (shape[0], 3)
    assert came["health"] == pytest.approx((batch.mean((1, 2)) + 10) / 255, rel=0.02)  # bf16 has eight bits


def test_the_arrays_belong_to_the_caller(backend: Backend) -> None:
    first = backend.run(frames(1, 32, 32))
    kept = {name: array.copy() for name, array in first.items()}
    backend.run(frames(1, 32, 32, seed=1))
    backend.close()
    assert all(np.array_equal(first[name], kept[name]) for name in kept)
    assert all(array.flags.writeable for array in first.values())


def test_the_input_is_never_written_to(backend: Backend) -> None:
    one, other = frames(1, 32, 32), frames(1, 32, 32, seed=1)
    before = one.copy()
    other.flags.writeable = False
    for batch in (one, other, frames(1, 32, 64, seed=2)[:, :, ::2], other, one):
        assert np.array_equal(backend.run(batch)["restored"], brighter(batch))
    assert np.array_equal(one, before)


def test_the_input_may_change_after_the_run(backend: Backend) -> None:
    batch = frames(1, 32, 32)
    came = backend.run(batch)["restored"]
    expected = brighter(batch)
    batch[:] = 0
    assert np.array_equal(came, expected)


def test_several_threads(backend: Backend) -> None:
    """Of two sizes, so that they also take turns at whatever is kept for a size."""
    wrong: list[int] = []

    def work(seed: int) -> None:
        batch = frames(1, 32, 32 + seed % 2, seed=seed)
        wrong.extend(seed for _ in range(10) if not np.array_equal(backend.run(batch)["restored"], brighter(batch)))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_closing(backend: Backend) -> None:
    backend.close()
    backend.close()
    with pytest.raises(BackendError, match="was closed"):
        backend.run(frames(1, 16, 16))


def test_frames_of_another_layout_are_an_error(backend: Backend) -> None:
    for wrong in (np.zeros((1, 3, 16, 16), np.uint8), np.zeros((16, 16, 3), np.uint8)):
        with pytest.raises(BackendError) as error:
            backend.run(wrong)
        assert "\n" not in str(error.value)
    assert backend.run(frames(1, 16, 16))["restored"].shape == (1, 16, 16, 3)


@pytest.mark.parametrize("name", ENGINES)
def test_health_shows_what_bytes_cannot(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    bundle = open_bundle(make_bundle(tmp_path_factory.mktemp("bundles") / "nan", "nan"))
    assert np.isnan(open_backend(bundle, name).backend.run(frames(1, 16, 16))["health"]).all()
