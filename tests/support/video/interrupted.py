"""Restores IN to OUT many times, each in a process of its own that gets SIGINT at another moment; prints their exit codes.

    python -m tests.support.video.interrupted IN OUT MOMENTS

Moment n is the n-th time, once the pipeline has begun, that the main thread enters a function or comes back from one written in C: there
Python looks for signals, so the same moments come every time. Those inside a Condition are left out: between its two locks, CPython 3.11
turns KeyboardInterrupt into RuntimeError. LEFT_BEHIND: a thread of the pipeline outlived it. A negative code is the signal that killed the
process.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType

from tests.support.video.restoring import restorer
from video.pipeline import run_pipeline
from video.restore.job import RestoreJob
from video.restore.video import restore_video

LEFT_BEHIND = 99
_CONDITION = {value.__code__ for value in vars(threading.Condition).values() if hasattr(value, "__code__")}


def interrupted(source: Path, target: Path, moment: int) -> int:
    """In a child process: the exit code."""
    left: int | None = None

    def count(frame: FrameType, event: str, _argument: object) -> None:
        nonlocal left
        if event not in ("call", "c_return"):
            return
        if left is None and frame.f_code is run_pipeline.__code__:
            left = moment
        elif left is not None and frame.f_code not in _CONDITION:
            left -= 1
        if left == 0:
            sys.setprofile(None)
            time.sleep(0.005)  # the threads that have begun come into FFmpeg, which they must leave before a file is closed
            signal.raise_signal(signal.SIGINT)

    sys.setprofile(count)
    try:
        restore_video(RestoreJob(source, target), restorer())
    except KeyboardInterrupt:
        return LEFT_BEHIND if any(thread.name.startswith("clearway-") and thread.is_alive() for thread in threading.enumerate()) else 130
    return 0


def main() -> None:
    source, target = map(Path, sys.argv[1:3])
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts its background jobs without it
    for moment in map(int, sys.argv[3].split(",")):
        child = os.fork()
        if child == 0:
            sys.exit(interrupted(source, target, moment))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
