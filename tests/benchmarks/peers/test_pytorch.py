"""PyTorch alone: the same work as the engines, in a type of its own, and nothing held once it is closed."""

from __future__ import annotations

import weakref
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.peers.defaults import EAGER
from benchmarks.peers.pytorch import PytorchPeer, TypedNetwork, open_peer
from export.onnx.graph import FrameGraph
from runtime.backends.choose import open_backend
from runtime.backends.protocol import BackendFacts
from runtime.errors import BackendError
from runtime.model.bundle import open_bundle
from runtime.model.zoo import find
from runtime.picture import Tensors
from tests.support.export.toys import Toy
from tests.support.tiny import make_bundle


def test_a_peer_does_the_same_work() -> None:
    bundle = open_bundle(find("derain"))
    frames = np.random.default_rng(0).integers(0, 256, (2, 40, 50, 3), np.uint8)
    peer, engine = open_peer(bundle, EAGER, "cpu"), open_backend(bundle, "onnxruntime").backend
    into: Tensors = {"restored": np.empty_like(frames)}
    peer.run(frames, into)
    assert np.abs(into["restored"].astype(int) - engine.run(frames)["restored"]).max() <= 1
    assert peer.run(frames).keys() == engine.run(frames).keys()


def test_a_closed_peer_holds_nothing() -> None:
    graph = FrameGraph(Toy())
    peer, held = PytorchPeer(BackendFacts(EAGER, "fp32", ""), graph, "cpu"), weakref.ref(graph)
    del graph
    peer.close()
    assert held() is None


def test_a_peer_computes_in_its_own_type() -> None:
    frame = torch.randint(0, 256, (1, 20, 24, 3), dtype=torch.uint8)
    network = Toy()
    with torch.inference_mode():
        expected = FrameGraph(network)(frame)[0].int()
        half = FrameGraph(TypedNetwork(network, torch.float16))
        assert (half(frame)[0].int() - expected).abs().max() <= 1
    assert next(network.parameters()).dtype == torch.float16


def test_a_bundle_without_weights_has_no_peer(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match=r"expected weights.safetensors in .*export the bundle again"):
        open_peer(open_bundle(make_bundle(tmp_path / "tiny")), EAGER, "cpu")
