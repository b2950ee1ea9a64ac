"""`clearway models`, `clearway doctor` and `clearway engines`: what people read, one line for machines, and exit codes."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import runtime.cli
import runtime.model.zoo
from runtime.cli import run
from runtime.doctor.report import DoctorReport
from runtime.doctor.report_text import text
from runtime.engines.cache import EngineCache
from runtime.engines.record import EngineKey
from runtime.errors import UsageError
from runtime.model.bundle import MANIFEST, open_bundle
from tests.support.runtime import doctor_findings as findings
from tests.support.runtime.manifests import MANIFEST as FACTS
from tests.support.runtime.stored_engines import KEY, PARITY, key, record, static
from tests.support.tiny import make_bundle


@pytest.fixture
def zoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("derain", "other"):
        folder = make_bundle(tmp_path / name, name=name)
        (folder / MANIFEST).write_text(_manifest(name, open_bundle(folder).manifest.files))
    monkeypatch.setattr(runtime.model.zoo, "_ZOO", tmp_path)
    return tmp_path


def _manifest(name: str, files: dict[str, str]) -> str:
    return json.dumps(asdict(FACTS) | {"name": name, "files": files})


@pytest.mark.usefixtures("zoo")
def test_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("models", []) == 0
    said = capsys.readouterr().out
    facts = ("derain 1.0", "other 1.0", "derain: removes rain", "210,932 parameters", "licence research use", "PSNR 30.00 dB", "Y, no crop")
    for fact in facts:
        assert fact in said


@pytest.mark.usefixtures("zoo")
def test_a_card(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("models", ["derain"]) == 0
    said = capsys.readouterr().out
    facts = ("fdrnet-edge", "the whole picture", "seed 1, 20,000 steps", "bad at   snow", "openvino bf16: 55.0 dB", "model.onnx  sha256")
    for fact in facts:
        assert fact in said
    assert "other" not in said
    assert max(map(len, said.splitlines())) <= 120


def test_for_machines(zoo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("models", ["--json"])
    listed = capsys.readouterr().out
    assert [entry["name"] for entry in json.loads(listed)] == ["derain", "other"]
    assert listed.count("\n") == 1
    run("models", [str(zoo / "other"), "--json"])
    assert json.loads(capsys.readouterr().out)["name"] == "other"


def test_nothing_shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(runtime.model.zoo, "_ZOO", tmp_path)
    assert run("models", []) == 0
    assert "no model is shipped" in capsys.readouterr().out
    assert run("models", ["--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


@pytest.mark.usefixtures("zoo")
def test_an_unknown_model() -> None:
    with pytest.raises(UsageError, match="did you mean derain"):
        run("models", ["derian"])


@pytest.fixture
def engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EngineCache:
    """Two of them: one that never ran, and one with two profiles that did."""
    monkeypatch.setenv("CLEARWAY_CACHE", str(tmp_path))
    cache = EngineCache()
    first = _store(cache, KEY, built=_ago(days=3))
    os.utime(first.with_suffix(".mac"), (1000, 1000))  # used long ago
    _store(cache, _second(), built=_ago(minutes=5), parity=(PARITY,))
    return cache


def _second() -> EngineKey:
    return key(compute_capability="any", profiles=(static("hd", 720, 1280), static("full", 1080, 1920)))


def _store(cache: EngineCache, engine_key: EngineKey, **facts: Any) -> Path:
    plan = bytes(2_000_000)
    return cache.store(record(engine_key, plan, **facts), plan)


def _ago(**time: float) -> str:
    return (datetime.now(UTC) - timedelta(**time)).isoformat(timespec="seconds")


def _columns(line: str) -> list[str]:
    return re.split("  +", line)


def _spoil(cache: EngineCache) -> Path:
    plan = cache.folder / f"{KEY.digest()}.engine"
    plan.write_bytes(b"1" + bytes(1_999_999))
    return plan


@pytest.mark.usefixtures("engines")
def test_the_engines_of_this_machine(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("engines", []) == 0
    heading, *rows = map(_columns, capsys.readouterr().out.splitlines())
    assert heading == ["engine", "model", "target", "precision", "profiles", "GPU", "size", "age", "state"]
    target = ["derain", "tensorrt-rtx 1.7.1", "fp16"]
    ran = [*target, "1280×720, batch 1; 1920×1080, batch 1", "any", "2.0 MB", "5 min", "compared: worst 51.0 dB"]
    never = [*target, "720p: 640×360 to 1920×1080, batch 1 to 4", "8.6", "2.0 MB", "3 d", "never run here"]
    assert rows == [[_second().digest()[:12], *ran], [KEY.digest()[:12], *never]], "the last used first"


def test_no_engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("CLEARWAY_CACHE", str(tmp_path / "none"))
    assert run("engines", []) == 0
    assert f"no engine is stored in {tmp_path}/none/engines; clearway build BUNDLE" in capsys.readouterr().out
    assert run("engines", ["check"]) == 0
    assert "0 engines" in capsys.readouterr().out


def test_checking_engines(engines: EngineCache, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("engines", ["check"]) == 0
    assert capsys.readouterr().out == f"2 engines in {engines.folder}, none bad\n"
    plan = _spoil(engines)
    assert run("engines", ["check"]) == 1
    heading, fault = capsys.readouterr().out.splitlines()
    assert heading.endswith(", 1 bad")
    assert fault.startswith(f"{plan}: expected sha256 ")
    assert fault.endswith("clearway engines prune, then clearway build")


def test_a_bad_engine_in_the_list(engines: EngineCache, capsys: pytest.CaptureFixture[str]) -> None:
    (engines.folder / f"{KEY.digest()}.mac").unlink()
    _spoil(engines).with_name(f"{_second().digest()}.engine").write_bytes(b"short")
    assert run("engines", []) == 0
    _, second, first, *faults = capsys.readouterr().out.splitlines()
    assert _columns(second)[1] == "derain"
    assert _columns(first)[:7] == [KEY.digest()[:12], "-", "-", "-", "-", "-", "2.0 MB"]
    assert second.endswith("bad: see below")
    assert first.endswith("bad: see below")
    assert [name in fault for name, fault in zip((_second().digest(), KEY.digest()), faults, strict=True)] == [True, True]


def test_engines_for_machines(engines: EngineCache, capsys: pytest.CaptureFixture[str]) -> None:
    _spoil(engines)
    for words, code, faults in ((["--json"], 0, [False, False]), (["check", "--json"], 1, [False, True])):
        assert run("engines", words) == code
        said = capsys.readouterr().out
        assert said.count("\n") == 1
        listed = json.loads(said)
        assert [entry["name"] for entry in listed] == [_second().digest(), KEY.digest()]
        assert [bool(entry["fault"]) for entry in listed] == faults
        assert listed[0]["record"]["key"]["profiles"][1]["most"] == [1, 1080, 1920]


@pytest.mark.parametrize(
    ("words", "gone", "said"),
    [
        ([], 0, "removed 0 engines and 0 leftover files, 0.0 B"),
        (["--keep", "2.5MB"], 1, "removed 1 engine and 0 leftover files, 2.0 MB"),
        (["--keep", "0"], 2, "removed 2 engines and 0 leftover files, 4.0 MB"),
        (["--all"], 2, "removed 2 engines and 0 leftover files, 4.0 MB"),
    ],
)
def test_pruning_engines(words: list[str], gone: int, said: str, engines: EngineCache, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("engines", ["prune", *words]) == 0
    assert capsys.readouterr().out == f"{said}, from {engines.folder}\n"
    assert len(engines.records()) == 2 - gone
    assert (engines.folder / "key").exists() is (words != ["--all"])


def test_pruning_for_machines(engines: EngineCache, capsys: pytest.CaptureFixture[str]) -> None:
    _spoil(engines)
    assert run("engines", ["prune", "--json"]) == 0
    pruned = json.loads(capsys.readouterr().out)
    assert (pruned["engines"], pruned["leftovers"]) == ([KEY.digest()], [])
    assert pruned["bytes"] > 2_000_000


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--all"], "go with prune, list came"),
        (["check", "--keep", "1G"], "go with prune, check came"),
        (["prune", "--keep", "much"], "expected a size as in 500M or 2G, got 'much'"),
    ],
)
def test_wrong_use_of_engines_removes_nothing(words: list[str], said: str, engines: EngineCache) -> None:
    with pytest.raises(UsageError, match=said):
        run("engines", words)
    assert len(engines.records()) == 2


@pytest.fixture
def examined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime.cli, "examine", lambda say: findings.REPORT)


@pytest.mark.usefixtures("examined")
def test_the_doctor_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("doctor", []) == 0
    captured = capsys.readouterr()
    assert captured.out == text(findings.REPORT) + "\n"
    assert captured.err == "", "progress is for a terminal alone"


@pytest.mark.usefixtures("examined")
def test_the_doctor_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("doctor", ["--json"]) == 0
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert json.loads(said) == json.loads(json.dumps(asdict(findings.REPORT)))
    assert json.loads(said)["trials"][0]["measured"]["backend"] == "openvino"


def test_the_doctors_exit_code(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(runtime.cli, "examine", lambda say: replace(findings.REPORT, trials=(findings.NO_ENGINE,)))
    assert run("doctor", []) == 1
    assert capsys.readouterr().out.startswith("No shipped model runs here yet.\n")


def test_the_doctors_progress_leaves_the_terminal_clean(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def examine(say: Callable[[str], None]) -> DoctorReport:
        say("the machine")
        raise KeyboardInterrupt

    monkeypatch.setattr(runtime.cli, "examine", examine)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with pytest.raises(KeyboardInterrupt):
        run("doctor", [])
    shown, cleared = capsys.readouterr().err.strip("\r").split("\r")
    assert (shown.strip(), cleared.strip()) == ("looking at the machine …", "")
