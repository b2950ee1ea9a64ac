"""`clearway build` as a user meets it."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from export.cli import run
from runtime.errors import UsageError
from runtime.model.bundle import Bundle
from tests.support.export.engine_bundles import Part, engine_bundle, graph_of

pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx-cu13 is not installed")

PARTS = [*(Part(f"network.convs.{number}", "conv") for number in range(5)), Part("network.attention", "attention")]


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bundle:
    monkeypatch.setenv("CLEARWAY_CACHE", str(tmp_path / "cache"))
    return engine_bundle(tmp_path / "tiny", fp16=graph_of([*PARTS, Part("network.slow", "explicit", heads=4, head_size=8)]))


def _build(bundle: Bundle, *arguments: str) -> int:
    return run("build", [str(bundle.folder), "--target", "tensorrt-rtx", *arguments])


def test_it_prints_what_was_built_for_people(bundle: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    assert _build(bundle, "--profile", "360p", "--batch", "1-2") == 0
    captured = capsys.readouterr()
    target, profile, layers, block, built = captured.out.splitlines()
    assert target.startswith("tiny: tensorrt-rtx 1.")
    assert target.endswith(", fp16, for any GPU")
    assert profile == "  360p: 320×180 to 640×360, batch 1 to 2"
    assert layers == "  layers that compute: 8 in fp16, 2 in fp32; attention: 1 of 2 blocks fused"
    assert block.startswith("  network.slow is not fused, MatMul, Softmax, MatMul: its heads have size 8")
    assert built.startswith("  built in ")
    assert captured.err == "", "no progress where nobody looks on"


def test_it_says_all_of_it_in_one_line_for_machines(bundle: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    assert _build(bundle, "--profile", "360p", "--profile", "360p-portrait", "--size", "64x48", "--json") == 0
    (line,) = capsys.readouterr().out.splitlines()
    together, exact = json.loads(line)["engines"]
    assert [profile["name"] for profile in together["key"]["profiles"]] == ["360p", "360p-portrait"]
    assert [profile["most"] for profile in exact["key"]["profiles"]] == [[1, 48, 64]]
    for engine in (together, exact):
        assert engine["found"] is False
        assert engine["key"]["target"] == "tensorrt-rtx"
        assert engine["layers"] == {"fp16": 8, "fp32": 2}
        assert [block["fused"] for block in engine["attention"]] == [True, False]


def test_what_is_built_is_found_again(bundle: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert _build(bundle, "--size", "64x48", "--json") == 0
    first, second = (json.loads(line)["engines"][0] for line in capsys.readouterr().out.splitlines())
    assert (first.pop("found"), second.pop("found")) == (False, True)
    assert first == second
    assert _build(bundle, "--size", "64x48") == 0
    assert f"found in the cache, built {first['built']}: {first['digest'][:16]}" in capsys.readouterr().out
    assert _build(bundle, "--size", "64x48", "--force", "--json") == 0
    assert json.loads(capsys.readouterr().out)["engines"][0]["found"] is False


@pytest.mark.parametrize("arguments", [[], ["--target", "tensorrt-rtx", "--precision", "int8"]], ids=["no target", "no such precision"])
def test_wrong_arguments_are_wrong_use(arguments: list[str], bundle: Bundle) -> None:
    with pytest.raises(SystemExit) as caught:
        run("build", [str(bundle.folder), *arguments])
    assert caught.value.code == 2


def test_a_wrong_profile_is_said_before_anything_is_built(bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no profile is called '720'; did you mean 720p"):
        _build(bundle, "--size", "64x48", "--profile", "720")
    assert not list((tmp_path / "cache").rglob("*.engine"))


def test_ctrl_c_ends_a_build_on_a_terminal_and_leaves_nothing(tmp_path: Path) -> None:
    blocks = [Part(f"network.{number}", "explicit") for number in range(150)]  # seconds of building
    bundle = engine_bundle(tmp_path / "slow", fp16=graph_of(blocks))
    command = [sys.executable, "-m", "clearway", "build", str(bundle.folder), "--target", "tensorrt-rtx", "--profile", "4k"]
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    environment = os.environ | {"CLEARWAY_CACHE": str(tmp_path / "cache")}
    with subprocess.Popen(command, env=environment, stderr=theirs, stdout=subprocess.PIPE) as building:
        os.close(theirs)
        seen = b""
        while b"building: " not in seen:
            seen += os.read(ours, 1000)
        building.send_signal(signal.SIGINT)
        while chunk := _read(ours):
            seen += chunk
        assert building.stdout is not None
        assert building.stdout.read() == b""
    os.close(ours)
    assert building.returncode == 130
    assert seen.endswith(b"\rclearway: interrupted; no half-made file is left under a final name\r\n")
    assert not list((tmp_path / "cache").rglob("*.engine"))


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1000)
    except OSError:  # what Linux says of a terminal whose other end is closed
        return b""
