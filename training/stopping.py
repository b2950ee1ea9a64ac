"""Owns stopping when asked: SIGTERM and the first Ctrl-C become a wish that the loop sees between two steps; knows nothing of training.

All processes of a training stop at the same step, whichever of them was asked. A second signal does what it always does.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

import torch
from lightning_fabric import Fabric

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    def __init__(self, fabric: Fabric) -> None:
        self._fabric = fabric
        self._signal = 0

    def asked(self) -> bool:
        """Whether any process was; every process must ask at the same step."""
        if self._fabric.world_size > 1:
            everyone = self._fabric.all_reduce(torch.tensor(self._signal, device=self._fabric.device), reduce_op="max")
            assert isinstance(everyone, torch.Tensor)  # a tensor went in
            self._signal = int(everyone)
        return self._signal != 0

    def leave(self) -> None:
        """What the signal would have done at once."""
        if self._signal == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(128 + self._signal)

    def _wish(self, number: int, _frame: FrameType | None) -> None:
        self._signal = number
        for one in _SIGNALS:
            signal.signal(one, self._before[one])

    @contextlib.contextmanager
    def watching(self) -> Iterator[Stop]:
        if threading.current_thread() is not threading.main_thread():  # only there can signals be taken
            yield self
            return
        self._before = {one: signal.signal(one, self._wish) for one in _SIGNALS}
        try:
            yield self
        finally:
            for one, handler in self._before.items():
                signal.signal(one, handler)
