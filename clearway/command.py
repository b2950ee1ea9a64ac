"""The `clearway` command: which room answers which word, and how an error becomes one line and an exit code.

A room is imported only when its word is used.
"""

from __future__ import annotations

import importlib
import io
import os
import signal
import sys
import threading
from collections.abc import Sequence
from types import FrameType

from runtime.errors import ClearwayError

# word → (room, what it does), in the order in which `clearway --help` lists them
WORDS = {
    "demo": ("benchmarks", "make a rainy clip, restore it, show what it did and how fast"),
    "restore": ("video", "restore a video, a picture, or a folder of either"),
    "live": ("video", "restore a camera or a stream live: watch it, record it"),
    "models": ("runtime", "list the shipped models and their facts"),
    "doctor": ("runtime", "what this machine can run, how fast, and the next command where it cannot"),
    "train": ("training", "train a recipe on a folder of pictures"),
    "evaluate": ("training", "score a model on pictures, with the protocol named"),
    "figures": ("training", "draw the papers' figures from what is trained and computed now"),
    "export": ("export", "make a verified bundle from a checkpoint"),
    "import-onnx": ("export", "make a verified bundle from an ONNX file made elsewhere"),
    "build": ("export", "build TensorRT engines from a bundle on the machine that will run them"),
    "verify": ("export", "check a bundle's answers on this machine"),
    "engines": ("runtime", "list, check and prune the engines that were built on this machine"),
    "bench": ("benchmarks", "measure a model on every backend of this machine"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr is: a file's name may be in another encoding
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _end_on_sigterm)
    try:
        try:
            return _dispatch(list(sys.argv[1:] if arguments is None else arguments))
        finally:  # argparse leaves by SystemExit
            print(end="", flush=True)
    except BrokenPipeError:
        # `clearway models | head -1`: head has what it wanted and is gone. Python writes what is left once more at its end, so that
        # goes nowhere; and the exit code is that of the programs that such a pipe ends in other languages (128 + SIGPIPE).
        _send_stdout_nowhere()
        return 141
    except OSError as error:  # `clearway models > file` on a full disk
        _send_stdout_nowhere()
        return _report_system_error(error)


def _end_on_sigterm(_signal: int, _frame: FrameType | None) -> None:
    """`docker stop`, systemd: by default the process would vanish on the spot and leave its half-written files."""
    raise SystemExit(128 + signal.SIGTERM)


def _send_stdout_nowhere() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _report_system_error(error: OSError) -> int:
    where = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
    print(f"clearway: {where}{error.strerror or error}", file=sys.stderr)
    return 1


def _dispatch(words: list[str]) -> int:
    if not words or words[0] in {"-h", "--help"}:
        print(_usage())
        return 0
    if words[0] == "--version":
        from clearway import __version__

        print(f"clearway {__version__}")
        return 0
    word, *rest = words
    if word not in WORDS:
        print(f"clearway: expected a command, got {word!r}; use one of {', '.join(WORDS)}", file=sys.stderr)
        return 2
    return _run(word, rest)


def _run(word: str, arguments: list[str]) -> int:
    """Sends the word to its room and turns what it raises into one line and an exit code."""
    try:
        room = importlib.import_module(f"{WORDS[word][0]}.cli")
        return int(room.run(word, arguments))
    except ClearwayError as error:
        print(f"clearway: {error}", file=sys.stderr)
        _print_notes(error)
        return error.exit_code
    except BrokenPipeError:
        raise
    except OSError as error:  # a folder without x, a name that is too long: the system's words, with the path, say enough
        return _report_system_error(error)
    except KeyboardInterrupt as error:
        print("clearway: interrupted; no half-made file is left under a final name", file=sys.stderr)
        _print_notes(error)
        return 130
    except SystemExit as error:  # SIGTERM; argparse's has none
        _print_notes(error)
        raise


def _print_notes(error: BaseException) -> None:
    """How to go on, from whoever knows."""
    for note in getattr(error, "__notes__", ()):
        print(f"clearway: {note}", file=sys.stderr)


def _usage() -> str:
    lines = [f"  {word:<13}{does}" for word, (_room, does) in WORDS.items()]
    return "\n".join(["usage: clearway COMMAND ...", "", *lines, "", "clearway COMMAND --help explains its options."])
