"""Asks a question in a process of its own: of a program, of a module of ours, or whether a package imports.

A wheel that was built for another processor ends its process on import, and a GPU that has hung never answers. Neither may end or
hold up whoever asks.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_MARK = "clearway answers: "  # libraries write to stdout too
_PATIENCE = 60  # seconds to import a package; torch from a cold disk takes many


@dataclass(frozen=True)
class ProgramResult:
    output: str
    fault: str  # "" where the program succeeded, else what went wrong in a few words


@dataclass(frozen=True)
class ModuleAnswer:
    value: Any  # what JSON can hold; None where there is a fault
    fault: str


def run(command: Sequence[str], seconds: float, environment: Mapping[str, str] | None = None) -> ProgramResult:
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            env=environment,
        )
    except OSError as error:
        return ProgramResult("", f"it cannot be started ({error.strerror or error})")
    try:
        output, complaints = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        return ProgramResult("", f"it gave no answer within {seconds:g} s")
    finally:
        _end(process)
    return ProgramResult(output, _fault(process.returncode, complaints, output))


def ask(module: str, *words: str, seconds: float) -> ModuleAnswer:
    """Runs a module of ours, which hands its value to `answer`. It finds every package where this process finds it."""
    paths = os.pathsep.join(os.path.abspath(path) for path in sys.path)
    ended = run([sys.executable, "-P", "-m", module, *words], seconds, os.environ | {"PYTHONPATH": paths})
    for line in ended.output.splitlines():
        if line.startswith(_MARK):
            return ModuleAnswer(json.loads(line.removeprefix(_MARK)), "")
    return ModuleAnswer(None, ended.fault or "it ended without an answer")


def import_fault(module: str) -> str:
    """What importing a package ends with; "" where it works."""
    return ask(__name__, module, seconds=_PATIENCE).fault


def answer(value: Any) -> None:
    sys.stdout.write(f"\n{_MARK}{json.dumps(value)}\n")


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.kill()
        # What waits for a driver that hangs cannot be killed before the driver answers: not waited for.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(1)
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


def _fault(code: int, complaints: str, output: str) -> str:
    if code == 0:
        return ""
    if code < 0:
        return f"it crashed: {signal.strsignal(-code)}"
    lines = [line.strip() for line in (complaints or output).splitlines() if line.strip()]
    return lines[-1] if lines else f"it ended with exit code {code}"


if __name__ == "__main__":
    # As in runtime/backends: neither engine sends usage events when it is imported.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    importlib.import_module(sys.argv[1])
    answer(True)
