"""The word `evaluate` as it is typed: models, results, protocols and files, and each way of getting it wrong."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

import clearway
from runtime.files.pictures import read_picture
from runtime.model.manifest import Score
from tests.support.tiny import make_bundle
from tests.support.training.checkpoints import identity
from tests.support.training.pictures import clean_folder, pair_folder
from training.checkpoint import save_checkpoint
from training.data.batches import TrainingPictures
from training.recipes import find_recipe
from training.scoring.cli import protocol_for
from training.scoring.metrics import PROTOCOLS


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """photos, pairs, a checkpoint that changes nothing, and results that answer the held-out pairs and the photos."""
    place = tmp_path_factory.mktemp("evaluate")
    clean_folder(place / "photos", count=3)
    pair_folder(place / "pairs", ("train-1", "test-1", "test-2"))
    save_checkpoint(place / "model.safetensors", identity())
    (place / "results").mkdir()
    for name in ("test-1", "test-2"):
        shutil.copy(place / "pairs" / "clean" / f"{name}.png", place / "results" / f"mine_{name}.png")
    shutil.copytree(place / "photos", place / "answers")
    return place


def _said(capsys: pytest.CaptureFixture[str], *words: str | Path) -> str:
    assert clearway.main(["evaluate", *map(str, words)]) == 0
    return capsys.readouterr().out


def test_a_checkpoint_is_scored_by_its_recipes_protocol(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = _said(capsys, place / "model.safetensors", "--data", place / "photos", "--data", place / "pairs", "--device", "cpu")
    assert f"PyTorch FP32, cpu; y: {PROTOCOLS['y'].text}" in said
    assert [line.split("  ")[0] for line in said.splitlines()[2:]] == [
        "held-out pictures, heavy rain",
        "held-out pictures, light rain",
        "held-out pictures, clean",
        "held-out pairs",
    ]


@pytest.mark.parametrize(("asked", "protocol"), [("gopro", "gopro"), ("Rain200H", "rounded-y"), ("SOTS", "rgb")])
def test_a_protocol_goes_by_its_name_or_a_data_sets(asked: str, protocol: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = json.loads(_said(capsys, place / "model.safetensors", "--data", place / "pairs", "--protocol", asked, "--json"))
    assert said["protocol"] == protocol
    assert [entry["protocol"] for entry in said["scores"]] == [PROTOCOLS[protocol].text]


def test_a_bundle_is_scored_and_writes_scores_that_export_takes_lines_for_each_picture_and_the_worst(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = make_bundle(tmp_path / "tiny", kind="brighten")
    files = {name: tmp_path / f"{name}.{suffix}" for name, suffix in (("scores", "json"), ("csv", "csv"), ("worst", "png"))}
    options = [word for name, path in files.items() for word in (f"--{name}", path)]
    said = json.loads(_said(capsys, bundle, "--data", place / "pairs", *options, "--json"))
    scores = [Score(**entry) for entry in json.loads(files["scores"].read_text())]
    assert [entry["psnr_db"] for entry in said["scores"]] == [score.psnr_db for score in scores]
    with files["csv"].open() as file:
        lines = list(csv.DictReader(file))
    assert [line["name"] for line in lines] == ["test-1", "test-2"]
    assert np.mean([float(line["psnr_db"]) for line in lines]) == pytest.approx(scores[0].psnr_db, abs=0.01)
    assert read_picture(files["worst"]).shape[0] == 2 * (44 + 48 + 8)


def test_it_says_how_far_it_is_where_it_takes_long(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["evaluate", str(place / "results"), "--data", str(place / "pairs")]
    assert (clearway.main(words), capsys.readouterr().err) == (0, "")
    monkeypatch.setattr("training.scoring.cli._TOLD_EVERY_S", -1.0)
    assert clearway.main(words) == 0
    assert capsys.readouterr().err.splitlines() == ["1 of 2 pictures scored", "2 of 2 pictures scored"]


def test_results_are_matched_with_the_pairs_of_their_names(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = json.loads(_said(capsys, place / "results", "--data", place / "pairs", "--json"))
    (score,) = said["scores"]
    assert (said["runs_on"], said["protocol"]) == ("a folder of results", "rgb")
    assert (score["pictures"], score["psnr_db"], score["ssim"]) == (2, 100, 1)
    assert score["psnr_input_db"] < 25


def test_results_are_matched_with_a_plain_folder_of_truths(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = _said(capsys, place / "answers", "--data", place / "photos", "--protocol", "y")
    assert said.splitlines()[2].split() == ["truths", "3", "-", "100.00", "100.00", "-", "1.0000"]


def test_a_mixture_takes_the_place_of_the_recipes_trials(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("training.degradations.description")
    words = "--degrade", "noise(read=25, shot=0)", "--protocol", "cbsd68", "--json"
    (score,) = json.loads(_said(capsys, place / "model.safetensors", "--data", place / "photos", *words))["scores"]
    assert score["data"] == "held-out pictures, noise(read=25, shot=0)"
    assert score["psnr_input_db"] == pytest.approx(20.2, abs=0.3)


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["MODEL", "--data", "pairs", "--protocol", "rain7"], 2, "expected a protocol, got 'rain7'"),
        (["MODEL", "--data", "pairs", "--protocol", "cbsd68"], 2, "8-bit files"),
        (["MODEL", "--data", "pairs", "--protocol", "div2k-hybrid"], 1, "63×63"),
        (["MODEL", "--data", "empty"], 1, "empty"),
        (["MODEL", "--data", "nowhere"], 1, "nowhere"),
        (["MODEL", "--data", "uneven"], 1, "test-1"),
        (["MODEL", "--data", "broken"], 1, "00.png"),
        (["MODEL", "--data", "pairs", "--worst", "worst.txt"], 2, "--worst"),
        (["MODEL", "--data", "pairs", "--csv", "nowhere/x.csv"], 2, "--csv"),
        (["MODEL", "--data", "pairs", "--scores", "empty"], 2, "--scores"),
        (["other.safetensors", "--data", "pairs"], 1, "other.safetensors: the weights do not fit"),
        (["pickle.pth", "--data", "pairs"], 1, "pickle"),
        (["nowhere.safetensors", "--data", "pairs"], 1, "nowhere.safetensors"),
        (["bundle", "--data", "photos", "--protocol", "cbsd68"], 2, "8-bit pictures"),
        (["empty", "--data", "pairs"], 1, "got neither"),
        (["answers", "--data", "pairs"], 1, "no result for test-1, test-2 and no truth for 00.png"),
        (["results", "--data", "pairs", "--scores", "scores.json"], 2, "--scores goes with a model"),
        (["results", "--data", "pairs", "--degrade", "noise"], 2, "--degrade goes with a model"),
        (["small", "--data", "pairs"], 1, "mine_test-1.png: expected 56×48 pixels"),
    ],
)
def test_wrong_input_is_one_line_that_names_it(
    words: list[str], code: int, says: str, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _make_wrong(place, tmp_path)
    monkeypatch.chdir(tmp_path)
    assert clearway.main(["evaluate", *("model.safetensors" if word == "MODEL" else word for word in words)]) == code
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1


def _make_wrong(place: Path, here: Path) -> None:
    for name in ("photos", "pairs", "results", "answers"):
        (here / name).symlink_to(place / name)
    shutil.copy(place / "model.safetensors", here)
    (here / "empty").mkdir()
    make_bundle(here / "bundle")
    other = identity()
    other.config["channels"] = 16
    save_checkpoint(here / "other.safetensors", other)
    torch.save({"weight": torch.zeros(2)}, here / "pickle.pth")
    for name, source in (("uneven", "pairs"), ("broken", "photos"), ("small", "results")):
        shutil.copytree(place / source, here / name)
    for path in (here / "uneven" / "rain" / "test-1.png", here / "small" / "mine_test-1.png"):
        cv2.imwrite(str(path), read_picture(path)[:40])
    (here / "broken" / "00.png").write_bytes(b"half a picture")


def test_the_protocol_is_what_was_asked_for_else_the_datas_own_else_the_recipes() -> None:
    recipe = find_recipe("derain")
    gopro, plain = (replace(TrainingPictures.of(), protocol=protocol) for protocol in ("GoPro", None))
    assert protocol_for("text", gopro, recipe) == "text"
    assert protocol_for(None, gopro, recipe) == "gopro"
    assert protocol_for(None, plain, replace(recipe, protocol="rounded-y")) == "rounded-y"
    assert protocol_for(None, plain, recipe=None) == "rgb"
