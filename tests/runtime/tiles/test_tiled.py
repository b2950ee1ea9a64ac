"""Tiles give the picture that the whole gives; what does not fit into memory is cut or refused before it takes any."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from runtime.backends.onnxruntime import OnnxRuntimeBackend
from runtime.errors import BackendError, PictureError, UsageError
from runtime.model.bundle import MANIFEST, open_bundle
from runtime.picture import Picture, Tensors
from runtime.restorer import Restorer, load
from tests.support.engines import CPU
from tests.support.runtime.networks import Stack, network_bundle
from tests.support.tiny import make_bundle
from training.networks import PRESETS

MB = 1_000_000


def noise(height: int, width: int) -> Picture:
    return np.random.default_rng(3).integers(0, 256, (height, width, 3), np.uint8)


class Machine:
    """Says how much memory is free, and what the engine is given."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.free: int | None = 64 * MB
        self.ran: list[tuple[int, ...]] = []
        self._patch = monkeypatch
        monkeypatch.setattr("runtime.tiles.tiled.free_memory", lambda: self.free)

    def load(self, folder: Path, **asked: Any) -> Restorer:
        restorer = load(folder, "onnxruntime", **asked)
        backend = restorer.choice.backend
        run = backend.run

        def recorded(frames: Picture, into: Tensors | None = None) -> Tensors:
            self.ran.append(frames.shape[:3])
            return run(frames, into)

        self._patch.setattr(backend, "run", recorded)
        return restorer


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


def with_facts(folder: Path, **changed: object) -> Path:
    """The bundle again, its manifest saying something else of the graph."""
    manifest = open_bundle(folder).manifest
    graph = dataclasses.replace(manifest.graph, **changed)  # type: ignore[arg-type]
    (folder / MANIFEST).write_text(dataclasses.replace(manifest, graph=graph).to_json())
    return folder


def apart(folder: Path, engine: str, picture: Picture, tile: int) -> int:
    """The largest difference between tiles and the whole, in levels, of all pictures that come."""
    asked = {"exact": True, "interference": True, "guard": "off"}  # what these networks do is no restoring
    with load(folder, engine, tile=None, **asked) as whole, load(folder, engine, tile=tile, **asked) as tiled:  # type: ignore[arg-type]
        expected, came = whole(picture), tiled(picture)
    assert came.image.std() > 5, "something to compare"
    assert came.interference is not None
    assert expected.interference is not None
    pairs = ((came.image, expected.image), (came.interference, expected.interference))
    return max(int(np.abs(one.astype(int) - other).max()) for one, other in pairs)


@pytest.mark.parametrize("engine", CPU)
@pytest.mark.parametrize(("stride", "layers", "scale"), [(1, 3, 1), (4, 2, 1), (8, 1, 2)])
def test_tiles_are_the_whole_picture(tmp_path: Path, engine: str, stride: int, layers: int, scale: int) -> None:
    folder = network_bundle(tmp_path / "stack", Stack(stride, layers, scale))
    for height, width, tile in ((131, 97, 50), (96, 64, 48), (61, 200, 64)):
        assert apart(folder, engine, noise(height, width), tile) <= 1


@pytest.mark.parametrize("engine", CPU)
@pytest.mark.parametrize(
    ("stride", "layers", "wrong"),
    [
        (1, 3, {"receptive_field": 5}),  # one pixel of context too few
        (4, 2, {"receptive_field": 8}),  # one cell too few
        (4, 2, {"stride": 2}),  # origins where the network does not cut
    ],
)
def test_a_little_less_overlap_or_another_origin_is_seen(
    tmp_path: Path, engine: str, stride: int, layers: int, wrong: dict[str, int]
) -> None:
    folder = with_facts(network_bundle(tmp_path / "stack", Stack(stride, layers)), **wrong)
    assert apart(folder, engine, noise(131, 97), 50) > 1


def test_health_is_that_of_what_is_owned(tmp_path: Path) -> None:
    """The guard compares its colours with the source's: a red stripe that several tiles see must count once."""
    network = Stack(4, 2)
    with torch.no_grad():  # nothing is clamped
        network.mix.weight.copy_(0.4 * torch.eye(48)[:, :, None, None])
    folder, picture = network_bundle(tmp_path / "stack", network), noise(131, 97) // 4
    picture[36:52, :, 2] = 255
    with load(folder, exact=True, guard="off", tile=None) as whole, load(folder, exact=True, guard="off", tile=50) as tiled:
        assert tiled(picture).health == pytest.approx(whole(picture).health, abs=0.001)


@pytest.fixture(scope="module")
def windows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """plnlin-edge: attention in windows, two depths, stride 64, a field of 1040 pixels."""
    torch.manual_seed(0)
    network = PRESETS["plnlin-edge"].build().eval()
    with torch.no_grad():  # it starts as the identity
        for parameter in network.parameters():
            parameter.add_(torch.randn(parameter.shape) * 0.05)
    return network_bundle(tmp_path_factory.mktemp("bundles") / "plnlin", network)


def _windows_apart(folder: Path, engine: str) -> int:
    picture = noise(1300, 70)
    asked = {"exact": True, "guard": "off"}
    with load(folder, engine, tile=None, **asked) as whole, load(folder, engine, tile=1279, **asked) as tiled:  # type: ignore[arg-type]
        expected, came = whole(picture).image, tiled(picture).image
    assert np.abs(expected.astype(int) - picture).mean() > 5, "the weights do something"
    return int(np.abs(came.astype(int) - expected).max())


@pytest.mark.parametrize("engine", CPU)
def test_windows_of_attention(windows: Path, engine: str) -> None:
    assert _windows_apart(windows, engine) <= 1


@pytest.mark.parametrize("wrong", [{"stride": 32}, {"receptive_field": 1}])
def test_windows_that_are_cut_elsewhere_or_see_too_little_are_seen(windows: Path, wrong: dict[str, int]) -> None:
    facts = windows / MANIFEST
    right = facts.read_text()
    try:
        assert _windows_apart(with_facts(windows, **wrong), "openvino") > 1
    finally:
        facts.write_text(right)


# A tiny bundle holds 40 bytes a pixel, ONNX Runtime 5.2 times as many: 211 with the result's own, of 0.8 of the free memory.
SIDE = 400
ENOUGH = int(SIDE**2 * 211.1 / 0.8)


def test_a_picture_that_fits_is_taken_whole(tmp_path: Path, machine: Machine) -> None:
    machine.free = ENOUGH
    with machine.load(make_bundle(tmp_path / "tiny", "brighten")) as restorer:
        assert np.array_equal(restorer(noise(SIDE, SIDE) // 2).image, noise(SIDE, SIDE) // 2 + 10)
    assert machine.ran == [(1, SIDE, SIDE)]


@pytest.mark.parametrize("kind", ["brighten", "separate", "enlarge"])
def test_one_that_does_not_is_cut_into_what_does(tmp_path: Path, machine: Machine, kind: str) -> None:
    machine.free = ENOUGH * 3 // 4
    folder, picture = make_bundle(tmp_path / "tiny", kind), noise(SIDE, SIDE)
    asked = {"interference": True} if kind == "separate" else {}
    with machine.load(folder, **asked) as tiled, load(folder, "onnxruntime", tile=None, **asked) as whole:  # type: ignore[arg-type]
        came = tiled(picture)
        machine.free = None
        expected = whole(picture)
    assert np.array_equal(came.image, expected.image)
    assert kind != "separate" or np.array_equal(came.interference, expected.interference)  # type: ignore[arg-type]
    assert came.health == pytest.approx(expected.health, rel=1e-4), "without any context it is the whole picture's"
    assert len(machine.ran) == 4
    assert len(set(machine.ran)) == 1, "one size is compiled"
    assert np.prod(machine.ran[0]) * 211 < ENOUGH * 0.8 * 3 / 4


def test_a_narrow_picture_has_long_tiles(tmp_path: Path, machine: Machine) -> None:
    machine.free = ENOUGH
    with machine.load(make_bundle(tmp_path / "tiny")) as restorer:
        assert np.array_equal(restorer(noise(40, 5000)).image, noise(40, 5000))
    assert machine.ran == [(1, 40, 2500)] * 2


def test_a_batch_is_cut_for_all_of_its_pictures(tmp_path: Path, machine: Machine) -> None:
    machine.free = ENOUGH
    with machine.load(make_bundle(tmp_path / "tiny", "brighten")) as restorer:
        pictures = [noise(SIDE, SIDE) // number for number in (2, 3)]
        for source, restored in zip(pictures, restorer.batch(pictures), strict=True):
            assert np.array_equal(restored.image, source + 10)
            assert restored.health == pytest.approx((source + 10.0).mean((0, 1)) / 256, rel=1e-4)
    assert machine.ran == [(2, 200, 200)] * 4


def test_each_picture_under_way_has_memory_of_its_own_for_throughput(tmp_path: Path, machine: Machine) -> None:
    machine.free = ENOUGH
    with machine.load(make_bundle(tmp_path / "tiny"), mode="throughput", threads=4) as restorer:
        restorer(noise(SIDE, SIDE))
    assert np.prod(machine.ran[0]) * 4 < SIDE**2


def test_tiles_write_to_an_array_of_the_callers(tmp_path: Path, machine: Machine) -> None:
    with machine.load(make_bundle(tmp_path / "tiny", "brighten"), tile=40) as restorer:
        mine = np.zeros((70, 90, 3), np.uint8)
        assert restorer(noise(70, 90) // 2, into=mine).image.ctypes.data == mine.ctypes.data
        assert np.array_equal(mine, noise(70, 90) // 2 + 10)
        assert machine.ran == [(1, 35, 30)] * 6
        assert np.array_equal(restorer(noise(40, 30)).image, noise(40, 30).clip(0, 245) + 10)
        assert machine.ran[-1] == (1, 40, 30), "within one tile nothing is cut"


def test_nan_in_any_tile_shows(tmp_path: Path, machine: Machine) -> None:
    with machine.load(make_bundle(tmp_path / "nan", "nan"), tile=40) as restorer, pytest.raises(BackendError, match="NaN or Inf"):
        restorer(noise(70, 90))


def test_what_is_run_again_in_fp32_is_cut_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[tuple[int, ...]] = []
    unseen = OnnxRuntimeBackend.run

    def seen(self: OnnxRuntimeBackend, frames: Picture, into: Tensors | None = None) -> Tensors:
        sizes.append(frames.shape)
        return unseen(self, frames, into)

    monkeypatch.setattr(OnnxRuntimeBackend, "run", seen)
    folder = make_bundle(tmp_path / "nan", "nan")
    with load(folder, "openvino", exact=True, tile=40) as restorer:
        with pytest.raises(BackendError, match="it is NaN or Inf, in FP32 too"):
            restorer(noise(70, 90))
        assert sizes == [(1, 35, 30, 3)] * 6
    free = iter([1000 * MB, 0])  # for the engine, and beside it
    monkeypatch.setattr("runtime.tiles.tiled.free_memory", lambda: next(free))
    with load(folder, "openvino", exact=True) as restorer, pytest.raises(BackendError, match=r"in FP32 \(90×70: tiny would take about"):
        restorer(noise(70, 90))


@pytest.mark.parametrize(
    ("tile", "facts", "free", "says"),
    [
        ("auto", {"sees_whole_picture": True, "receptive_field": None}, 20_000, "tiles cannot help, since an operation sees the whole"),
        ("auto", {"receptive_field": 9001}, 20_000, "nor does its least tile fit, which is 9001 pixels across with its context: use a"),
        ("auto", {}, 1_000, "nor does its least tile fit, which is 16 pixels across"),
        (None, {}, 20_000, "take it in tiles, with tile='auto' or --tile auto"),
        (16384, {}, 20_000, "take smaller tiles or a smaller picture"),
    ],
)
def test_what_does_not_fit_is_refused_before_it_takes_anything(
    tmp_path: Path, machine: Machine, tile: Any, facts: dict[str, Any], free: int, says: str
) -> None:
    machine.free = free * MB
    huge = np.broadcast_to(np.uint8(7), (16384, 16384, 3))  # of one byte
    with machine.load(with_facts(make_bundle(tmp_path / "tiny"), **facts), tile=tile) as restorer:
        restorer.choice.backend.memory.array = lambda shape: pytest.fail("nothing is allocated")  # type: ignore[method-assign]
        for ask in (lambda: restorer(huge), lambda: restorer.batch([huge])):
            with pytest.raises(PictureError) as error:
                ask()
            assert str(error.value).startswith("16384×16384: tiny would take about 56.6 GB on onnxruntime, of ")
            assert f"of {free / 1000:.1f} GB that are free {free / 1250:.1f} may be taken; {says}" in str(error.value)
            assert "\n" not in str(error.value)
    assert machine.ran == []


def test_a_batch_that_does_not_fit_says_how_many(tmp_path: Path, machine: Machine) -> None:
    machine.free = 1000
    said = r"^20×16, 3 in a batch: tiny would .*: use a smaller batch$"
    with machine.load(make_bundle(tmp_path / "tiny")) as restorer, pytest.raises(PictureError, match=said):
        restorer.batch([noise(16, 20)] * 3)


def test_a_size_that_ran_is_not_asked_again(tmp_path: Path, machine: Machine) -> None:
    """What is free is less then, by what its own engine holds."""
    with machine.load(make_bundle(tmp_path / "tiny")) as restorer:
        restorer(noise(SIDE, SIDE))
        machine.free = 0
        assert np.array_equal(restorer(noise(SIDE, SIDE)).image, noise(SIDE, SIDE))
        with pytest.raises(PictureError, match="what it holds for sizes that it ran comes back when the model is loaded again"):
            restorer(noise(SIDE, SIDE + 1))


def test_where_the_system_does_not_say_all_is_taken_whole(tmp_path: Path, machine: Machine) -> None:
    machine.free = None
    with machine.load(make_bundle(tmp_path / "tiny")) as restorer:
        restorer(noise(SIDE, SIDE))
    assert machine.ran == [(1, SIDE, SIDE)]


@pytest.mark.parametrize(
    ("tile", "facts", "says"),
    [
        (64, {"sees_whole_picture": True, "receptive_field": None}, "an operation of this model sees the whole picture, so"),
        (15, {}, "expected tiles of at least 16 pixels, with 0 pixels of context on every side, got 15"),
        ("none", {}, "expected the side of a tile in pixels, 'auto' or None, got 'none'"),
    ],
)
def test_a_side_that_cannot_be_had_is_said_when_the_model_is_loaded(tmp_path: Path, tile: Any, facts: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        load(with_facts(make_bundle(tmp_path / "tiny"), **facts), tile=tile)
