"""Weights on disk: safetensors with a JSON header, written atomically. Does not know training or export.

Nothing here can run code from a file: a pickle (`.pth`, `.ckpt`) is refused by name.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from runtime.errors import CheckpointError
from runtime.files.atomic import written
from runtime.model.manifest import ModelCard
from training.networks import build_network

_HEADER = "clearway"
_PICKLED = "a pickle, which can run code, so it is not opened; train again, or have its author save it as safetensors"


@dataclass(frozen=True)
class Checkpoint:
    """Weights that can be exported, with everything that the model's manifest will hold."""

    network: str
    preset: str
    config: dict[str, Any]
    task: str
    summary: str
    card: ModelCard
    weights: dict[str, Tensor]

    def build(self) -> nn.Module:
        """The network with these weights, in evaluation mode."""
        network = build_network(self.network, self.config)
        try:
            wrong = network.load_state_dict(self.weights, strict=False)
        except RuntimeError as error:  # another shape
            detail = str(error).splitlines()[-1].strip()
            raise CheckpointError(f"the weights do not fit the network {self.network} that the checkpoint names ({detail})") from error
        if wrong.missing_keys or wrong.unexpected_keys:
            named = (wrong.missing_keys + wrong.unexpected_keys)[0]
            raise CheckpointError(f"the weights do not fit the network {self.network} that the checkpoint names (first: {named})")
        return network.eval()


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    facts = {f.name: getattr(checkpoint, f.name) for f in dataclasses.fields(checkpoint) if f.name != "weights"}
    write_tensors(path, checkpoint.weights, {**facts, "card": dataclasses.asdict(checkpoint.card)})


def load_checkpoint(path: Path) -> Checkpoint:
    tensors, facts = read_tensors(path)
    try:
        card: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in facts.pop("card").items()}
        return Checkpoint(**facts, card=ModelCard(**card), weights=tensors)
    except (KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path}: expected a model from `clearway train`, got a header with other facts ({error})") from error


def write_tensors(path: Path, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
    """All or nothing: a crash leaves the old file."""
    # Cloned: safetensors refuses tensors that share memory (tied weights, views of one buffer).
    plain = {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with written(path) as temporary:
            save_file(plain, temporary, metadata={_HEADER: json.dumps(facts)})
    except (OSError, SafetensorError) as error:  # a full disk comes as either
        raise CheckpointError(f"{path} cannot be written ({error}); what was there is untouched; name another folder") from error


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    if not path.is_file():
        raise CheckpointError(f"{path}: expected a checkpoint file, got none")
    if path.suffix in {".pth", ".pt", ".ckpt", ".pkl"}:
        raise CheckpointError(f"{path}: expected a .safetensors checkpoint, got {_PICKLED}")
    try:
        with safe_open(path, framework="pt") as file:
            header = (file.metadata() or {}).get(_HEADER)
            if header is None:
                raise CheckpointError(f"{path}: expected a checkpoint from `clearway train`, got weights without a Clearway header")
            tensors: dict[str, torch.Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            facts = json.loads(header)
    except (SafetensorError, OSError, ValueError) as error:
        what = _PICKLED if _looks_pickled(path) else f"something else ({error})"
        raise CheckpointError(f"{path}: expected a safetensors checkpoint, got {what}") from error
    if not isinstance(facts, dict):
        raise CheckpointError(f"{path}: expected a checkpoint from `clearway train`, got a header that is no object")
    return tensors, facts


def _looks_pickled(path: Path) -> bool:
    """Asked only of what is no safetensors file: torch.save writes a zip, and older versions a bare pickle."""
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError:
        return False
    return start.startswith((b"PK\x03\x04", b"\x80"))
