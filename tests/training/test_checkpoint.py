"""Checkpoints: they come back whole, and whatever is not one is refused with its name."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from runtime.errors import CheckpointError
from tests.support.files import full_disk
from tests.support.training.checkpoints import CARD, CONFIG, identity
from training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint


def _checkpoint() -> Checkpoint:
    checkpoint = identity()
    torch.nn.init.normal_(checkpoint.weights["tail.weight"])
    return checkpoint


def test_it_comes_back_whole(tmp_path: Path) -> None:
    saved = _checkpoint()
    save_checkpoint(tmp_path / "model.safetensors", saved)
    loaded = load_checkpoint(tmp_path / "model.safetensors")
    assert loaded.card == CARD
    picture = torch.rand(1, 3, 16, 16)
    torch.testing.assert_close(loaded.build()(picture), saved.build()(picture), rtol=0, atol=0)


def test_a_full_disk_keeps_the_old_file(tmp_path: Path) -> None:
    """The limit on a file's size is a full disk that any user can make: safetensors meets it while it writes."""
    path = tmp_path / "model.safetensors"
    save_checkpoint(path, _checkpoint())
    before = path.read_bytes()
    with full_disk(len(before) // 2), pytest.raises(CheckpointError, match="cannot be written") as caught:
        save_checkpoint(path, _checkpoint())
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["model.safetensors"]


def test_a_folder_that_cannot_be_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="cannot be written"):
        save_checkpoint(tmp_path / "file" / "model.safetensors", _checkpoint())


def test_everybody_may_read_a_checkpoint(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "model.safetensors", _checkpoint())
    (tmp_path / "plain").write_text("")
    assert (tmp_path / "model.safetensors").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_whatever_is_not_a_checkpoint_is_refused_by_name(tmp_path: Path) -> None:
    text, bare, pickled = (tmp_path / name for name in ("text.safetensors", "bare.safetensors", "model.pth"))
    zipped, old, listed = (tmp_path / name for name in ("zipped.safetensors", "old.safetensors", "listed.safetensors"))
    torch.save({"weight": torch.zeros(2)}, zipped)  # a pickle with another name is still one
    old.write_bytes(pickle.dumps({"weight": 1}))
    save_file({"weight": torch.zeros(2)}, listed, metadata={"clearway": "[]"})
    text.write_text("not weights")
    save_file({"weight": torch.zeros(2)}, bare)
    pickled.write_bytes(pickle.dumps({"weight": 1}))
    refused = {
        text: "got something else",
        bare: "without a Clearway header",
        tmp_path / "gone": "got none",
        listed: "a header that is no object",
    }
    refused |= dict.fromkeys((pickled, zipped, old), "a pickle, which can run code")
    for path, says in refused.items():
        with pytest.raises(CheckpointError, match=says) as caught:
            load_checkpoint(path)
        assert path.name in str(caught.value)


def test_weights_of_another_network_are_refused() -> None:
    saved = _checkpoint()
    with pytest.raises(CheckpointError, match="do not fit"):
        Checkpoint("fdrnet", "x", {**CONFIG, "phases": 2}, "derain", "", CARD, saved.weights).build()
    with pytest.raises(CheckpointError, match="size mismatch"):
        Checkpoint("fdrnet", "x", {**CONFIG, "channels": 4}, "derain", "", CARD, saved.weights).build()
    with pytest.raises(CheckpointError, match="'unheard'"):
        Checkpoint("unheard", "x", {}, "derain", "", CARD, {}).build()
    with pytest.raises(CheckpointError, match="colours"):
        Checkpoint("fdrnet", "x", {"colours": 3}, "derain", "", CARD, {}).build()
