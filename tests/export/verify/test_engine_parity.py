"""An engine becomes verified by being compared on this card, on sizes that it takes, and stops being so when it no longer agrees."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from export.cli import run
from export.verify.engine_parity import sizes_of
from export.verify.verify import verify_bundle
from runtime.backends.choose import open_backend
from runtime.engines.cache import EngineCache
from runtime.engines.record import EngineParity, Profile, Size
from runtime.errors import BackendError
from runtime.machine.nvidia import Gpu
from runtime.model.bundle import Bundle, open_bundle
from tests.support.runtime.simulated_tensorrt import engine_for, simulated_machine
from tests.support.runtime.stored_engines import GPU, PARITY, static
from tests.support.tiny import make_bundle

HD = Profile("hd", Size(1, 48, 64), Size(1, 96, 128), Size(4, 96, 128))


@pytest.fixture
def bundle(tmp_path: Path) -> Iterator[Bundle]:
    with simulated_machine(tmp_path / "cache"):
        yield open_bundle(make_bundle(tmp_path / "tiny", "brighten"))


def test_an_engine_that_agrees_is_what_auto_takes(bundle: Bundle) -> None:
    stored = engine_for(bundle, profiles=(HD, static("two", 50, 40, batch=2)))
    assert open_backend(bundle).backend.facts.name == "openvino"
    report = verify_bundle(bundle.folder, ("tensorrt",))
    assert report.holds
    (verdict,) = report.verdicts
    said = f"8 pictures, the proof's mirrored out to 64×48, 97×73, 128×96, 40×50, FP32 answers of onnxruntime, on {GPU.name}"
    assert (verdict.compared, verdict.record.pictures) == (8, said)
    kept = EngineCache().read(stored.key)[0]
    assert kept.parity == (EngineParity(GPU, verdict.record),)
    choice = open_backend(bundle)
    assert choice.backend.facts.name == "tensorrt"
    choice.backend.close()


def test_one_that_does_not_agree_is_no_longer_verified_here(bundle: Bundle) -> None:
    elsewhere = EngineParity(Gpu("Another", "8.6"), PARITY.found)
    stored = engine_for(bundle, "tensorrt-rtx", kind="dark", parity=(elsewhere, PARITY))
    report = verify_bundle(bundle.folder, ("tensorrt-rtx",))
    assert not report.holds
    assert EngineCache().read(stored.key)[0].parity == (elsewhere,)
    assert open_backend(bundle).backend.facts.name == "openvino"


def test_every_engine_has_its_own_verdict_beside_the_other_backends(bundle: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    engine_for(bundle)
    engine_for(bundle, profiles=(HD,), kind="dark")
    engine_for(bundle, precision="fp32")
    assert run("verify", [str(bundle.folder)]) == 1
    said = capsys.readouterr().out.splitlines()
    rows = [(line.split()[:2], "DOES NOT HOLD" in line) for line in said if line.endswith(("holds", "HOLD"))]
    assert rows[:2] == [(["openvino", rows[0][0][1]], False), (["onnxruntime", "fp32"], False)]
    assert sorted(rows[3:]) == [(["tensorrt", "fp16"], False), (["tensorrt", "fp16"], True), (["tensorrt", "fp32"], False)]
    assert any(line.startswith("openvino ") and ": on 1 drawn pictures of the proof;" in line for line in said)
    assert any(line.startswith("tensorrt fp16: on 6 pictures, the proof's mirrored out to 64×48, ") for line in said)


def test_without_an_engine_the_line_that_builds_one(bundle: Bundle) -> None:
    with pytest.raises(BackendError, match=r"none is stored; clearway build .* --target tensorrt --precision fp16$"):
        verify_bundle(bundle.folder, ("tensorrt",))
    assert "clearway build" in dict(verify_bundle(bundle.folder).not_opened)["tensorrt-rtx"]


@pytest.mark.parametrize(
    ("profile", "sizes"),
    [
        (HD, [(48, 64), (73, 97), (96, 128)]),
        (static("one", 50, 40), [(50, 40)]),
        (Profile("narrow", Size(1, 50, 40), Size(1, 50, 41), Size(1, 50, 41)), [(50, 40), (50, 41)]),
    ],
)
def test_the_sizes_of_a_profile(profile: Profile, sizes: list[tuple[int, int]]) -> None:
    assert [(size.height, size.width) for size in sizes_of(profile)] == sizes
    assert all(profile.contains(size) for size in sizes_of(profile))
