"""Every program in examples/ runs as its first line says, is short, and is linked from the README."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

import clearway
from runtime.files.pictures import read_picture
from runtime.model.bundle import open_bundle
from tests.support.video.clips import STEADY, Clip, read

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


def run(monkeypatch: pytest.MonkeyPatch, name: str, *arguments: object) -> object:
    """The example in this process, so that torch is imported once for all of them; its exit code or its last words."""
    monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
    try:
        runpy.run_path(str(ROOT / "examples" / f"{name}.py"), run_name="__main__")
    except SystemExit as ended:
        return ended.code
    return 0


def test_a_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = np.full((48, 64, 3), 90, np.uint8)
    picture[:, 20:22] = 250
    cv2.imwrite(str(tmp_path / "rainy.png"), picture)
    assert run(monkeypatch, "restore_picture", tmp_path / "rainy.png", tmp_path / "clear.png") == 0
    with clearway.load("derain") as restore:
        expected = restore(picture)
    assert np.array_equal(read_picture(tmp_path / "clear.png"), expected.image)
    assert np.array_equal(read_picture(tmp_path / "clear-removed.png"), expected.removed)


def test_a_video_with_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    source, target = Clip(pts=STEADY[:4]).make(tmp_path / "rainy.mp4"), tmp_path / "clear.mp4"
    assert run(monkeypatch, "restore_video", source, target) == 0
    assert len(read(target)) == 4
    assert capsys.readouterr().out.rpartition("\r")[2].startswith("4 of 4 frames\n4 frames at ")
    assert "clear.mp4" in str(run(monkeypatch, "restore_video", source, target)), "it exists now: one line, no traceback"


def test_a_camera_with_a_sink_of_ones_own(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "camera_sink", "pattern:64x48@25", "--seconds", 2) == 0
    came, measured = (int(word) for word in capsys.readouterr().out.replace(":", "").split() if word.isdecimal())
    assert 0 < measured <= came


def test_training_and_going_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "train_three_minutes", "-o", tmp_path / "haze", "--data", "drawn:4", "--steps", 2) == 0
    assert (tmp_path / "haze" / "model.safetensors").is_file()
    assert "next: clearway export" in capsys.readouterr().out


def test_a_network_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, "export_own_network", tmp_path / "soften") == 0
    assert {record.backend for record in open_bundle(tmp_path / "soften").manifest.parity} >= {"onnxruntime", "openvino"}
    noisy = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    with clearway.load(tmp_path / "soften") as restore:
        assert restore(noisy).image.std() < 0.8 * noisy.std()


@pytest.mark.filterwarnings("ignore")  # of torch's own exporter
def test_an_onnx_file_from_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "import_onnx", tmp_path / "net") == 0
    difference = float(capsys.readouterr().out.splitlines()[-1].split()[2])
    assert difference < 60
    assert open_bundle(tmp_path / "net").manifest.name == "net"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_it_is_short_and_linked_and_has_a_test(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 40
    assert f"python examples/{path.name}" in text
    assert f"examples/{path.name}" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert f'"{path.stem}"' in Path(__file__).read_text(encoding="utf-8")
