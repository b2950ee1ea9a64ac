"""The front door: the public names and the `clearway` command. Knows which room to send you to, and nothing else.

import clearway
restore = clearway.load("derain")
restored = restore(frame)            # uint8 [H, W, 3] BGR in; restored.image out
clearway.restore_video("in.mp4", "out.mp4", model="derain")
clearway.restore_video("in.mp4", "gentle.mkv", finish=clearway.FinishOptions(strength=0.6), encode=clearway.EncodeOptions("h265", 70))
"""

from __future__ import annotations

import importlib
import io
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from runtime.errors import ClearwayError

if TYPE_CHECKING:
    from runtime.restorer import Restored as Restored
    from runtime.restorer import Restorer as Restorer
    from runtime.restorer import load as load
    from video.color import AssumedColor as AssumedColor
    from video.files.encoding import EncodeOptions as EncodeOptions
    from video.files.reading import ReadOptions as ReadOptions
    from video.finish.finish import FinishOptions as FinishOptions
    from video.restore.report import VideoReport
    from video.restore.video import Progress

__all__ = ["AssumedColor", "ClearwayError", "EncodeOptions", "FinishOptions", "ReadOptions", "load", "main", "restore_video"]

# public name → the module that has it; it comes with the first use, since `import clearway` loads nothing
_ELSEWHERE = {
    "AssumedColor": "video.color",
    "EncodeOptions": "video.files.encoding",
    "FinishOptions": "video.finish.finish",
    "ReadOptions": "video.files.reading",
    "load": "runtime.restorer",
}

# word → (room, what it does), in the order in which `clearway --help` lists them
_WORDS = {
    "demo": ("benchmarks", "make a rainy clip, restore it, show what it did and how fast"),
    "restore": ("video", "restore a video, a picture, or a folder of either"),
    "live": ("video", "restore a camera or a stream as it comes: watch it, record it"),
    "models": ("runtime", "list the shipped models and their facts"),
    "doctor": ("runtime", "what this machine can run, how fast, and the next command where it cannot"),
    "train": ("training", "train a recipe on a folder of pictures"),
    "evaluate": ("training", "score a model on pictures, with the protocol named"),
    "figures": ("training", "draw the papers' figures from what is trained and computed now"),
    "export": ("export", "make a verified bundle from a checkpoint"),
    "import-onnx": ("export", "make a verified bundle from somebody else's ONNX file"),
    "build": ("export", "build TensorRT engines from a bundle on the machine that will run them"),
    "verify": ("export", "check a bundle's answers on this machine"),
    "engines": ("runtime", "list, check and prune the engines that were built on this machine"),
    "bench": ("benchmarks", "measure a model on every backend of this machine"),
}


def __getattr__(name: str) -> object:
    if name in _ELSEWHERE:
        return getattr(importlib.import_module(_ELSEWHERE[name]), name)
    raise AttributeError(f"module 'clearway' has no attribute {name!r}")


def restore_video(
    source: str | Path,
    target: str | Path,
    model: str | Path = "derain",
    backend: str = "auto",
    *,
    read: ReadOptions | None = None,
    finish: FinishOptions | None = None,
    encode: EncodeOptions | None = None,
    show_removed: str | Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> VideoReport:
    """Restores a video; timestamps, sound and colour tags come out as they went in. Only `overwrite` replaces what is there.

    The options are those of `clearway restore`: docs/video.md. `resume` goes on where an earlier call was ended, with the result that it
    would have had. `progress` hears the frames done, and of how many, where that is known.
    """
    from runtime.restorer import load
    from video.restore.video import check_file, engine_threads
    from video.restore.video import restore_video as restore

    origin, goal, removed = Path(source), Path(target), None if show_removed is None else Path(show_removed)
    # before the seconds that loading a model takes
    check_file(origin, goal, encode, read, show_removed=removed, resume=resume, overwrite=overwrite)
    with load(model, backend, threads=engine_threads()) as restorer:
        return restore(
            origin,
            goal,
            restorer,
            encode,
            read=read,
            finish=finish,
            show_removed=removed,
            resume=resume,
            overwrite=overwrite,
            progress=progress,
        )


def main(arguments: Sequence[str] | None = None) -> int:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr is: a file's name may be in another encoding
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _terminated)
    try:
        try:
            return _main(list(sys.argv[1:] if arguments is None else arguments))
        finally:  # argparse leaves by SystemExit
            print(end="", flush=True)
    except BrokenPipeError:
        # `clearway models | head -1`: head has what it wanted and is gone. Python writes what is left once more at its end, so that
        # goes nowhere; and the exit code is that of the programs that such a pipe ends in other languages (128 + SIGPIPE).
        _send_stdout_nowhere()
        return 141
    except OSError as error:  # `clearway models > file` on a full disk
        _send_stdout_nowhere()
        return _said(error)


def _terminated(_signal: int, _frame: FrameType | None) -> None:
    """`docker stop`, systemd: by default the process would vanish on the spot and leave its half-written files."""
    raise SystemExit(128 + signal.SIGTERM)


def _send_stdout_nowhere() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _said(error: OSError) -> int:
    where = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
    print(f"clearway: {where}{error.strerror or error}", file=sys.stderr)
    return 1


def _main(words: list[str]) -> int:
    if not words or words[0] in {"-h", "--help"}:
        print(_usage())
        return 0
    if words[0] == "--version":
        from importlib.metadata import version

        print(f"clearway {version('clearway')}")
        return 0
    word, *rest = words
    if word not in _WORDS:
        print(f"clearway: no command is called {word!r}; there are: {', '.join(_WORDS)}", file=sys.stderr)
        return 2
    return _run(word, rest)


def _run(word: str, arguments: list[str]) -> int:
    """Sends the word to its room and turns what it raises into one line and an exit code."""
    try:
        room = importlib.import_module(f"{_WORDS[word][0]}.cli")
        return int(room.run(word, arguments))
    except ClearwayError as error:
        print(f"clearway: {error}", file=sys.stderr)
        _say_notes(error)
        return error.exit_code
    except BrokenPipeError:
        raise
    except OSError as error:  # a folder without x, a name that is too long: the system's words, with the path, say enough
        return _said(error)
    except KeyboardInterrupt as error:
        print("clearway: interrupted; no half-made file is left under a final name", file=sys.stderr)
        _say_notes(error)
        return 130
    except SystemExit as error:  # SIGTERM; argparse's has none
        _say_notes(error)
        raise


def _say_notes(error: BaseException) -> None:
    """How to go on, from whoever knows."""
    for note in getattr(error, "__notes__", ()):
        print(f"clearway: {note}", file=sys.stderr)


def _usage() -> str:
    lines = [f"  {word:<13}{does}" for word, (_room, does) in _WORDS.items()]
    return "\n".join(["usage: clearway COMMAND ...", "", *lines, "", "clearway COMMAND --help says more."])


if __name__ == "__main__":
    sys.exit(main())
