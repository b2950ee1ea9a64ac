"""The word `clearway verify` and the table of verdicts. Does not know thresholds."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from export.verify.report_page import check_target, write_page
from export.verify.verify import ParityReport, verify_bundle
from runtime.model.manifest import ParityRecord
from runtime.model.zoo import find

_SAID_EVERY = 50  # pictures


def verify_word(arguments: list[str], say: Callable[[str], None] = print) -> int:
    about = "Compare what the backends of this machine make of pictures with PyTorch's answers; exit code 1 where they do not agree."
    parser = argparse.ArgumentParser(prog="clearway verify", description=about)
    parser.add_argument("bundle", help="a bundle's folder or the name of a shipped model")
    parser.add_argument("--backend", action="append", default=[], metavar="NAME", help="check this one (repeatable; default: all)")
    pictures = "clean photographs: every one is degraded and compared, beside the proof and drawn pictures; needs torch"
    parser.add_argument("--pictures", type=Path, metavar="DIR", help=pictures)
    parser.add_argument("--report", type=Path, metavar="FILE.html", help="write a page with the verdicts and each backend's worst picture")
    parser.add_argument("--force", action="store_true", help="replace a report of that name")
    parser.add_argument("--json", action="store_true", help="print one line for machines")
    options = parser.parse_args(arguments)

    if options.report is not None:  # before minutes of comparing
        check_target(options.report, force=options.force)
    report = verify_bundle(find(options.bundle), tuple(options.backend), options.pictures, _tell)
    if options.report is not None:
        write_page(options.report, report)
    if options.json:
        say(json.dumps(_for_machines(report)))
    else:
        say("\n".join(_lines(report)))
        if options.report is not None:
            say(f"written: {options.report}")
    return 0 if report.holds else 1


def table(rows: Iterable[tuple[ParityRecord, str]], truth: str = "PyTorch in FP32") -> Iterator[str]:
    """Records with a verdict each."""
    apart = f"{'levels':>7}{'mean PSNR':>11}{'worst':>9}{'SSIM worst':>12}{'shift':>8}{'worst':>8}{'black':>7}"
    yield f"{'backend':<14}{'precision':<11}{apart}{'task PSNR':>17}{'lost':>9}  against {truth}"
    for record, verdict in rows:
        yield f"{record.backend:<14}{record.precision:<11}{_apart(record)}{_task(record)}  {verdict}"


def _apart(record: ParityRecord) -> str:
    mean = "identical" if record.psnr_db is None else f"{record.psnr_db:.2f}"
    worst = "-" if record.psnr_worst_db is None else f"{record.psnr_worst_db:.2f}"
    shifts = f"{record.shift_levels:>8.3f}{record.shift_worst_levels:>8.3f}"
    return f"{record.max_levels:>7}{mean:>11}{worst:>9}{record.ssim_worst:>12.5f}{shifts}{record.black_pixels:>7}"


def _task(record: ParityRecord) -> str:
    if record.task_psnr_input_db is None:
        return f"{'-':>17}{'-':>9}"
    return f"{f'{record.task_psnr_input_db:.2f} → {record.task_psnr_db:.2f}':>17}{record.task_psnr_drop_db:>z9.4f}"


def _lines(report: ParityReport) -> Iterator[str]:
    measured = [verdict for verdict in report.verdicts if verdict.compared]
    if measured:
        yield from table((verdict.record, "holds" if verdict.holds else "DOES NOT HOLD") for verdict in measured)
        yield from _compared_on([verdict.record for verdict in measured])
    for verdict in report.verdicts:
        if not verdict.compared:
            yield f"{verdict.record.backend} {verdict.record.precision}: DOES NOT HOLD, not one picture could be compared"
        yield from (f"{verdict.record.backend} {verdict.record.precision}: {problem}" for problem in verdict.problems)
    yield from (f"{name}: not checked, {why}" for name, why in report.not_opened)
    if report.proof_only:
        yield f"only the proof was compared: {report.proof_only}"


def _compared_on(records: Sequence[ParityRecord]) -> Iterator[str]:
    """The pictures, and of what they are where not all had the same."""
    sets = dict.fromkeys(record.pictures for record in records)
    for pictures in sets:
        of = ", ".join(dict.fromkeys(f"{record.backend} {record.precision}" for record in records if record.pictures == pictures))
        yield f"{'' if len(sets) == 1 else f'{of}: '}on {pictures}; PSNR in dB, shift in grey levels"


def _for_machines(report: ParityReport) -> dict[str, object]:
    verdicts = [
        {
            **dataclasses.asdict(verdict.record),
            "detail": verdict.detail,
            "compared": verdict.compared,
            "holds": verdict.holds,
            "problems": verdict.problems,
            "checks": [dataclasses.asdict(check) for check in verdict.checks],
        }
        for verdict in report.verdicts
    ]
    bundle, only = str(report.folder), report.proof_only
    return {"bundle": bundle, "holds": report.holds, "verdicts": verdicts, "not_opened": dict(report.not_opened), "proof_only": only}


def _tell(compared: int) -> None:
    """A folder of photographs takes a minute and more; six pictures of the proof need no words."""
    if compared % _SAID_EVERY == 0:
        sys.stderr.write(f"{compared} pictures compared\n")
