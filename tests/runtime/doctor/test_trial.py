"""A model tried as a user would run it: on real engines, on broken ones, and damaged."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

import runtime.model.zoo
from runtime.backends.choose import PREFERENCE, open_backend
from runtime.doctor import trial
from runtime.doctor.trial import Trial, try_model
from runtime.model.bundle import MODEL, open_bundle
from tests.support.runtime.doctor_site import Site
from tests.support.tiny import make_bundle


@pytest.fixture(autouse=True)
def zoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(runtime.model.zoo, "_ZOO", tmp_path / "zoo")
    monkeypatch.setattr(trial, "_SECONDS", 0.1)
    return make_bundle(tmp_path / "zoo" / "tiny").parent


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Comes before what is installed."""
    site = Site(tmp_path / "site")
    monkeypatch.syspath_prepend(site.folder)
    return site


def _reasons(found: Trial) -> dict[str, str]:
    return {one.backend: one.why for one in found.passed_over}


def test_what_auto_takes(zoo: Path) -> None:
    choice, found = open_backend(open_bundle(zoo / "tiny")), try_model("tiny")
    with contextlib.closing(choice.backend):
        facts = choice.backend.facts
    assert (found.model, found.fault) == ("tiny", "")
    assert found.measured is not None
    assert (found.measured.backend, found.measured.precision, found.measured.detail) == (facts.name, facts.precision, facts.detail)
    assert _reasons(found) == dict(choice.passed_over)
    assert found.measured.first_s > 0
    assert found.measured.fps > 0


def test_what_auto_passes_over(site: Site) -> None:
    site.module("openvino", "raise ImportError('not here')")
    found = try_model("tiny")
    assert found.measured is not None
    assert (found.measured.backend, found.measured.precision, found.fault) == ("onnxruntime", "fp32", "")
    assert "install it again: pip install --force-reinstall 'clearway[cpu]'" in _reasons(found)["openvino"]


def test_an_engine_that_ends_its_process(site: Site) -> None:
    """`auto` would meet it too: what runs has to be asked for by its name."""
    site.module("openvino", "import os, signal\nos.kill(os.getpid(), signal.SIGILL)")
    found = try_model("tiny")
    assert found.fault == "it crashed: Illegal instruction"
    assert found.measured is not None
    assert found.measured.backend == "onnxruntime"
    assert _reasons(found)["openvino"] == "it crashed: Illegal instruction"


def test_an_engine_that_hangs(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "_PATIENCE", 2)
    for engine in ("openvino", "onnxruntime"):
        site.module(engine, "import time\ntime.sleep(1000)")
    found = try_model("tiny")
    assert found.measured is None
    assert [_reasons(found)[name] for name in ("openvino", "onnxruntime")] == ["it gave no answer within 2 s"] * 2


def test_no_engine_at_all(site: Site) -> None:
    for engine in ("openvino", "onnxruntime"):
        site.module(engine, "raise ImportError('not here')")
    found = try_model("tiny")
    assert (found.measured, found.fault) == (None, "no engine here runs it")
    assert [one.backend for one in found.passed_over] == list(PREFERENCE)


def test_a_damaged_bundle(zoo: Path) -> None:
    (zoo / "tiny" / MODEL).write_bytes(b"changed")
    found = try_model("tiny")
    assert (found.measured, found.passed_over) == (None, ())
    assert found.fault.startswith(f"{zoo}/tiny/{MODEL}: expected sha256")


def test_a_model_that_gives_nan(zoo: Path) -> None:
    make_bundle(zoo / "bad", "nan")
    found = try_model("bad")
    assert found.measured is None
    assert all("NaN or Inf" in _reasons(found)[name] for name in ("openvino", "onnxruntime"))
