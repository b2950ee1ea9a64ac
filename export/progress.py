"""A build's progress and its cancellation, through the builder's own monitor. Does not know what is built."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

from runtime.backends.tensorrt.api import Builder, IBuilderConfig, INetworkDefinition, TensorRT

Say = Callable[[str], None]
_EVERY = 0.1  # seconds between two looks at where it is


class Progress:
    """Where a build is, as its own threads tell it. Nothing here raises: there it would end in C++."""

    def __init__(self) -> None:
        self.now = "starting"
        self.stopped = False  # the build ends at its next step
        self._steps: dict[str, int] = {}

    def phase(self, name: str, steps: int) -> None:
        self._steps[name] = steps
        self.now = name

    def step(self, name: str, done: int) -> bool:
        """False: do not go on."""
        self.now = f"{name} {done + 1}/{self._steps.get(name, '?')}"
        return not self.stopped


def monitored_build(trt: TensorRT, builder: Builder, network: INetworkDefinition, config: IBuilderConfig, say: Say) -> bytes | None:
    """The plan; None where TensorRT refused, whose log then says why.

    The build has a thread of its own: Ctrl-C reaches only the main one, which would hear of it after minutes, or in the middle of a
    callback from C++. Here that one waits, stops the build, and passes the interrupt on when it has ended.
    """
    progress = Progress()
    monitor = _monitor(trt, progress)
    config.progress_monitor = monitor
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="engine build") as worker:
        build = worker.submit(builder.build_serialized_network, network, config)
        try:
            while not wait({build}, timeout=_EVERY).done:
                say(progress.now)
        except BaseException:
            progress.stopped = True
            raise  # the worker is waited for on the way out
        plan = build.result()
    return None if plan is None else bytes(plan)


def _monitor(trt: TensorRT, progress: Progress) -> object:
    base: Any = trt.IProgressMonitor

    class Monitor(base):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()

        def phase_start(self, name: str, _parent: str | None, steps: int) -> None:
            progress.phase(name, steps)

        def step_complete(self, name: str, done: int) -> bool:
            return progress.step(name, done)

        def phase_finish(self, name: str) -> None:
            """The step that comes next, of the phase around it, says it."""

    return Monitor()
