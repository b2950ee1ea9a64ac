"""Several processes train as one does: the same weights from the same patches, and one of them speaks and writes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from runtime.errors import UsageError
from tests.support.training.devices_worker import SYSTEMS, recipe_of, run
from tests.support.training.pictures import clean_folder
from training.checkpoint import load_checkpoint, read_tensors
from training.loop.devices import Device, set_up_devices
from training.loop.loop import MODEL
from training.loop.state import STATE

ROOT = Path(__file__).parents[3]
# Adam divides a gradient by its own size: where that is rounding noise, a weight may step either way, in one process as in two. So all
# weights of a network count together, against how far they moved. Measured: 4e-7 to 2e-3 of it; with half of the batch, 0.45 and more.
LARGEST_SHARE = 0.01


def _environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("two")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    words = [*torchrun, "-m", "tests.support.training.devices_worker"]
    ended = subprocess.run([*words, str(folder)], cwd=ROOT, env=_environment(), capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr[-3000:]
    return folder


def _networks(folder: Path) -> dict[str, dict[str, Tensor]]:
    """Network → its weights."""
    networks: dict[str, dict[str, Tensor]] = {}
    for key, value in read_tensors(folder / STATE)[0].items():
        kind, _, rest = key.partition(".")
        if kind == "network":
            network, _, name = rest.partition(".")
            networks.setdefault(network, {})[name] = value
    return networks


@pytest.mark.parametrize("name", SYSTEMS)
def test_two_processes_reach_the_weights_of_one_with_the_doubled_batch(name: str, two_processes: Path, tmp_path: Path) -> None:
    run(name, tmp_path, batch=4)
    many, one = _networks(two_processes / name), _networks(tmp_path)
    torch.manual_seed(recipe_of(name, 4).seed)
    start = recipe_of(name, 4).network.build().state_dict()
    assert many.keys() == one.keys()
    for network, weights in one.items():
        apart = torch.cat([(value - many[network][key]).flatten() for key, value in weights.items()]).norm()
        # Discriminators begin elsewhere; as far as a generator moves is as far as they do.
        moved = torch.cat([(value - start[key]).flatten() for key, value in one["generator"].items()]).norm()
        assert moved > 0
        assert apart < LARGEST_SHARE * moved, network


def _process(two_processes: Path, rank: int) -> dict[str, float | str]:
    told: dict[str, float | str] = json.loads((two_processes / f"process-{rank}.json").read_text())
    return told


def test_a_signal_that_one_process_hears_stops_both_behind_the_same_step(two_processes: Path) -> None:
    """Heard behind step 2, told to the other with step 3, agreed behind step 4."""
    for rank in range(2):
        told = _process(two_processes, rank)
        assert (told["left"], told["step"]) == ("exit code 143", 4)


def test_two_processes_resume_bit_for_bit_and_each_with_its_own_pool(two_processes: Path) -> None:
    names = [STATE, "memory-1-6.safetensors"]
    for name in names:
        whole, cut = (read_tensors(two_processes / folder / name)[0] for folder in ("whole", "cut"))
        assert whole.keys() == cut.keys()
        assert [key for key, value in whole.items() if not torch.equal(value, cut[key])] == []
    pools = [read_tensors(two_processes / "whole" / name)[0]["memory.clear.pictures"] for name in names]
    assert not torch.equal(*pools), "each process is expected to have pictures of its own"


def test_the_mean_over_two_processes_has_the_gradient_of_one_mean(two_processes: Path) -> None:
    """The mean of both losses is 1.5 · mean, and each process's gradient is what DDP then takes the mean of."""
    for rank in range(2):
        told = _process(two_processes, rank)
        assert (told["mean"], told["gradient"]) == (1.5, 1.5)


def test_the_train_word_starts_its_processes_itself_and_one_of_them_speaks(tmp_path: Path) -> None:
    data, out = clean_folder(tmp_path / "photos", count=3), tmp_path / "run"
    words = ["train", "derain", "--data", str(data), "-o", str(out), "--devices", "2", "--precision", "32-true"]
    words += [word for setting in ("steps=2", "batch=1", "patch=32") for word in ("--set", setting)]
    ended = subprocess.run(
        [sys.executable, "-m", "clearway", *words], cwd=ROOT, env=_environment(), capture_output=True, text=True, timeout=300
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("is trained") == 1, ended.stderr
    assert ended.stderr.count("step 2 of 2") == 1
    assert load_checkpoint(out / MODEL).card.steps == 2


@pytest.mark.skipif(not torch.cuda.is_available(), reason="counts GPUs")
def test_more_devices_than_there_are_is_refused() -> None:
    with pytest.raises(UsageError, match="this machine has"):
        set_up_devices(Device(count=99))
