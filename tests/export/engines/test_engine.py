"""Engines built for real by TensorRT-RTX, which needs no GPU to build: what is in them, and what is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from export.engines.engine import BuildOptions, build_engine
from export.engines.profiles import engines_for
from export.engines.targets import open_toolchain
from runtime.engines.cache import EngineCache
from runtime.engines.record import ANY_GPU, EngineRecord, Profile, Size
from runtime.errors import ExportError
from runtime.model.bundle import Bundle
from tests.support.export.engine_bundles import Part, engine_bundle, graph_of, typed_graph
from tests.support.export.graphs import TracedGraphs
from tests.support.export.toys import EDGE_NETWORKS, SHALLOW_NETWORKS, drawn_network

pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx-cu13 is not installed")

FUSED = {"plnlin-small": 6, "plnlin-edge": 12, "plnlin": 24}
HD_STATIC = engines_for([], ["1280x720"], None)[0]
HD_DYNAMIC = engines_for(["360p", "720p", "1080p"], [], "1-4")[0]
SMALL = (Profile("small", Size(1, 32, 32), Size(1, 64, 64), Size(2, 96, 96)),)
FIXED = (Profile("64x64", Size(1, 64, 64), Size(1, 64, 64), Size(1, 64, 64)),)
BOTH = (*SMALL, Profile("larger", Size(1, 64, 64), Size(1, 128, 128), Size(1, 128, 128)))
CONVS = [Part(f"network.convs.{number}", "conv") for number in range(5)]


@pytest.fixture
def cache(tmp_path: Path) -> EngineCache:
    return EngineCache(tmp_path / "engines")


def _quiet(_now: str) -> None:
    pass


def _order(precision: str = "fp16", profiles: tuple[Profile, ...] = SMALL, *, force: bool = False) -> BuildOptions:
    return BuildOptions("tensorrt-rtx", precision, profiles, force)


def _built(folder: Path, parts: list[Part], cache: EngineCache, profiles: tuple[Profile, ...] = SMALL) -> EngineRecord:
    return build_engine(engine_bundle(folder, fp16=graph_of(parts)), _order(profiles=profiles), cache, _quiet).record


@pytest.fixture(scope="module")
def typed_bundle(tmp_path_factory: pytest.TempPathFactory, graphs: TracedGraphs) -> Callable[[str], Bundle]:
    made: dict[str, Bundle] = {}

    def bundle(network: str) -> Bundle:
        if network not in made:
            made[network] = engine_bundle(tmp_path_factory.mktemp(network), fp16=typed_graph(graphs.of(drawn_network, network)))
        return made[network]

    return bundle


def _matrix() -> Iterator[Any]:
    """Network, profiles. Full sizes are for `make test-all`, and so is plnlin-edge, which is traced and built for minutes."""
    for name in ("aigan-edge", "fdrnet-edge", "physicsgan-edge", "plnlin-small"):
        yield pytest.param(name, FIXED, id=f"{name}-small static")
        yield pytest.param(name, BOTH, id=f"{name}-small dynamic")
    for name in (*EDGE_NETWORKS, *SHALLOW_NETWORKS):
        yield pytest.param(name, HD_STATIC, id=f"{name}-static", marks=pytest.mark.slow)
        yield pytest.param(name, HD_DYNAMIC, id=f"{name}-dynamic", marks=pytest.mark.slow)


@pytest.mark.parametrize(("network", "profiles"), list(_matrix()))
def test_every_network_builds_in_fp16(
    network: str, profiles: tuple[Profile, ...], typed_bundle: Callable[[str], Bundle], cache: EngineCache
) -> None:
    bundle = typed_bundle(network)
    record = build_engine(bundle, _order(profiles=profiles), cache, _quiet).record
    assert set(record.layers) == {"fp16"}  # means and norms of whole pictures are FP32, and no multiplications
    key = record.key
    assert (key.target, key.builder, key.compute_capability) == ("tensorrt-rtx", open_toolchain("tensorrt-rtx").version, ANY_GPU)
    assert (key.precision, key.profiles, key.model_sha256) == ("fp16", profiles, bundle.manifest.files["model.fp16.onnx"])
    stored, plan = cache.read(key)
    assert stored == record
    assert (record.plan_bytes, record.plan_sha256) == (len(plan), hashlib.sha256(plan).hexdigest())
    assert record.parity == ()
    assert len(record.attention) == FUSED.get(network, 0)
    assert all(block.fused for block in record.attention), record.attention


def test_an_engine_is_built_once_and_again_only_by_force(tmp_path: Path, cache: EngineCache) -> None:
    bundle = engine_bundle(tmp_path / "bundle", fp16=graph_of(CONVS))
    first, second = (build_engine(bundle, _order(), cache, _quiet) for _ in range(2))
    assert (first.found, second.found) == (False, True)
    assert second.record == first.record
    assert not build_engine(bundle, _order(force=True), cache, _quiet).found
    assert not build_engine(bundle, _order(profiles=FIXED), cache, _quiet).found, "other sizes are another engine"


def test_the_fp32_engine_is_made_of_the_fp32_graph(tmp_path: Path, cache: EngineCache) -> None:
    bundle = engine_bundle(tmp_path / "bundle")
    record = build_engine(bundle, _order("fp32"), cache, _quiet).record
    assert record.layers == {"fp32": 1}
    assert (record.key.precision, record.key.model_sha256) == ("fp32", bundle.manifest.files["model.onnx"])


@pytest.mark.parametrize(
    ("claimed", "half", "other"), [("fp16", False, "7 layers in fp32"), ("fp32", True, "5 layers in fp16, 2 layers in fp32")]
)
def test_a_graph_in_another_precision_than_it_claims_is_refused(
    claimed: str, half: bool, other: str, tmp_path: Path, cache: EngineCache
) -> None:
    graph = graph_of([Part(part.module, part.kind, half=half) for part in CONVS])
    bundle = engine_bundle(tmp_path / "bundle", fp16=graph, fp32=graph)
    with pytest.raises(ExportError, match=f"expected a network in {claimed}, got {other}"):
        build_engine(bundle, _order(claimed), cache, _quiet)
    assert cache.records() == ()


def test_islands_in_fp32_are_counted(tmp_path: Path, cache: EngineCache) -> None:
    assert _built(tmp_path / "bundle", CONVS, cache).layers == {"fp16": 5, "fp32": 2}


def test_a_graph_in_which_nothing_computes_has_no_precision(tmp_path: Path, cache: EngineCache) -> None:
    nothing = graph_of([]).replace(b"Conv", b"Relu")  # of the same length, so that the file stays whole
    with pytest.raises(ExportError, match="expected a network in fp16, got no layer that computes"):
        build_engine(engine_bundle(tmp_path / "bundle", fp16=nothing), _order(), cache, _quiet)


def test_every_node_that_cannot_be_had_is_named_with_its_module(tmp_path: Path, cache: EngineCache) -> None:
    parts = [
        Part("network.stages.0", "Unique", half=False),
        Part("network.stages.1", "Det", half=False),
        Part("network.stages.2", "Frobnicate", half=False, domain="acme"),
        Part("network.stages.3", "Unique", half=False),
    ]
    with pytest.raises(ExportError) as caught:
        _built(tmp_path / "bundle", parts, cache)
    said = str(caught.value)
    assert "Unique in network.stages.0, network.stages.3; Det in network.stages.1; Frobnicate (" in said
    assert ") in network.stages.2; restore with --backend openvino or onnxruntime" in said
    assert "\n" not in said


def test_types_that_do_not_fit_are_named_with_their_module(tmp_path: Path, cache: EngineCache) -> None:
    mixed = graph_of([Part("network.mixed", "conv", half=True)]).replace(b"network.mixed/Cast", b"network.other/Cast")
    broken = mixed.replace(b"\x0a\x02to\x18\x0a", b"\x0a\x02to\x18\x01")  # the cast before it: to FLOAT where it was to FLOAT16
    assert broken != mixed
    with pytest.raises(ExportError, match=r"Conv \(.*\) in network\.mixed; ") as caught:
        build_engine(engine_bundle(tmp_path / "bundle", fp16=broken), _order(), cache, _quiet)
    assert "cudaError" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_no_onnx_is_refused(tmp_path: Path, cache: EngineCache) -> None:
    with pytest.raises(ExportError, match="Failed to parse the ONNX model"):
        build_engine(engine_bundle(tmp_path / "bundle", fp16=b"no graph at all"), _order(), cache, _quiet)


def test_a_graph_with_another_input_is_refused(tmp_path: Path, cache: EngineCache) -> None:
    renamed = graph_of(CONVS).replace(b"frame", b"image")
    with pytest.raises(ExportError, match=r"expected one input, frame UINT8\[N, H, W, 3\], got image UINT8\[-1, -1, -1, 3\]"):
        build_engine(engine_bundle(tmp_path / "bundle", fp16=renamed), _order(), cache, _quiet)


@pytest.mark.parametrize("profiles", [SMALL, FIXED, BOTH], ids=["dynamic", "static", "two profiles"])
@pytest.mark.parametrize("kind", ["attention", "explicit"])
def test_the_audit_finds_the_fused_kernel_of_each_block(
    kind: str, profiles: tuple[Profile, ...], tmp_path: Path, cache: EngineCache
) -> None:
    blocks = ["network.blocks.0.attention", "network.blocks.1.attention"]
    record = _built(tmp_path / "bundle", [*CONVS, *(Part(block, kind) for block in blocks)], cache, profiles)
    assert [(block.block, block.fused) for block in record.attention] == [(block, True) for block in blocks]
    assert all("_gemm_mha" in block.why for block in record.attention)


@pytest.mark.parametrize(
    ("bad", "profiles", "why"),
    [
        (Part("network.bad", "explicit", half=False), SMALL, "it computes in FP32"),
        (Part("network.bad", "explicit", half=False), FIXED, "it computes in FP32"),
        (Part("network.bad", "explicit", heads=4, head_size=8), SMALL, "its heads have size 8"),
        (Part("network.bad", "explicit", heads=4, head_size=8), FIXED, "its heads have size 8"),
        # With static shapes TensorRT-RTX 1.7 takes this node apart, although it may not be, and says nothing.
        (Part("network.bad", "attention", heads=4, head_size=8), FIXED, "its heads have size 8"),
    ],
    ids=lambda value: f"{value.kind} {'fp16' if value.half else 'fp32'} {value.head_size}" if isinstance(value, Part) else "",
)
def test_the_audit_says_which_block_is_not_fused_and_why(
    bad: Part, profiles: tuple[Profile, ...], why: str, tmp_path: Path, cache: EngineCache
) -> None:
    good, other = _built(tmp_path / "bundle", [Part("network.good", "attention"), *CONVS, bad], cache, profiles).attention
    assert (good.block, good.fused) == ("network.good", True)
    assert (other.block, other.fused) == ("network.bad", False)
    assert why in other.why


@pytest.mark.parametrize(
    ("part", "why"),
    [
        (Part("network.bad", "attention", half=False), "computes in FP32"),
        (Part("network.bad", "attention", heads=4, head_size=8), "heads have size 8"),
        (Part("network.bad", "attention", head_size=512), "heads have size 512"),
    ],
    ids=["fp32", "small head", "large head"],
)
def test_attention_that_the_builder_refuses_names_the_block_and_what_to_do(
    part: Part, why: str, tmp_path: Path, cache: EngineCache
) -> None:
    good = Part("network.good", "attention")
    with pytest.raises(ExportError) as caught:
        _built(tmp_path / "bundle", [good, *CONVS, part], cache)
    said = str(caught.value)
    assert "no fused kernel for attention in network.bad (" in said
    assert why in said
    assert "network.good" not in said
    assert f"clearway build {tmp_path / 'bundle'} --target tensorrt-rtx --precision fp32" in said
    assert "\n" not in said
    assert cache.records() == ()


def test_a_softmax_alone_is_no_attention(tmp_path: Path, cache: EngineCache) -> None:
    assert _built(tmp_path / "bundle", [*CONVS, Part("network.gate", "Softmax")], cache).attention == ()


def test_a_size_that_no_engine_can_have_is_refused_in_one_line(tmp_path: Path, cache: EngineCache) -> None:
    huge = Size(4096, 99999, 99999)
    with pytest.raises(ExportError, match=r"could not build it in fp16 for 99999×99999, batch 4096: .*ask for a smaller size") as caught:
        _built(tmp_path / "bundle", CONVS, cache, (Profile("huge", huge, huge, huge),))
    assert "\n" not in str(caught.value)


def test_progress_is_told_while_it_builds_and_an_interrupt_leaves_nothing(tmp_path: Path, cache: EngineCache) -> None:
    said = []

    def interrupted(now: str) -> None:
        said.append(now)
        raise KeyboardInterrupt

    blocks = [Part(f"network.{number}", "explicit") for number in range(150)]  # seconds of building
    bundle = engine_bundle(tmp_path / "slow", fp16=graph_of(blocks))
    with pytest.raises(KeyboardInterrupt):
        build_engine(bundle, _order(), cache, interrupted)
    assert len(said) == 1
    assert cache.records() == ()


def test_building_goes_on_after_a_refusal_and_an_interrupt(tmp_path: Path, cache: EngineCache) -> None:
    with pytest.raises(ExportError):
        _built(tmp_path / "bad", [Part("network.bad", "attention", half=False), *CONVS], cache)
    assert _built(tmp_path / "good", CONVS, cache).layers["fp16"] == 5
