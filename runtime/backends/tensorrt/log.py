"""What TensorRT says while it builds and runs. Does not know what is built.

Its errors go into our one-line messages. At the end of a build TensorRT-RTX lists the engine's kernels there too, on any machine; an
engine itself can be asked for them only where there is a GPU.
"""

from __future__ import annotations

import functools
import importlib
from typing import Any

_LIST_OF_KERNELS = "Layers:\n"


class Log:
    """Since `take` was last called. It is written from the builder's threads."""

    def __init__(self) -> None:
        self._errors: list[str] = []
        self.kernels = ""  # of the last engine; empty where they were not listed

    def note(self, severity: str, message: str) -> None:
        if severity in {"ERROR", "INTERNAL_ERROR"}:
            self._errors.append(message)
        elif message.startswith(_LIST_OF_KERNELS):
            self.kernels = message.removeprefix(_LIST_OF_KERNELS)

    def take(self) -> list[str]:
        """The errors, which then are gone, and so is what was said of an earlier engine."""
        errors, self._errors, self.kernels = self._errors, [], ""
        return errors


@functools.cache
def logger_of(module: str) -> tuple[object, Log]:
    """TensorRT's view of the log and ours. One for the whole process: TensorRT keeps the first that it is given, ignoring later ones."""
    log = Log()
    base: Any = importlib.import_module(module).ILogger

    class Logger(base):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()

        def log(self, severity: Any, message: str) -> None:
            log.note(severity.name, message)

    return Logger(), log
