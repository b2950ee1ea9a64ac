"""TensorRT on a simulated GPU: the same bytes as everywhere, nothing leaks wherever a frame raises, and engines are chosen as promised."""

from __future__ import annotations

import gc
import itertools
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from runtime.backends.choose import open_backend
from runtime.backends.protocol import EngineOptions
from runtime.backends.tensorrt.backend import TensorRtBackend
from runtime.backends.tensorrt.context import EngineShape, ShapedContext
from runtime.backends.tensorrt.lane import Lane, Scratch
from runtime.cuda.device import open_device
from runtime.engines.cache import EngineCache
from runtime.engines.record import EngineKey, EngineRecord, Profile, Size
from runtime.errors import BackendError, DeviceLost, MissingExtra
from runtime.model.bundle import Bundle, open_bundle
from runtime.picture import Picture, Tensors
from runtime.restorer import load
from tests.support.runtime.simulated_gpu import Fault, SimulatedError, SimulatedGpu
from tests.support.runtime.simulated_tensorrt import BYTES_A_PIXEL, engine_for, simulated_machine
from tests.support.runtime.stored_engines import GPU, PARITY, static
from tests.support.tiny import make_bundle

_PATIENCE = 10  # seconds until a test that hangs fails
THROUGHPUT = EngineOptions(mode="throughput")
ZERO = {"device": 0, "pinned": 0, "stream": 0, "event": 0, "graph": 0, "executable": 0}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return open_bundle(make_bundle(tmp_path_factory.mktemp("bundles") / "tiny", "brighten"))


@pytest.fixture
def gpu(tmp_path: Path) -> Iterator[SimulatedGpu]:
    with simulated_machine(tmp_path / "cache") as opened:
        yield opened


def frames(*shape: int, seed: int = 0) -> Picture:
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), np.uint8)


def brighter(picture: Picture) -> Picture:
    return np.asarray(np.minimum(picture.astype(int) + 10, 255), np.uint8)


def held(gpu: SimulatedGpu) -> dict[str, int]:
    """After pinned memory that nobody holds was freed, as it is when the GPU is next used."""
    with open_device().current():
        pass
    return ZERO | dict(gpu.live)


@pytest.mark.parametrize("target", ["tensorrt", "tensorrt-rtx"])
def test_pictures_of_any_size_come_out_as_they_should(bundle: Bundle, gpu: SimulatedGpu, target: str) -> None:
    engine_for(bundle, target)
    backend = open_backend(bundle, target).backend
    for shape in [(1, 16, 16), (1, 33, 47), (3, 40, 21), (1, 33, 47), (1, 100, 20), (1, 33, 47), (1, 64, 64), (1, 16, 16), (1, 17, 17)]:
        batch = frames(*shape, seed=shape[1])
        came = backend.run(batch)
        assert np.array_equal(came["restored"], brighter(batch))
        assert came["health"] == pytest.approx((batch.mean((1, 2)) + 10) / 256, rel=1e-5)
    backend.close()
    del came
    assert held(gpu) == ZERO
    assert gpu.leaked == []


def test_pinned_arrays_are_read_and_written_by_the_gpu_itself(bundle: Bundle, gpu: SimulatedGpu) -> None:
    engine_for(bundle)
    backend = open_backend(bundle, "tensorrt").backend
    batch = backend.memory.array((1, 32, 32, 3))
    batch[:] = frames(1, 32, 32)
    pinned = gpu.live["pinned"]
    into: Tensors = {"restored": backend.memory.array((1, 32, 32, 3))}
    assert backend.run(batch, into)["restored"] is into["restored"]
    assert np.array_equal(into["restored"], brighter(batch))
    assert gpu.live["pinned"] == pinned + 1, "no staging, and health was not wanted"
    backend.close()


def test_no_memory_is_asked_for_in_steady_state(bundle: Bundle, gpu: SimulatedGpu, monkeypatch: pytest.MonkeyPatch) -> None:
    engine_for(bundle)
    backend = open_backend(bundle, "tensorrt").backend
    for size in (32, 48, 32, 48):
        backend.run(frames(1, size, size))
    asked: list[int] = []
    monkeypatch.setattr(open_device(), "allocate", asked.append)
    monkeypatch.setattr(open_device(), "allocate_pinned", asked.append)
    for size in (32, 48) * 5:
        assert backend.run(frames(1, size, size))["restored"].shape == (1, size, size, 3)
    assert asked == []
    monkeypatch.undo()
    backend.close()


def test_the_third_run_of_a_shape_launches_the_graph_that_the_second_captured(bundle: Bundle, gpu: SimulatedGpu) -> None:
    engine_for(bundle)
    backend = open_backend(bundle, "tensorrt").backend
    for executables in (0, 1, 1):
        backend.run(frames(1, 32, 32))
        assert gpu.live["executable"] == executables
    assert gpu.computed.count("launched") == 2
    for size in (40, 48, 56, 64):  # the last few shapes keep theirs
        for _ in range(2):
            backend.run(frames(1, size, size))
    assert gpu.live["executable"] <= 4
    assert np.array_equal(backend.run(frames(1, 32, 32))["restored"], brighter(frames(1, 32, 32)))
    backend.close()
    assert gpu.live["executable"] == gpu.live["graph"] == 0


def test_a_graph_is_captured_again_when_memory_has_moved(bundle: Bundle, gpu: SimulatedGpu) -> None:
    engine_for(bundle)
    backend = open_backend(bundle, "tensorrt").backend
    for size in (32, 32, 200, 200, 32, 32, 32):
        batch = frames(1, size, size, seed=len(gpu.computed))
        assert np.array_equal(backend.run(batch)["restored"], brighter(batch))
    backend.close()


def test_memory_of_layers_is_shared_for_latency_and_not_for_throughput(bundle: Bundle, gpu: SimulatedGpu) -> None:
    engine_for(bundle)
    need = 200 * 200 * BYTES_A_PIXEL
    taken = {}
    for mode in ("latency", "throughput"):
        backend = open_backend(bundle, "tensorrt", EngineOptions(mode=mode)).backend
        before = gpu.free
        _side_by_side(backend.run, backend.depth, 200)
        taken[mode] = (before - gpu.free) // need
        backend.close()
    assert taken == {"latency": 1, "throughput": 3}


def _side_by_side(run: Callable[[Picture], object], count: int, size: int) -> None:
    """So many runs that all hold a lane at once."""
    inside = threading.Barrier(count)
    lanes: list[object] = []

    original = Lane.run

    def held_up(self: Lane, *arguments: Any) -> object:
        inside.wait(10)
        lanes.append(self)
        return original(self, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Lane, "run", held_up)
        threads = [threading.Thread(target=run, args=(frames(1, size, size),)) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(set(map(id, lanes))) == count


@pytest.fixture
def lanes(bundle: Bundle, gpu: SimulatedGpu) -> Iterator[tuple[Callable[[int], EngineShape], Lane, Lane]]:
    """Two that share memory, with the place of a square picture of a side; inside, the GPU is the thread's."""
    engine_for(bundle)
    backend, device = open_backend(bundle, "tensorrt").backend, open_device()
    assert isinstance(backend, TensorRtBackend)
    opened = backend
    with device.current():
        scratch = Scratch(device)
        one, other = (Lane(device, scratch, None, ("restored", "health"), 1) for _ in range(2))
        yield lambda side: opened._place(Size(1, side, side)), one, other
        one.close()
        other.close()
        scratch.close()
    backend.close()
    assert held(gpu) == ZERO


def _started(lane: Lane, place: EngineShape, level: int) -> None:
    """A picture of that level goes up and is computed when the GPU comes to it; nobody waits yet."""
    context = lane._shaped(place)
    source = lane._pinned_source(np.full((*place.size, 3), level, np.uint8), lane._grown(place)["frame"])
    lane._stream.upload(source, lane._buffers["frame"].address)
    lane._compute(context)


def test_lanes_that_share_memory_compute_in_the_order_in_which_they_were_asked(
    lanes: tuple[Callable[[int], EngineShape], Lane, Lane], gpu: SimulatedGpu
) -> None:
    """The second one is waited for first, and the GPU still computes the first one before it."""
    place, one, other = lanes
    _started(one, place(32), 7)
    _started(other, place(32), 8)
    other._stream.settle()
    assert gpu.computed == [7, 8]


def test_shared_memory_moves_when_nobody_computes_in_it_and_all_are_told(
    lanes: tuple[Callable[[int], EngineShape], Lane, Lane], gpu: SimulatedGpu
) -> None:
    place, one, other = lanes
    _started(one, place(32), 7)
    _started(other, place(200), 8)  # more than there is: the first has to be done before it is let go
    assert gpu.computed == [7]
    _started(one, place(32), 9)  # in the new memory, though nothing of its own has moved
    one._stream.settle()
    other._stream.settle()
    assert gpu.computed == [7, 8, 9]


def test_shared_memory_is_let_go_when_what_was_begun_has_ended(
    lanes: tuple[Callable[[int], EngineShape], Lane, Lane], gpu: SimulatedGpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first lane's picture is on the GPU when TensorRT says that it failed: the second one's must not be computed beside it."""
    place, one, other = lanes

    def fails_late(context: ShapedContext, stream: int) -> None:
        context._execute(stream)
        raise BackendError("it failed after it had begun")

    with monkeypatch.context() as patch:
        patch.setattr(ShapedContext, "enqueue", fails_late)
        assert _error_of(lambda: _started(one, place(32), 7)) is not None
    assert gpu.computed == [7]
    _started(other, place(32), 8)
    other._stream.settle()
    assert gpu.computed == [7, 8]


def _error_of(work: Callable[[], object]) -> BackendError | None:
    """One like it, without where it was raised: that would hold on to what was there."""
    try:
        work()
    except BackendError as error:
        return type(error)(str(error))
    return None


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("warm", [0, 1, 2])
def test_wherever_a_frame_raises_nothing_leaks(bundle: Bundle, gpu: SimulatedGpu, fault: Fault, warm: int) -> None:
    """At every call of the first run of a shape, of the one that captures, and of one that launches."""
    engine_for(bundle)
    batch, raised = frames(1, 32, 32), 0
    for step in itertools.count(1):
        backend = open_backend(bundle, "tensorrt").backend
        for _ in range(warm):
            backend.run(batch)
        gpu.fault, gpu.fail_at = fault, gpu.steps + step
        error = _error_of(partial(backend.run, batch))
        raised += error is not None
        assert "\n" not in str(error)
        assert error is None or isinstance(error, DeviceLost) == (fault is Fault.LOST)
        missed, gpu.fail_at = gpu.steps < gpu.fail_at, None
        if gpu.lost:
            with pytest.raises(BackendError, match="no longer answers, and this backend is closed"):
                backend.run(batch)
        else:
            assert np.array_equal(backend.run(batch)["restored"], brighter(batch))
        before = dict(gpu.live)
        backend.close()
        assert gpu.leaked == []
        assert gpu.depth == 0
        if gpu.lost:
            assert dict(gpu.live) == before, "pycuda's destructors may throw on a lost GPU"
            gpu.lost = False
            gpu.live.clear()
            open_device.cache_clear()  # as in a new process
        assert held(gpu) == ZERO
        if missed:
            break
    assert raised > 10


def test_a_lost_gpu_is_left_alone_without_close_too(bundle: Bundle, gpu: SimulatedGpu) -> None:
    engine_for(bundle)
    backend = open_backend(bundle, "tensorrt").backend
    backend.run(frames(1, 32, 32))
    gpu.fault, gpu.fail_at = Fault.LOST, gpu.steps + 1
    assert isinstance(_error_of(partial(backend.run, frames(1, 32, 32))), DeviceLost)
    before = dict(gpu.live)
    del backend
    gc.collect()
    assert dict(gpu.live) == before
    assert gpu.leaked == []


@pytest.mark.parametrize("fault", [Fault.MEMORY, Fault.ERROR])
def test_wherever_opening_fails_nothing_leaks(bundle: Bundle, gpu: SimulatedGpu, fault: Fault) -> None:
    engine_for(bundle)
    for step in itertools.count(1):
        gpu.fault, gpu.fail_at = fault, gpu.steps + step
        assert "\n" not in str(_error_of(lambda: open_backend(bundle, "tensorrt").backend.close()))
        missed, gpu.fail_at = gpu.steps < gpu.fail_at, None
        assert held(gpu) == ZERO
        assert gpu.leaked == []
        if missed:
            break
    assert step > 10


def test_out_of_memory_says_how_much_and_smaller_pictures_still_run(bundle: Bundle, tmp_path: Path) -> None:
    with simulated_machine(tmp_path / "cache", total=1_000_000) as gpu:
        engine_for(bundle)
        backend = open_backend(bundle, "tensorrt").backend
        assert backend.run(frames(1, 64, 64))["restored"].shape == (1, 64, 64, 3)
        with pytest.raises(BackendError, match=r"2\.6 MB of GPU memory were asked for .* of the GPU's 1 MB are free; hand in"):
            backend.run(frames(1, 256, 256))
        batch = frames(1, 64, 64, seed=1)
        assert np.array_equal(backend.run(batch)["restored"], brighter(batch))
        backend.close()
        assert held(gpu) == ZERO


def test_several_threads_and_one_that_closes(bundle: Bundle, gpu: SimulatedGpu) -> None:
    engine_for(bundle)
    backend = open_backend(bundle, "tensorrt", THROUGHPUT).backend
    wrong: list[object] = []
    under_way = threading.Event()

    def work(seed: int) -> None:
        for number in itertools.count():
            if number == 20:
                under_way.set()
            batch = frames(1, 32, 32 + seed % 2 * 16, seed=seed * 100 + number)
            try:
                came = backend.run(batch)["restored"]
            except BackendError as error:
                if "was closed" not in str(error):
                    wrong.append(error)
                    under_way.set()
                return
            if not np.array_equal(came, brighter(batch)):
                wrong.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(5)]
    for thread in threads:
        thread.start()
    under_way.wait()
    backend.close()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert held(gpu) == ZERO
    assert gpu.leaked == []


def _loaded() -> int:
    return len(sys.modules["tensorrt"].engines)


def test_a_closed_backend_loads_no_engine(bundle: Bundle, gpu: SimulatedGpu) -> None:
    engine_for(bundle)
    backend = open_backend(bundle, "tensorrt").backend
    backend.close()
    for _ in range(2):
        with pytest.raises(BackendError, match="was closed"):
            backend.run(frames(1, 32, 32))
    assert _loaded() == 1


def test_an_engine_that_is_being_loaded_goes_with_the_others(bundle: Bundle, gpu: SimulatedGpu, monkeypatch: pytest.MonkeyPatch) -> None:
    engine_for(bundle, profiles=(static("small", 32, 32),))
    engine_for(bundle, profiles=(static("large", 64, 64),))
    backend = open_backend(bundle, "tensorrt").backend
    assert isinstance(backend, TensorRtBackend)
    reading, closing = threading.Event(), threading.Event()
    read = EngineCache.read

    def slowly(cache: EngineCache, key: EngineKey) -> tuple[EngineRecord, bytes]:
        reading.set()
        closing.wait(_PATIENCE)
        return read(cache, key)

    monkeypatch.setattr(EngineCache, "read", slowly)
    with ThreadPoolExecutor(2) as threads:
        runs = [threads.submit(_error_of, partial(backend.run, frames(1, side, side))) for side in (32, 64)]
        assert reading.wait(_PATIENCE)
        closer = threading.Thread(target=backend.close)
        closer.start()
        while not backend._ended:
            time.sleep(0.001)
        closing.set()
        closer.join(_PATIENCE)
        errors = [str(run.result(_PATIENCE)) for run in runs]
    assert _loaded() == 2
    assert backend._engines == {}
    assert any("was closed" in error for error in errors)


def test_results_outlive_the_backend_and_their_memory_goes_with_them(bundle: Bundle, gpu: SimulatedGpu) -> None:
    engine_for(bundle)
    with load(bundle.folder, "tensorrt") as restorer:
        image = restorer(frames(24, 32)).image
    assert np.array_equal(image, brighter(frames(24, 32)))
    assert held(gpu) == ZERO | {"pinned": 1}
    del image
    assert held(gpu) == ZERO
    assert gpu.leaked == []


def test_a_stream_through_the_restorer(bundle: Bundle, gpu: SimulatedGpu) -> None:
    engine_for(bundle)
    pictures = [frames(24 + number % 3, 32, seed=number) for number in range(30)]
    with load(bundle.folder, "tensorrt") as restorer:
        for source, restored in zip(pictures, restorer.stream(pictures), strict=True):
            assert np.array_equal(restored.image, brighter(source))
    del restored
    assert held(gpu) == ZERO


def test_a_thread_takes_the_gpu_once(gpu: SimulatedGpu) -> None:
    device = open_device()

    def fails() -> None:
        with device.current():
            assert gpu.depth == 1
            raise SimulatedError("an error")

    with device.current():
        with pytest.raises(BackendError, match="the GPU failed"):
            fails()
        assert gpu.depth == 1
        device.pinned(8)
    assert gpu.depth == 0


def test_the_gpus_context_is_never_given_back(gpu: SimulatedGpu) -> None:
    context = weakref.ref(open_device()._context)
    open_device.cache_clear()
    gc.collect()
    assert context() is not None


def test_stages_are_timed_on_the_gpu(bundle: Bundle, gpu: SimulatedGpu) -> None:
    engine_for(bundle)
    backend = open_backend(bundle, "tensorrt").backend
    assert isinstance(backend, TensorRtBackend)
    for _ in range(3):
        backend.run(frames(1, 32, 32))
    times = backend.times.as_dict()
    assert list(times) == ["upload", "compute", "download"]
    assert {stage["count"] for stage in times.values()} == {3}
    backend.close()


HD = Profile("hd", Size(1, 48, 64), Size(1, 96, 128), Size(2, 96, 128))


def test_a_smaller_picture_is_padded_and_cut_again(bundle: Bundle, gpu: SimulatedGpu) -> None:
    engine_for(bundle, profiles=(HD,))
    backend = open_backend(bundle, "tensorrt").backend
    for shape in ((1, 16, 16), (2, 50, 20), (1, 20, 100), (1, 16, 16)):
        batch = frames(*shape, seed=shape[1])
        assert np.array_equal(backend.run(batch)["restored"], brighter(batch))
    backend.close()


def test_a_picture_that_no_profile_takes_is_told_the_sizes(bundle: Bundle, gpu: SimulatedGpu) -> None:
    engine_for(bundle, profiles=(HD, static("low", 20, 30)))
    backend = open_backend(bundle, "tensorrt").backend
    line = "clearway build .* --target tensorrt --precision fp16 --size 128x100"
    with pytest.raises(BackendError, match=f"takes 128×100, but there are: hd: 64×48 to 128×96, .*; 30×20, batch 1; {line}"):
        backend.run(frames(1, 100, 128))
    with pytest.raises(BackendError, match="takes 64×48, batch 3"):
        backend.run(frames(3, 48, 64))
    backend.close()


def test_the_fp32_engine_is_taken_where_every_bit_counts(bundle: Bundle, gpu: SimulatedGpu) -> None:
    engine_for(bundle, kind="dark")
    with pytest.raises(BackendError, match=r"with precision fp32, but there is: fp16; clearway build .* --precision fp32"):
        open_backend(bundle, "tensorrt", EngineOptions(exact=True))
    engine_for(bundle, precision="fp32")
    backend = open_backend(bundle, "tensorrt", EngineOptions(exact=True)).backend
    assert backend.facts.precision == "fp32"
    assert np.array_equal(backend.run(frames(1, 20, 20))["restored"], brighter(frames(1, 20, 20)))
    backend.close()


def test_auto_takes_what_was_verified_on_this_gpu(bundle: Bundle, gpu: SimulatedGpu) -> None:
    choice = open_backend(bundle)
    assert choice.backend.facts.name == "openvino"
    assert "clearway build" in dict(choice.passed_over)["tensorrt"]
    engine_for(bundle)
    reasons = dict(open_backend(bundle).passed_over)
    assert f"verified on this {GPU.name}, but none was; clearway verify " in reasons["tensorrt"]
    explicit = open_backend(bundle, "tensorrt").backend
    assert "1 of 1 never verified on this GPU: clearway verify" in explicit.facts.detail
    explicit.close()
    engine_for(bundle, parity=(PARITY,))
    choice = open_backend(bundle)
    assert (choice.backend.facts.name, choice.passed_over) == ("tensorrt", ())
    assert choice.backend.facts.detail.endswith("1 engine, verified on this GPU")
    choice.backend.close()


def test_what_is_missing_is_named_before_anything_is_opened(bundle: Bundle, gpu: SimulatedGpu, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pycuda", None)
    monkeypatch.delitem(sys.modules, "pycuda.driver")
    with pytest.raises(BackendError, match="clearway build"):
        open_backend(bundle, "tensorrt")
    engine_for(bundle)
    with pytest.raises(MissingExtra, match=r"pycuda is not installed; it comes with: pip install 'clearway\[gpu\]'"):
        open_backend(bundle, "tensorrt")
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    with pytest.raises(MissingExtra, match="tensorrt is not installed"):
        open_backend(bundle, "tensorrt")


def test_a_plan_that_does_not_load(bundle: Bundle, gpu: SimulatedGpu) -> None:
    engine_for(bundle, plan=b"broken")
    with pytest.raises(BackendError, match=r"Error Code 1: a broken plan, so that its engine for tensorrt does not load; build it again"):
        open_backend(bundle, "tensorrt")
    assert held(gpu) == ZERO


def test_auto_goes_on_where_tensorrt_does_not_start(bundle: Bundle, gpu: SimulatedGpu, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the bindings answer where the driver is too old for them."""

    def starts_not(logger: Any) -> None:
        logger.log(SimpleNamespace(name="ERROR"), "CUDA initialization failure with error: 35")
        raise TypeError("pybind11::init(): factory function returned nullptr")

    engine_for(bundle, parity=(PARITY,))
    monkeypatch.setattr(sys.modules["tensorrt"], "Runtime", starts_not)
    choice = open_backend(bundle)
    assert choice.backend.facts.name == "openvino"
    said = "tensorrt 11.4.0 does not start on this machine: CUDA initialization failure with error: 35"
    assert dict(choice.passed_over)["tensorrt"] == said
    choice.backend.close()


def test_a_stream_that_cannot_be_captured_runs_on_and_that_is_said(
    bundle: Bundle, gpu: SimulatedGpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine_for(bundle)
    backend = open_backend(bundle, "tensorrt").backend
    refusal = SimpleNamespace(name="CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED")
    monkeypatch.setattr(sys.modules["cuda.bindings.driver"], "cuStreamBeginCapture", lambda stream, mode: (refusal,))
    for _ in range(3):
        assert np.array_equal(backend.run(frames(1, 32, 32))["restored"], brighter(frames(1, 32, 32)))
    assert "without CUDA graphs: the GPU failed at a CUDA graph (CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED)" in backend.facts.detail
    backend.close()
    assert held(gpu) == ZERO


def test_tensorrt_rtx_keeps_what_it_compiled(bundle: Bundle, gpu: SimulatedGpu) -> None:
    stored = engine_for(bundle, "tensorrt-rtx")
    backend = open_backend(bundle, "tensorrt-rtx").backend
    config = sys.modules["tensorrt_rtx"].engines[-1].config
    assert (config.cuda_graph_strategy, config.dynamic_shapes_kernel_specialization_strategy) == ("whole", "eager")
    backend.run(frames(1, 32, 32))
    backend.close()
    kept = Path(os.environ["CLEARWAY_CACHE"]) / "tensorrt-rtx" / f"{stored.key.digest()}.kernels"
    assert (kept.read_bytes(), kept.stat().st_mode & 0o777) == (b"compiled for this GPU", 0o600)
    open_backend(bundle, "tensorrt-rtx").backend.close()
    assert sys.modules["tensorrt_rtx"].engines[-1].config.cache.taken == b"compiled for this GPU"
    kept.parent.chmod(0o755)
    with pytest.raises(BackendError, match="expected mode 0700, got 0755"):
        open_backend(bundle, "tensorrt-rtx")
