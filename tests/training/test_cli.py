"""The words `train` and `evaluate` as they are typed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import clearway
from tests.support.training.pictures import clean_folder
from training.checkpoint import load_checkpoint
from training.loop.loop import MODEL


def test_training_ends_with_a_model_and_the_next_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, out = clean_folder(tmp_path / "photos", count=3), tmp_path / "run"
    words = ["train", "derain", "--data", str(data), "-o", str(out), "--licence", "mine"]
    words += ["--set", "steps=2", "--set", "batch=1", "--set", "patch=32", "--degrade", "noise(read=20)"]
    assert clearway.main(words) == 0
    said = capsys.readouterr()
    assert f"clearway export {out / MODEL}" in said.out
    assert "step 2 of 2" in said.err
    card = load_checkpoint(out / MODEL).card
    assert (card.steps, card.licence) == (2, "mine")
    assert card.settings == ("steps=2", "batch=1", "patch=32", "degrade noise(read=20)")


def test_what_loading_costs_can_be_asked_for_and_leaves_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", "derain", "--data", str(clean_folder(tmp_path / "photos", count=3)), "--measure-loading", "--memory", "0"]
    assert clearway.main([*words, "--set", "batch=1", "--set", "patch=32", "--set", "network.channels=8"]) == 0
    said = capsys.readouterr()
    rates = re.fullmatch(r"batches drawn once: ([\d.]+) steps/s; drawn as they are needed: ([\d.]+), ([\d.]+) of it\n", said.out)
    assert rates, said.out
    cached, drawn, share = map(float, rates.groups())
    assert share == pytest.approx(drawn / cached, rel=0.02)
    assert "memory for 0.0: the rest is decoded again each time" in said.err
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_a_recipe_can_be_read_before_it_is_trained(capsys: pytest.CaptureFixture[str]) -> None:
    assert clearway.main(["train", "fdrnet-hybrid", "--ablation", "without-svdo", "--set", "steps=7", "--show"]) == 0
    said = capsys.readouterr().out
    assert {"  method.beta=0.0", "  steps=7", "  network=fdrnet"} <= set(said.splitlines())
    assert "without-auxiliary" in said


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["train", "rainbow", "--data", "DATA", "-o", "OUT"], 2, "rainbow"),
        (["train", "derain", "--data", "NOWHERE", "-o", "OUT"], 1, "NOWHERE"),
        (["train", "derain", "--data", "DATA", "-o", "OUT", "--set", "steps=0"], 2, "steps"),
        (["train", "derain", "--data", "DATA", "-o", "OUT", "--set", "patch=500"], 1, "500×500"),
        (["train", "derain", "--data", "DATA"], 2, "expected --out DIR"),
        (["train", "derain", "-o", "OUT"], 2, "expected --data DIR"),
        (["train", "derain", "--data", "DATA", "-o", "OUT", "--memory", "-1"], 2, "--memory"),
        (["train", "derain", "--data", "DATA", "-o", "DATA/00.png"], 2, "expected a folder, got a file"),
        (["evaluate", "DATA", "--data", "drawn:4"], 2, "is a folder of results"),
        (["train", "derain", "--data", "drawn:1", "-o", "OUT"], 2, "drawn:N with N of 2 or more"),
        (["train", "derain", "--data", "DATA", "-o", "OUT", "--ablation", "without-everything"], 2, "without-everything"),
        (["train", "derain", "--data", "DATA", "-o", "OUT", "--degrade", "rian"], 2, "rain"),
        (["train", "derain", "--data", "DATA", "-o", "OUT", "--devices", "0"], 2, "--devices"),
        (["figures", "degradations", "-o", "NOWHERE/sheet.png"], 2, "an existing folder"),
        (["figures", "degradations", "-o", "sheet.gif"], 2, ".png or .jpg"),
        (["evaluate", "nowhere.safetensors", "--data", "DATA"], 1, "nowhere.safetensors"),
        (["evaluate", "rainbow", "--data", "DATA"], 2, "rainbow"),
        (["evaluate", "rainbow", "--data", "DATA", "--scores", "NOWHERE/scores.json"], 2, "--scores"),
    ],
)
def test_wrong_use_is_one_line_and_its_exit_code(
    words: list[str], code: int, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clean_folder(tmp_path / "DATA", count=2)
    placed = [str(tmp_path / word) if word.split("/")[0] in {"DATA", "OUT", "NOWHERE"} else word for word in words]
    assert clearway.main(placed) == code
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1
    assert not (tmp_path / "OUT").exists()
