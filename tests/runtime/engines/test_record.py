"""Keys, profiles and sidecars: what makes another engine, what is read is what was written, and what does not fit is named."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from runtime.engines.record import ANY_GPU, ENGINE_SCHEMA, EngineKey, EngineRecord, Profile, Size
from runtime.errors import BackendError, ClearwayError, UsageError
from tests.support.runtime.stored_engines import KEY, PARITY, WIDE, key, record, static

RECORD = record(KEY, b"plan", parity=(PARITY,))


def test_json_and_back() -> None:
    assert EngineRecord.from_json(RECORD.to_json()) == RECORD


def test_the_digest_is_the_same_in_every_process_and_version() -> None:
    assert KEY.digest() == key().digest() == "58ac36bc11518b5d0046fda5b573c77e99bcd917b1e8dc85238ca66e233f7686"


OTHERS: dict[str, Any] = {
    "model_sha256": "c" * 64,
    "target": "tensorrt",
    "builder": "1.7.2",
    "compute_capability": ANY_GPU,
    "profiles": (WIDE, static("4k", 2160, 3840)),
    "precision": "fp32",
    "precision_map": "",
}


def test_every_field_of_the_key_is_changed_below() -> None:
    assert OTHERS.keys() == {field.name for field in dataclasses.fields(EngineKey)}


@pytest.mark.parametrize("field", OTHERS)
def test_any_difference_is_another_engine(field: str) -> None:
    assert key(**{field: OTHERS[field]}).digest() != KEY.digest()


def test_another_order_of_profiles_is_another_engine() -> None:
    first, second = static("a", 360, 640), static("b", 720, 1280)
    assert key(profiles=(first, second)).digest() != key(profiles=(second, first)).digest()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model_sha256", "a" * 63),
        ("target", "cuda"),
        ("builder", ""),
        ("compute_capability", "sm_86"),
        ("profiles", ()),
        ("profiles", (WIDE, WIDE)),
        ("precision", "int8"),
        ("precision_map", "none"),
    ],
)
def test_an_unsound_key_is_named(field: str, value: Any) -> None:
    with pytest.raises(BackendError, match=f"a sound {field}"):
        key(**{field: value})


@pytest.mark.parametrize("size", [Size(1, 360, 640), Size(4, 1080, 1920), Size(2, 700, 1000)])
def test_a_profile_contains(size: Size) -> None:
    assert WIDE.contains(size)


@pytest.mark.parametrize("size", [Size(5, 720, 1280), Size(1, 359, 640), Size(1, 720, 639), Size(1, 1920, 1080), Size(1, 720, 1921)])
def test_a_profile_does_not_contain(size: Size) -> None:
    assert not WIDE.contains(size)


def test_a_static_profile_takes_one_size() -> None:
    profile = static("exact", 720, 1280)
    assert profile.contains(Size(1, 720, 1280))
    assert not profile.contains(Size(1, 720, 1279))


@pytest.mark.parametrize(
    ("least", "usual", "most", "said"),
    [
        (Size(1, 720, 1280), Size(1, 360, 640), Size(1, 1080, 1920), "least ≤ usual ≤ most"),
        (Size(1, 360, 640), Size(1, 720, 1280), Size(1, 700, 1920), "least ≤ usual ≤ most"),
        (Size(0, 360, 640), Size(1, 720, 1280), Size(1, 1080, 1920), "at least 1 picture of 16×16"),
        (Size(1, 15, 640), Size(1, 720, 1280), Size(1, 1080, 1920), "at least 1 picture of 16×16"),
    ],
)
def test_a_profile_that_makes_no_sense(least: Size, usual: Size, most: Size, said: str) -> None:
    with pytest.raises(UsageError, match=f"profile odd: .*{said}"):
        Profile("odd", least, usual, most)


def test_profiles_in_words() -> None:
    assert str(WIDE) == "720p: 640×360 to 1920×1080, batch 1 to 4"
    assert str(static("hd", 720, 1280)) == "1280×720, batch 1"
    assert str(static("hd", 720, 1280, batch=2)) == "1280×720, batch 2"


def test_sizes_in_words() -> None:
    assert [str(Size(1, 720, 1280)), str(Size(3, 720, 1280))] == ["1280×720", "1280×720, batch 3"]


@pytest.mark.parametrize("layers", [{}, {"fp32": 42}, {"fp16": 0, "fp32": 42}])
def test_an_engine_that_is_silently_fp32_cannot_be_recorded_as_fp16(layers: dict[str, int]) -> None:
    with pytest.raises(BackendError, match="layers in fp16"):
        record(KEY, b"plan", layers=layers)


@pytest.mark.parametrize("built", ["yesterday", "2026-11-21T10:00:00", "2026-11-21T10:00:00+01:00"])
def test_a_build_time_is_in_utc(built: str) -> None:
    with pytest.raises(BackendError, match="a build time in UTC"):
        record(KEY, b"plan", built=built)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("schema",), ENGINE_SCHEMA + 1, "newer"),
        (("schema",), 0, "older"),
        (("colour",), "blue", "sidecar: expected only fields that this Clearway knows, got colour"),
        (("plan_bytes",), "4", "sidecar.plan_bytes: expected int"),
        (("layers",), {"fp16": "all"}, "sidecar.layers[fp16]: expected int"),
        (("key", "profiles", 0, "most"), [1, 2], "sidecar.key.profiles[0].most: expected batch, height, width"),
        (("key", "target"), "cuda", "a sound target"),
        (("attention", 0, "fused"), 1, "sidecar.attention[0].fused: expected bool"),
        (("parity", 0, "found", "max_levels"), None, "sidecar.parity[0].found.max_levels: expected int"),
    ],
)
def test_what_does_not_fit_is_named(path: tuple[Any, ...], value: Any, said: str) -> None:
    raw = json.loads(RECORD.to_json())
    place = raw
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    with pytest.raises((ValueError, ClearwayError)) as error:
        EngineRecord.from_json(json.dumps(raw))
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(EngineRecord)])
def test_every_field_is_needed(field: str) -> None:
    raw = json.loads(RECORD.to_json())
    del raw[field]
    with pytest.raises(ValueError, match=f"expected {field}, got an object without it"):
        EngineRecord.from_json(json.dumps(raw))
