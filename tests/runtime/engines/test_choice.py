"""Which engine serves a size; and where none does, the reason, what there is, and the line that builds it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from runtime.engines.choice import EngineRequest, choose
from runtime.engines.record import ANY_GPU, EngineRecord, Size
from runtime.errors import BackendError
from tests.support.runtime.stored_engines import GPU, KEY, PARITY, WIDE, key, record, static

WANTED = EngineRequest("derain", KEY.model_sha256, KEY.target, KEY.builder, GPU, KEY.precision, KEY.precision_map)
HD = Size(1, 720, 1280)


def _engine(parity: bool = False, **changes: Any) -> EngineRecord:
    return record(key(**changes), b"plan", parity=(PARITY,) if parity else ())


def test_the_profile_that_holds_the_size() -> None:
    engine = _engine(profiles=(static("small", 360, 640), WIDE))
    chosen = choose([engine], WANTED, HD)
    assert (chosen.record, chosen.profile) == (engine, 1)


def test_the_narrowest_that_holds_it() -> None:
    wide, exact = _engine(), _engine(profiles=(static("exact", 720, 1280),))
    assert choose([wide, exact], WANTED, HD).record is exact
    assert choose([exact, wide], WANTED, Size(1, 700, 1280)).record is wide


def test_one_that_ran_comes_before_one_that_never_did() -> None:
    ran, exact = _engine(parity=True), _engine(profiles=(static("exact", 720, 1280),))
    assert choose([exact, ran], WANTED, HD).record is ran


def test_an_engine_for_any_gpu_serves_this_one() -> None:
    engine = _engine(compute_capability=ANY_GPU)
    assert choose([engine], WANTED, HD).record is engine


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        ([], "this very model, but none is stored"),
        ([{"target": "tensorrt"}], "this very model, but none is stored"),
        ([{"model_sha256": "c" * 64}], "this very model, but none is stored"),
        ([{"precision_map": ""}], "this very precision map, but none is stored"),
        ([{"builder": "1.6.0"}, {"builder": "1.5.0"}], "builder version 1.7.1, but there is: 1.5.0, 1.6.0"),
        ([{"compute_capability": "12.0"}], "compute capability 8.6, but there is: 12.0"),
        ([{"builder": "1.6.0", "compute_capability": "8.6"}, {"compute_capability": "12.0"}], "compute capability 8.6"),
        ([{"profiles": (static("small", 360, 640),)}], "takes 1280×720, but there are: 640×360, batch 1; clearway build"),
    ],
)
def test_why_none_serves(stored: Sequence[dict[str, Any]], said: str) -> None:
    with pytest.raises(BackendError, match=said) as error:
        choose([_engine(**changes) for changes in stored], WANTED, HD)
    assert str(error.value).startswith("derain: ")
    assert str(error.value).endswith("; clearway build derain --target tensorrt-rtx --precision fp16 --size 1280x720")
    assert "\n" not in str(error.value)


def test_another_precision() -> None:
    fp32 = record(key(precision="fp32"), b"plan")
    with pytest.raises(BackendError, match="precision fp16, but there is: fp32"):
        choose([fp32], WANTED, HD)


def test_a_profile_is_listed_once() -> None:
    with pytest.raises(BackendError) as error:
        choose([_engine(), _engine(profiles=(static("4k", 2160, 3840), WIDE))], WANTED, Size(1, 16, 16))
    assert str(error.value).count("720p") == 1


def test_the_line_can_be_pasted() -> None:
    with pytest.raises(BackendError, match=r"clearway build 'my bundles/derain' --target .* --size 720x1280 --batch 3$"):
        choose([], replace(WANTED, bundle="my bundles/derain"), Size(3, 1280, 720))
