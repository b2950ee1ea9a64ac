"""ONNX Runtime on a GPU. What needs no GPU is asked of the same class on the CPU provider; tests marked gpu ask the GPU itself."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
import weakref
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime
import pytest

from export.verify.verify import verify_bundle
from runtime.backends import onnxruntime_cuda as leaf
from runtime.backends import onnxruntime_gpu as gpu
from runtime.backends.choose import open_backend
from runtime.backends.onnxruntime_cuda import OnnxRuntimeCudaBackend
from runtime.backends.protocol import EngineOptions
from runtime.errors import BackendError, DeviceLost
from runtime.model.bundle import Bundle, open_bundle
from runtime.model.zoo import find
from runtime.picture import Picture, Tensors
from runtime.restorer import load
from tests.support.engines import needs_cuda
from tests.support.tiny import make_bundle

_PATIENCE = 10  # seconds until a test that hangs fails
ROOT = Path(__file__).parents[3]
_NO_ROOM = "Failed to allocate memory for requested buffer of size 9437184"
_LOST = "/src/cuda_call.cc:154 CudaCall(ERRTYPE, const char*) [with ERRTYPE = cudaError; bool THRW = true] " * 3
_LOST += "CUDA failure 700: an illegal memory access was encountered ; GPU=0 ; hostname=box ; expr=cudaGraphLaunch(graph_exec, stream_)"


@pytest.fixture
def on_cpu(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(gpu, "PROVIDER", "CPUExecutionProvider")
    monkeypatch.setattr(gpu, "DEVICE", "cpu")
    monkeypatch.setattr(gpu, "provider_options", lambda *, fixed: {})
    monkeypatch.setattr(gpu, "pinned", lambda size: np.empty(size, np.uint8).data)
    monkeypatch.setattr(gpu, "questioned", lambda: None)
    monkeypatch.setattr(gpu, "answers", lambda: True)
    return monkeypatch


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return open_bundle(make_bundle(tmp_path / "tiny", "separate"))


@pytest.fixture
def backend(on_cpu: pytest.MonkeyPatch, bundle: Bundle) -> Iterator[OnnxRuntimeCudaBackend]:
    opened = OnnxRuntimeCudaBackend(bundle)
    yield opened
    opened.close()


def frames(*shape: int, seed: int = 0) -> Picture:
    return np.random.default_rng(seed).integers(0, 200, (*shape, 3), np.uint8)


@pytest.mark.parametrize("shape", [(1, 16, 16), (2, 17, 33)])
def test_every_output_at_any_size(backend: OnnxRuntimeCudaBackend, shape: tuple[int, int, int]) -> None:
    for seed in range(3):  # loaded for the first time, for good, and as it stays
        batch = frames(*shape, seed=seed)
        came = backend.run(batch)
        assert np.array_equal(came["restored"], batch + 10)
        assert np.array_equal(came["interference"], 255 - came["restored"])
        assert came["health"] == pytest.approx((batch + 10.0).mean((1, 2)) / 256, rel=1e-4)


def test_an_enlarging_graph(on_cpu: pytest.MonkeyPatch, tmp_path: Path) -> None:
    batch = frames(1, 20, 24)
    backend = OnnxRuntimeCudaBackend(open_bundle(make_bundle(tmp_path / "twice", "enlarge")))
    assert np.array_equal(backend.run(batch)["restored"], batch.repeat(2, 1).repeat(2, 2))


def test_strided_and_read_only_frames(backend: OnnxRuntimeCudaBackend) -> None:
    strided, locked = frames(1, 16, 64)[:, :, ::2], frames(1, 16, 32)
    locked.flags.writeable = False
    for batch in (strided, locked):
        assert np.array_equal(backend.run(batch)["restored"], batch + 10)


def test_only_what_is_wanted_is_copied_back(backend: OnnxRuntimeCudaBackend, on_cpu: pytest.MonkeyPatch) -> None:
    backend.run(frames(1, 16, 16))
    copied: list[int] = []
    real = onnxruntime.OrtValue.ortvalue_from_numpy
    on_cpu.setattr(leaf._OrtValue, "ortvalue_from_numpy", lambda array: copied.append(array.nbytes) or real(array))  # type: ignore[func-returns-value]
    into: Tensors = {"restored": np.empty((1, 16, 16, 3), np.uint8)}
    backend.run(frames(1, 16, 16), into)
    backend.run(frames(1, 16, 16), into)
    assert copied == [16 * 16 * 3] * 2


class _Opened:
    """Notes how each session is opened, and which threads use it."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.fixed: list[tuple[tuple[int, ...], bool]] = []
        self.threads: dict[int, set[int]] = defaultdict(set)
        self._real = gpu.open_session
        patch.setattr(gpu, "open_session", self._open)

    def _open(self, path: Path, names: Any, shape: Any, *, fixed: bool, profile: Path | None = None) -> Any:
        self.fixed.append((tuple(shape), fixed))
        session = self._real(path, names, shape, fixed=fixed, profile=profile)
        run, number = session.run_with_iobinding, len(self.fixed)

        def noted(binding: Any) -> None:
            self.threads[number].add(threading.get_ident())
            run(binding)

        session.run_with_iobinding = noted
        return session


def test_a_size_that_comes_again_is_loaded_for_good(on_cpu: pytest.MonkeyPatch, bundle: Bundle) -> None:
    opened, backend, photo = _Opened(on_cpu), OnnxRuntimeCudaBackend(bundle), frames(1, 16, 20)
    for _ in range(6):  # the lanes take turns
        backend.run(photo)
    shape = photo.shape
    assert opened.fixed == [((1, 16, 16, 3), False), (shape, False), (shape, True), (shape, True)]


def test_a_session_stays_with_its_thread(on_cpu: pytest.MonkeyPatch, bundle: Bundle) -> None:
    opened, backend = _Opened(on_cpu), OnnxRuntimeCudaBackend(bundle)
    wrong: list[int] = []

    def work(seed: int) -> None:
        batch = frames(1, 16, 16 + seed % 2, seed=seed)
        wrong.extend(seed for _ in range(10) if not np.array_equal(backend.run(batch)["restored"], batch + 10))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    backend.close()
    assert wrong == []
    assert {len(users) for users in opened.threads.values()} == {1}
    assert len(set.union(*opened.threads.values())) == backend.depth
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("clearway-cuda")]


def test_a_few_sizes_stay_loaded(backend: OnnxRuntimeCudaBackend) -> None:
    for width in range(16, 26):
        backend.run(frames(1, 16, width))
    lanes = [backend._free.get() for _ in range(backend.depth)]
    assert [len(lane._sizes) for lane in lanes] == [leaf._SIZES_KEPT] * backend.depth
    for lane in lanes:
        backend._free.put(lane)


def test_closing(backend: OnnxRuntimeCudaBackend) -> None:
    kept = backend.run(frames(1, 16, 16))["restored"]
    backend.close()
    backend.close()
    assert np.array_equal(kept, frames(1, 16, 16) + 10)
    with pytest.raises(BackendError, match="was closed; open it again"):
        backend.run(frames(1, 16, 16))


@pytest.mark.parametrize(
    "wrong", [np.zeros((1, 3, 16, 16), np.uint8), np.zeros((16, 16, 3), np.uint8), np.zeros((1, 16, 16, 3), np.float32)]
)
def test_frames_of_another_kind(backend: OnnxRuntimeCudaBackend, wrong: Any) -> None:
    with pytest.raises(BackendError, match=r"expected frames of uint8 \[N, H, W, 3\], got .*"):
        backend.run(wrong)


def _failing(patch: pytest.MonkeyPatch, words: str, times: int = 1) -> None:
    """The next so many sizes cannot be made."""
    real, left = leaf._SizedSession.__init__, [words] * times

    def made(self: leaf._SizedSession, *arguments: Any, **named: Any) -> None:
        if left:
            raise RuntimeError(left.pop())
        real(self, *arguments, **named)

    patch.setattr(leaf._SizedSession, "__init__", made)


def test_other_sizes_make_room(backend: OnnxRuntimeCudaBackend, on_cpu: pytest.MonkeyPatch) -> None:
    for _ in range(backend.depth):
        backend.run(frames(1, 16, 16))
    _failing(on_cpu, _NO_ROOM)
    assert np.array_equal(backend.run(frames(1, 20, 20))["restored"], frames(1, 20, 20) + 10)


def test_too_little_memory_leaves_it_usable(backend: OnnxRuntimeCudaBackend, on_cpu: pytest.MonkeyPatch) -> None:
    _failing(on_cpu, _NO_ROOM)
    with pytest.raises(BackendError, match=r"too little free memory for frames of \[1, 20, 20, 3\]; take smaller pictures") as error:
        backend.run(frames(1, 20, 20))
    assert "\n" not in str(error.value)
    assert np.array_equal(backend.run(frames(1, 16, 16))["restored"], frames(1, 16, 16) + 10)


def test_too_little_pinned_memory(backend: OnnxRuntimeCudaBackend, on_cpu: pytest.MonkeyPatch) -> None:
    def fails(size: int) -> memoryview:
        raise RuntimeError(f"/src/bfc_arena.cc:360 void* onnxruntime::BFCArena::AllocateRawInternal(size_t) {_NO_ROOM}")

    on_cpu.setattr(gpu, "pinned", fails)
    with pytest.raises(BackendError, match=r"3\.0 MB of pinned memory were .* not to be had; hand in"):
        backend.memory.array((1, 1000, 1000, 3))


def test_a_gpu_that_is_lost_closes_it(backend: OnnxRuntimeCudaBackend, on_cpu: pytest.MonkeyPatch) -> None:
    _failing(on_cpu, _LOST)
    on_cpu.setattr(gpu, "answers", lambda: False)
    why = r"the GPU failed on frames of .* \(CUDA failure 700: an illegal memory access was encountered\); see what nvidia-smi"
    with pytest.raises(DeviceLost, match=why):
        backend.run(frames(1, 20, 20))
    with pytest.raises(BackendError, match="was closed when the GPU failed; load the model in a new process"):
        backend.run(frames(1, 16, 16))


def test_what_is_on_a_lost_gpu_is_never_let_go(backend: OnnxRuntimeCudaBackend, on_cpu: pytest.MonkeyPatch) -> None:
    """ONNX Runtime's destructors would end the process: seen with the real GPU build over a CUDA whose every call fails."""
    others = set(leaf._sizes)
    for size in (16, 20):
        backend.run(frames(1, size, size))
    sizes, image = weakref.WeakSet(set(leaf._sizes) - others), leaf._pinned(768)
    memory = weakref.ref(_array_of(leaf._lent._held[max(leaf._lent._held)]))
    on_cpu.setattr(gpu, "answers", lambda: False)
    backend.run(frames(1, 24, 24))
    backend.close()
    del image
    leaf._pinned(1)
    gc.collect()
    assert len(sizes) == 2
    assert memory() is not None


def _array_of(memory: memoryview) -> np.ndarray:
    assert isinstance(memory.obj, np.ndarray)
    return memory.obj


def test_pinned_memory_is_freed_by_whoever_uses_the_gpu_next(backend: OnnxRuntimeCudaBackend) -> None:
    """And so never while somebody records a CUDA graph."""
    image = leaf._pinned(768)
    memory = weakref.ref(_array_of(leaf._lent._held[max(leaf._lent._held)]))
    del image
    assert memory() is not None
    backend.run(frames(1, 16, 16))
    assert memory() is None


def test_a_size_that_fails_is_gone_before_its_error_is(backend: OnnxRuntimeCudaBackend, on_cpu: pytest.MonkeyPatch) -> None:
    before = len(leaf._sizes)

    def fails(*_: Any) -> None:
        raise RuntimeError(_NO_ROOM)

    on_cpu.setattr(onnxruntime.InferenceSession, "run_with_iobinding", fails)
    with pytest.raises(BackendError, match="too little free memory") as error:
        backend.run(frames(1, 20, 20))
    assert error.value.__cause__ is not None
    assert len(leaf._sizes) == before


def test_nothing_is_let_go_while_a_graph_is_recorded(backend: OnnxRuntimeCudaBackend) -> None:
    backend.run(frames(1, 16, 16))
    held = len(leaf._sizes)
    closer = threading.Thread(target=backend.close)
    with leaf._GPU.alone():
        closer.start()
        _wait_until(lambda: leaf._GPU._wanting > 0)
        assert len(leaf._sizes) == held
    closer.join(_PATIENCE)
    assert len(leaf._sizes) < held


def _wait_until(holds: Callable[[], bool]) -> None:
    ends = time.monotonic() + _PATIENCE
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.001)


def test_a_gpu_is_asked_whether_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    byte = onnxruntime.OrtValue.ortvalue_from_numpy(np.ones(1, np.uint8))
    monkeypatch.setattr(gpu, "questioned", lambda: byte)
    assert gpu.answers()
    assert byte.numpy() == 0

    def fails(*_: Any) -> None:
        raise RuntimeError(_LOST)

    monkeypatch.setattr(onnxruntime.OrtValue, "update_inplace", fails)
    assert not gpu.answers()


def test_what_went_wrong_is_told_apart() -> None:
    for words in (_NO_ROOM, "CUDA failure 2: out of memory ; GPU=0", "CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0"):
        assert gpu.ran_out(RuntimeError(words))
    plain = RuntimeError("Got invalid dimensions for input: frame\nand more")
    said = str(gpu.explained(plain, (1, 2, 3), lost=False))
    assert said == "ONNX Runtime failed on frames of [1, 2, 3]: Got invalid dimensions for input: frame"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (_NO_ROOM, "too little free memory to start with; close what else"),
        (
            "Conv node. Status Message: cuda_kernel.h:296 cuDNN is unavailable or disabled",
            r"expected cuDNN 9, which .*pip install 'onnxruntime-gpu",
        ),
        ("CUDA failure 100: no CUDA-capable device is detected ; GPU=0", "does not start on this GPU .*no CUDA-capable device.*nvidia-smi"),
    ],
)
def test_what_keeps_it_from_starting(on_cpu: pytest.MonkeyPatch, bundle: Bundle, words: str, line: str) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise RuntimeError(words)

    on_cpu.setattr(gpu, "open_session", fails)
    with pytest.raises(BackendError, match=line) as error:
        OnnxRuntimeCudaBackend(bundle)
    assert "\n" not in str(error.value)


def test_only_a_size_that_stays_pays_for_the_search() -> None:
    once, stays = gpu.provider_options(fixed=False), gpu.provider_options(fixed=True)
    assert (once["cudnn_conv_algo_search"], once["enable_cuda_graph"]) == ("HEURISTIC", "0")
    assert (stays["cudnn_conv_algo_search"], stays["enable_cuda_graph"]) == ("EXHAUSTIVE", "1")
    assert once["use_tf32"] == stays["use_tf32"] == "0"


def test_nodes_on_the_cpu_are_named(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "PROVIDER", "AzureExecutionProvider")  # it is in the CPU build, and takes no such node
    monkeypatch.setattr(gpu, "provider_options", lambda *, fixed: {})
    with pytest.raises(BackendError, match=r"expected every node on the GPU, .*\(Conv\).* and \d+ more would run on the CPU"):
        gpu.open_session(bundle.fp16_path, ["n", "h", "w"], (1, 16, 16, 3), fixed=False)


def test_a_provider_that_does_not_load(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    fallen_back = SimpleNamespace(get_providers=lambda: ["CPUExecutionProvider"])
    monkeypatch.setattr(onnxruntime, "InferenceSession", lambda *_, **__: fallen_back)
    monkeypatch.setattr(gpu, "prepare_libraries", lambda: "Failed to load libcublasLt.so.13")
    with pytest.raises(BackendError, match=r"cannot be loaded \(Failed to load libcublasLt.so.13\); install what it needs: pip "):
        gpu.open_session(bundle.fp16_path, [], (1, 16, 16, 3), fixed=False)


def test_with_its_size_known_a_graph_has_no_shape_arithmetic(on_cpu: pytest.MonkeyPatch) -> None:
    arithmetic = {"Shape", "Mod", "Squeeze", "Expand"}

    def operators(shape: tuple[int, ...]) -> set[str]:
        session = gpu.open_session(find("derain") / "model.fp16.onnx", gpu.dimensions_of(path)[: len(shape)], shape, fixed=False)
        return {node.op_type for part in session.get_provider_graph_assignment_info() for node in part.get_nodes()}

    path = find("derain") / "model.fp16.onnx"
    assert operators(()) >= arithmetic
    assert not operators((1, 720, 1280)) & arithmetic


def test_the_precision_is_that_of_the_layers(on_cpu: pytest.MonkeyPatch) -> None:
    path = find("derain") / "model.fp16.onnx"
    assert gpu.precision_of(path, gpu.dimensions_of(path), (1, 16, 16, 3)) == "fp32"  # whatever its name: on the CPU it is computed so
    assert gpu.precision_in([_kernel("Conv", "float16"), _kernel("Conv", "float16"), _kernel("MatMul", "float")]) == "fp16"
    assert gpu.precision_in([_kernel("Conv", "float"), _kernel("Cast", "float16"), _kernel("Cast", "float16")]) == "fp32"


def _kernel(operator: str, kind: str) -> dict[str, Any]:
    return {"name": "node_kernel_time", "args": {"op_name": operator, "input_type_shape": [{kind: [1, 3, 16, 16]}]}}


def test_the_graph_is_typed_unless_exact_is_asked_for(on_cpu: pytest.MonkeyPatch, bundle: Bundle) -> None:
    opened = _opened_paths(on_cpu)
    OnnxRuntimeCudaBackend(bundle)
    OnnxRuntimeCudaBackend(bundle, EngineOptions(exact=True))
    assert opened == [bundle.fp16_path, bundle.onnx_path]


def _opened_paths(patch: pytest.MonkeyPatch) -> list[Path]:
    paths: list[Path] = []
    real = gpu.open_session
    patch.setattr(gpu, "open_session", lambda path, *rest, **named: paths.append(path) or real(path, *rest, **named))  # type: ignore[func-returns-value]
    return paths


def test_importing_it_keeps_the_telemetry_off() -> None:
    code = "import os, runtime.backends.onnxruntime_gpu; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"


class TestOnTheCard:
    pytestmark = needs_cuda

    def test_the_shipped_model_holds_its_limits(self) -> None:
        report = verify_bundle(find("derain"), ("onnxruntime-cuda",))
        assert [verdict.record.precision for verdict in report.verdicts] == ["fp16"]
        assert report.holds, [verdict.problems for verdict in report.verdicts]

    def test_exact_is_exact(self) -> None:
        frame = frames(1, 96, 130)
        exact = open_backend(open_bundle(find("derain")), "onnxruntime-cuda", EngineOptions(exact=True)).backend
        reference = open_backend(open_bundle(find("derain")), "onnxruntime").backend
        for _ in range(3):
            difference = exact.run(frame)["restored"].astype(int) - reference.run(frame)["restored"]
            assert np.abs(difference).max() <= 1
        assert exact.facts.precision == "fp32"

    def test_a_stream_of_changing_sizes_is_each_of_its_pictures(self) -> None:
        pictures = [frames(48 + 16 * (number % 3), 64, seed=number) for number in range(60)]
        with load("derain", "onnxruntime-cuda") as restorer:
            alone = [restorer(picture).image.astype(int) for picture in pictures[:6]]
            streamed = [restored.image.astype(int) for restored in restorer.stream(pictures)]
        assert len(streamed) == len(pictures)
        # Other convolutions may have been found meanwhile: they round differently.
        assert max(np.abs(one - other).max() for one, other in zip(alone, streamed, strict=False)) <= 2
