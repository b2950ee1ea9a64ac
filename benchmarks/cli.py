"""The commands `demo` and `bench`: their arguments, and what they print."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from runtime.errors import UsageError, needs_extra

if TYPE_CHECKING:
    from benchmarks.demo.demo import DemoReport
    from benchmarks.record import Record


def run(word: str, arguments: list[str]) -> int:
    with needs_extra("cpu"):
        return _WORDS[word](arguments)


def _demo(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="clearway demo", description="Makes a rainy clip, restores it, shows what it did and how fast.")
    parser.add_argument("--out", type=Path, default=Path("demo"), metavar="DIR", help="where the files go (default: %(default)s)")
    parser.add_argument("--model", default="derain", help="a shipped model's name, or the folder of a bundle (default: %(default)s)")
    parser.add_argument("--backend", default="auto", help="which engine runs it (default: the fastest that this machine has)")
    parser.add_argument("--seconds", type=float, default=8.0, help="length of the clip, 1 to 60 (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print the report as one line of JSON")
    options = parser.parse_args(arguments)
    if not 1 <= options.seconds <= 60:
        raise UsageError(f"--seconds: expected 1 to 60, got {options.seconds:g}")
    from benchmarks.demo.clip import ClipOptions
    from benchmarks.demo.demo import DemoOptions, run_demo
    from benchmarks.demo.scene import RATE
    from video.cli import ProgressBar

    plan = DemoOptions(options.out, options.model, options.backend, ClipOptions(frames=round(options.seconds * RATE)))
    with ProgressBar() as bar:
        report = run_demo(plan, bar.step)
    print(json.dumps(dataclasses.asdict(report)) if options.json else summary(report))
    return 0


def summary(report: DemoReport) -> str:
    """One screen; the other protocols and the stages' times are in report.json."""
    clip, speed, backend, scores = report.clip, report.speed, report.backend, report.scores[0]
    widest = max(len(path) for path in report.files.values())
    gain = scores.psnr_after_db - scores.psnr_before_db
    lines = [
        f"Drew {clip['seconds']:g} s of a street in heavy rain, {clip['width']}×{clip['height']} at {clip['fps']} frames a second.",
        f"Restored it with {report.model['name']} ({report.model['preset']}) on {backend['name']} in {backend['precision']}: "
        f"{backend['why']}.",
        "",
        f"  PSNR {scores.psnr_before_db:.2f} → {scores.psnr_after_db:.2f} dB ({gain:+.2f}), "
        f"SSIM {scores.ssim_before:.3f} → {scores.ssim_after:.3f} ({scores.protocol})",
        f"  {speed['fps']:.1f} frames a second from file to file; {_pace(speed['kept_up'], clip['fps'])}",
        "",
        *(f"  {path:<{widest}}  {_MEANING[name]}" for name, path in report.files.items()),
    ]
    return "\n".join(lines)


def _pace(kept_up: bool, fps: float) -> str:
    if kept_up:
        return f"it keeps up with {fps} frames a second"
    return f"it does not keep up with {fps} frames a second: use a faster engine (clearway doctor), a smaller picture or a smaller model"


_MEANING = {
    "before.mp4": "the rainy clip",
    "after.mp4": "restored",
    "compare.mp4": "a wipe between the two",
    "before-after.png": "one frame, with two details enlarged",
    "removed.png": "what was taken out of that frame (grey: nothing)",
    "report.json": "all numbers, and the machine they were measured on",
}


def _bench(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="clearway bench", description="Measures a model on every engine of this machine, in one run.")
    parser.add_argument("model", nargs="?", help="a shipped model's name, or the folder of a bundle")
    about = "instead of a model: what this network costs as it is built, untrained (repeatable; `all`: every one, those for a CPU timed)"
    parser.add_argument("--preset", action="append", default=[], metavar="NAME", help=about)
    parser.add_argument("--size", default="1280x720", metavar="WxH", help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=6.0, help="for each engine (default: %(default)s)")
    parser.add_argument("--record", type=Path, metavar="FILE", help="write the record there")
    parser.add_argument("--json", action="store_true", help="print the record as one line of JSON")
    options = parser.parse_args(arguments)
    width, height = _size(options.size)
    if bool(options.model) == bool(options.preset):
        raise UsageError("expected a model or presets with --preset, got both or neither; name one of the two")
    from benchmarks.measure.model.bench import BenchOptions, bench
    from benchmarks.record import check_target, say, write_record
    from benchmarks.reports.pages import costs, tables

    check_target(options.record)
    if options.preset:
        record, table = _bench_presets(options.preset, height, width, options.seconds, say), costs
    else:
        record, table = bench(BenchOptions(options.model, height, width, options.seconds), say), tables
    if options.record:
        write_record(options.record, record)
    print(json.dumps(record) if options.json else table(record))
    return 0


def _bench_presets(names: list[str], height: int, width: int, seconds: float, say: Callable[[str], None]) -> Record:
    with needs_extra("export"):
        from benchmarks.measure.model.presets import measure_presets
    return measure_presets([] if names == ["all"] else names, height, width, seconds, say)


def _size(words: str) -> tuple[int, int]:
    try:
        width, height = (int(side) for side in words.split("x"))
    except ValueError:
        raise UsageError(f"--size: expected width and height like 1280x720, got {words}") from None
    if min(width, height) < 16 or width % 2 or height % 2:
        raise UsageError(f"--size: expected even sides of at least 16, got {words}")
    return width, height


_WORDS: dict[str, Callable[[list[str]], int]] = {"demo": _demo, "bench": _bench}
