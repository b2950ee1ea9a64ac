"""`clearway models`: the list, a card, and one line for machines."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

import runtime.zoo
from runtime.bundle import MANIFEST, open_bundle
from runtime.cli import run
from runtime.errors import UsageError
from tests.runtime.test_manifest import MANIFEST as FACTS
from tests.tiny import make_bundle


@pytest.fixture
def zoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("derain", "other"):
        folder = make_bundle(tmp_path / name, name=name)
        (folder / MANIFEST).write_text(_manifest(name, open_bundle(folder).manifest.files))
    monkeypatch.setattr(runtime.zoo, "_ZOO", tmp_path)
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
    monkeypatch.setattr(runtime.zoo, "_ZOO", tmp_path)
    assert run("models", []) == 0
    assert "no model is shipped" in capsys.readouterr().out
    assert run("models", ["--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


@pytest.mark.usefixtures("zoo")
def test_an_unknown_model() -> None:
    with pytest.raises(UsageError, match="did you mean derain"):
        run("models", ["derian"])
