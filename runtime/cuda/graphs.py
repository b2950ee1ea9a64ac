"""Records what a stream is given as a CUDA graph, and launches the whole of it in one call. Does not know what it is.

cuda-bindings does it, since pycuda has no capture.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

from runtime.cuda.api import GraphDriver
from runtime.errors import BackendError, MissingExtra


class Graph:
    """It reads and writes the addresses that it was captured with."""

    def __init__(self, driver: GraphDriver, executable: Any) -> None:
        self._driver = driver
        self._executable = executable

    def launch(self, stream: int) -> None:
        _checked(self._driver, self._driver.cuGraphLaunch(self._executable, self._driver.CUstream(stream)))

    def close(self) -> None:
        executable, self._executable = self._executable, None
        if executable is not None:
            _checked(self._driver, self._driver.cuGraphExecDestroy(executable))


class Graphs:
    """Captures. What could not be captured once is not tried again: `refused` then says why."""

    def __init__(self) -> None:
        try:
            from cuda.bindings import driver
        except ImportError as error:
            raise MissingExtra("cuda.bindings", "gpu") from error
        self._driver = cast(GraphDriver, driver)
        self.refused = ""

    def capture(self, stream: int, enqueue: Callable[[], None]) -> Graph | None:
        """What `enqueue` puts on the stream. It does not run yet. None where that is not to be had, as `refused` then says."""
        if self.refused:
            return None
        try:
            return self._captured(stream, enqueue)
        except BackendError as error:
            self.refused = str(error)
            return None

    def _captured(self, stream: int, enqueue: Callable[[], None]) -> Graph:
        driver, handle = self._driver, self._driver.CUstream(stream)
        # Other threads go on: what they may not do while a whole process captures, they may while one thread does.
        _checked(driver, driver.cuStreamBeginCapture(handle, driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL))
        try:
            enqueue()
        except BaseException:
            with suppress(BackendError):  # the first error is the telling one
                (graph,) = _checked(driver, driver.cuStreamEndCapture(handle))
                _checked(driver, driver.cuGraphDestroy(graph))
            raise
        (graph,) = _checked(driver, driver.cuStreamEndCapture(handle))
        try:
            (executable,) = _checked(driver, driver.cuGraphInstantiate(graph, 0))
        finally:
            _checked(driver, driver.cuGraphDestroy(graph))
        return Graph(driver, executable)


def _checked(driver: GraphDriver, answer: tuple[Any, ...]) -> tuple[Any, ...]:
    code, *values = answer
    if code != driver.CUresult.CUDA_SUCCESS:
        raise BackendError(f"the GPU failed at a CUDA graph ({code.name}); nvidia-smi may say more")
    return tuple(values)
