"""Stopping when asked: SIGTERM and the first Ctrl-C become a wish that the loop sees between two steps. Does not know training.

All processes of a training stop at the same step, whichever of them was asked: each step's answer is what any of them had heard by the
step before. It is exchanged in the background and over the CPU, so that no GPU waits for it. A second signal does what it always does.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

import torch
import torch.distributed
from lightning_fabric import Fabric

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    def __init__(self, fabric: Fabric) -> None:
        self._signal = 0  # heard here
        self._agreed = 0  # heard by any
        self._group = torch.distributed.new_group(backend="gloo") if fabric.world_size > 1 else None
        self._wishes = torch.zeros(1, dtype=torch.int64)
        self._before: dict[signal.Signals, Any] = {}
        self._exchange: torch.distributed.Work | None = None

    def asked(self) -> int:
        """The signal that any process was sent, or 0; every process must ask at the same step."""
        if self._group is None:
            self._agreed = self._signal
            return self._agreed
        self._finish()
        if self._agreed:  # by all, so that none waits for an answer
            return self._agreed
        self._wishes = torch.tensor([self._signal])
        self._exchange = torch.distributed.all_reduce(self._wishes, torch.distributed.ReduceOp.MAX, group=self._group, async_op=True)
        return self._agreed

    def reason(self) -> BaseException:
        """What the signal would have raised at once."""
        return KeyboardInterrupt() if self._agreed == signal.SIGINT else SystemExit(128 + self._agreed)

    def _finish(self) -> None:
        if self._exchange is not None:
            self._exchange.wait()
            self._exchange = None
            self._agreed = int(self._wishes)

    def _wish(self, number: int, _frame: FrameType | None) -> None:
        self._signal = number
        for one, handler in self._before.items():
            signal.signal(one, handler)

    @contextlib.contextmanager
    def watching(self) -> Iterator[StopRequest]:
        here = threading.current_thread() is threading.main_thread()  # only there can signals be taken
        self._before = {one: signal.signal(one, self._wish) for one in _SIGNALS} if here else {}
        try:
            yield self
            self._finish()  # nothing may be under way when the processes end
        finally:
            for one, handler in self._before.items():
                signal.signal(one, handler)
