"""One queue of work on the GPU, and clocks in it. Does not know what is computed."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from numpy.typing import NDArray

from runtime.cuda.api import CudaEvent
from runtime.cuda.device import Device

_NON_BLOCKING = 1  # CU_STREAM_NON_BLOCKING: it does not wait for work that others put on the default stream
MARKS = ("started", "uploaded", "computing", "computed", "done")


class Stream:
    """Upload, compute, download, in this order; every method is called inside of `device.current()`.

    Nothing but `finish`, `settle` and `wait_until` waits for the GPU.
    """

    def __init__(self, device: Device) -> None:
        driver = self._driver = device.driver
        self._marks: dict[str, CudaEvent] = {}
        self._stream = driver.Stream(_NON_BLOCKING)
        try:
            for name in MARKS:
                # To wait for the last one the thread sleeps: spinning would take a core from the video's decoder.
                self._marks[name] = driver.Event(driver.event_flags.BLOCKING_SYNC) if name == "done" else driver.Event()
        except BaseException:
            self.close()
            raise

    @property
    def handle(self) -> int:
        return self._stream.handle

    def upload(self, source: NDArray[Any], address: int) -> None:
        self._driver.memcpy_htod_async(address, source, self._stream)

    def download(self, address: int, target: NDArray[Any]) -> None:
        self._driver.memcpy_dtoh_async(target, address, self._stream)

    def mark(self, name: str) -> None:
        self._marks[name].record(self._stream)

    def follow(self, other: Stream) -> None:
        """What is put here from now on waits for what the other one computes now."""
        self._stream.wait_for_event(other._marks["computed"])

    def wait_until(self, name: str) -> None:
        self._marks[name].synchronize()

    def finish(self) -> dict[str, float]:
        """Waits for all of it. Seconds on the GPU of each stage; waiting for another stream is in none of them."""
        self.mark("done")
        self.wait_until("done")
        of = self._marks
        return {
            "upload": of["started"].time_till(of["uploaded"]) / 1e3,
            "compute": of["computing"].time_till(of["computed"]) / 1e3,
            "download": of["computed"].time_till(of["done"]) / 1e3,
        }

    def close(self) -> None:
        """pycuda destroys what nobody holds any more, where the thread that lets go works on the GPU."""
        self._marks.clear()
        del self._stream

    def settle(self) -> None:
        """After an error: nothing of this stream reads or writes memory any more."""
        with suppress(self._driver.Error):
            self._stream.synchronize()
