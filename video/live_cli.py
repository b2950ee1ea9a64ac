"""The command `live`: its arguments, its status line and its report. Does not know how a run works.

Ctrl-C is how a live run ends, so it is no failure: the files are finished, the report is printed, and the exit code is 0.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from runtime.errors import UsageError
from runtime.model.zoo import shipped
from runtime.progress_line import StatusLine
from runtime.restorer import load
from video.live.model import LiveModel
from video.live.run import LiveRun
from video.live.sinks.recorder import Recorder
from video.live.sinks.sink import LiveSink, NullSink
from video.live.sources.which import NAMES, make_live_source
from video.live.statistics import LiveStatistics
from video.page.address import PORT, parse_address

if TYPE_CHECKING:
    from video.page.server import PageServer  # imported below where a page is wanted

_LINE_EVERY_S = 1.0


def run(word: str, arguments: list[str]) -> int:
    args = _parser(word).parse_args(arguments)
    source = make_live_source(args.source)
    model = LiveModel(partial(load, backend=args.backend), _models(args), args.strength)
    sinks, recorder = _sinks(args, model)
    page = contextlib.nullcontext() if args.serve is None else _page(args, source.name, model, sinks)
    with page, model:  # the page answers while the model is being loaded
        restorer = model.restorer
        if not args.quiet:
            print(f"{restorer.manifest.name} on {restorer.choice.describe()}", file=sys.stderr, flush=True)
        status = StatusLine(quiet=args.quiet)
        live = LiveRun(source, model, sinks or [NullSink()], say=lambda message: status.write(f"{time.strftime('%H:%M:%S')} {message}"))
        with contextlib.suppress(KeyboardInterrupt), status, live:
            _watch(live, status)
    report, restorer = live.statistics(), model.restorer
    files = [] if recorder is None else [str(path) for path in recorder.files]
    if args.json:
        print(json.dumps({**report.as_dict(), "model": restorer.manifest.name, "backend": restorer.choice.describe(), "files": files}))
    elif not args.quiet:
        print(format_summary(report, files))
    return 0


def _parser(word: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"clearway {word}", description="Restores a camera or a stream live. Ctrl-C ends it and finishes the files."
    )
    parser.add_argument("source", metavar="SOURCE", help=NAMES)
    parser.add_argument("--record", type=Path, metavar="DIR", help="record the restored video as files of a few minutes each")
    parser.add_argument("--segment", default="10", metavar="MINUTES", help="the length of a recorded file (default: %(default)s)")
    parser.add_argument(
        "--window", action="store_true", help="show it in a window; keys: w wipe, a/d move it, space pause, s snapshot, i numbers, q quit"
    )
    parser.add_argument("--snapshots", type=Path, default=Path(), metavar="DIR", help="where the window's snapshots go (default: here)")
    parser.add_argument(
        "--serve",
        nargs="?",
        const=str(PORT),
        metavar="[HOST:]PORT",
        help=f"serve a page with the picture, numbers and switches; only for this machine without HOST (default: 127.0.0.1:{PORT})",
    )
    parser.add_argument(
        "--model",
        action="append",
        help="a shipped model by name, or the folder of a bundle; repeat it for each model that the page may switch to (default: derain)",
    )
    parser.add_argument("--strength", type=float, default=1.0, help="from 0, the source, to 1, the restored picture (default: 1)")
    parser.add_argument("--backend", default="auto", help="which engine runs it (default: the fastest that this machine has)")
    parser.add_argument("--json", action="store_true", help="print the report as one line of JSON")
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")
    return parser


def _models(args: argparse.Namespace) -> list[str]:
    said = args.model or ["derain"]
    if args.serve is None and len(said) > 1:
        raise UsageError(f"--model: expected one without --serve, got {len(said)}; add --serve, whose page switches between them")
    return said if args.serve is None else [*said, *shipped()]


def _sinks(args: argparse.Namespace, model: LiveModel) -> tuple[list[LiveSink], Recorder | None]:
    """Reports all that is wrong with them before the seconds that loading a model takes. Without any the run is only measured."""
    sinks: list[LiveSink] = []
    recorder = None
    if args.record is not None:
        recorder = Recorder(args.record, _minutes(args.segment), comment=lambda: model.processed_by)
        sinks.append(recorder)
    if args.window:
        from video.live.sinks.window import WindowSink  # an OpenCV without windows is enough for everything else

        sinks.append(WindowSink(args.snapshots))
    return sinks, recorder


def _page(args: argparse.Namespace, name: str, model: LiveModel, sinks: list[LiveSink]) -> PageServer:
    """It listens from here on."""
    from video.page.camera import Camera  # aiohttp is wanted by nothing else
    from video.page.server import PageServer
    from video.page.sink import PageSink

    sink = PageSink()
    sinks.append(sink)
    server = PageServer(parse_address(args.serve), [Camera(name, sink, model)])
    if not args.quiet:
        print(server.address.notice, file=sys.stderr, flush=True)
    return server


def _minutes(said: str) -> Fraction:
    try:
        return Fraction(said)
    except (ValueError, ZeroDivisionError):
        raise UsageError(f"--segment: expected minutes, such as 10 or 0.5, got {said!r}") from None


def _watch(live: LiveRun, status: StatusLine) -> None:
    while not live.wait(_LINE_EVERY_S if status.is_live else None):
        status.show(format_line(live.statistics()))


def format_line(numbers: LiveStatistics) -> str:
    latency = numbers.stages.get("to restored")
    age = "" if latency is None else f"  {latency['p50_ms']:.0f} ms (p99 {latency['p99_ms']:.0f})"
    rate = "" if numbers.restored_fps is None else f"  {numbers.restored_fps:.1f} fps"
    return f"{numbers.source}  {numbers.state}{rate}{age}  {sum(numbers.dropped.values())} dropped  {numbers.losses} times lost"


def format_summary(numbers: LiveStatistics, files: list[str]) -> str:
    lines = [f"{numbers.source}: {numbers.restored} of {numbers.captured} frames restored in {numbers.seconds:.1f} s"]
    if numbers.stages:
        stages = ", ".join(f"{name} {ms['p50_ms']:.1f}/{ms['p95_ms']:.1f}/{ms['p99_ms']:.1f}" for name, ms in numbers.stages.items())
        lines.append(f"  ms, p50/p95/p99: {stages}")
    if numbers.dropped:
        lines.append("  dropped: " + ", ".join(f"{count} ({why})" for why, count in numbers.dropped.items()))
    if numbers.losses or numbers.failed_attempts:
        away = f", away for {', '.join(f'{seconds:.1f}' for seconds in numbers.recovery_s[-5:])} s" if numbers.recovery_s else ""
        lines.append(f"  lost {numbers.losses} times{away}; {numbers.failed_attempts} attempts failed; the last: {numbers.trouble}")
    if numbers.retimed:
        lines.append(f"  note: {numbers.retimed} frames had no time of their own, or one that jumped, and were given that of their arrival")
    lines.extend(f"  {path}" for path in files)
    return "\n".join(lines)
