"""The page that shows verdicts: one HTML file with its pictures inside. Does not know how they were reached."""

from __future__ import annotations

import base64
import itertools
import os
from collections.abc import Iterator
from html import escape
from pathlib import Path

import numpy as np

from export.parity.compare import Verdict, WorstPicture
from export.verify.verify import ParityReport
from runtime.errors import ExportError, UsageError, needs_extra
from runtime.files.atomic import written
from runtime.picture import Picture

with needs_extra("cpu"):  # `clearway verify` on a box without anything comes by here
    import cv2

_COLOURS = cv2.COLORMAP_INFERNO  # from black over red to pale yellow: its lightness rises all the way, so that it reads in grey too
_TINY = 96  # pixels: narrower pictures are enlarged in squares instead of blurred
_STYLE = """
:root {
  color-scheme: light dark;
  --ink: #1b1f24; --faint: #59636e; --paper: #fff; --card: #f6f8fa; --line: #d1d9e0; --good: #116329; --bad: #b3261e;
}
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --faint: #9198a1; --paper: #0d1117; --card: #151b23; --line: #3d444d; --good: #4cc46a; --bad: #ff7b72; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 76rem; padding: 2rem 1.25rem 4rem; background: var(--paper); color: var(--ink); }
body { font: 16px/1.5 system-ui, sans-serif; }
h1 { margin: 0; font-size: 1.7rem; } h2 { margin: 2.5rem 0 0; font-size: 1.2rem; }
p { margin: .3rem 0; } .panels + p { margin-top: 1.5rem; } .faint { color: var(--faint); }
.good { color: var(--good); } .bad { color: var(--bad); } b.good::before { content: "✓ "; } b.bad::before { content: "✗ "; }
.wide { overflow-x: auto; margin: 1.5rem 0; border: 1px solid var(--line); border-radius: .5rem; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .4rem .8rem; border-top: 1px solid var(--line); text-align: left; font-weight: normal; }
thead th { background: var(--card); border-top: 0; font-weight: 600; white-space: nowrap; }
th + th, td { border-left: 1px solid var(--line); }
td .bad { font-weight: 600; } .limit { float: right; padding-left: .6rem; }
.panels { display: grid; grid-template-columns: repeat(auto-fit, minmax(14rem, 1fr)); gap: 1rem; margin-top: 1rem; }
figure { margin: 0; } figcaption { margin-top: .35rem; font-size: .9rem; color: var(--faint); }
img { display: block; width: 100%; border-radius: .3rem; } img.tiny { image-rendering: pixelated; }
.scale { display: flex; gap: .5rem; align-items: center; } .scale i { flex: 1; height: .6rem; border-radius: .3rem; }
""".strip()


def check_target(path: Path, *, force: bool) -> None:
    if path.suffix.lower() != ".html":
        raise UsageError(f"--report {path}: expected a name ending in .html; choose one, the page holds its pictures itself")
    if not path.parent.is_dir():
        raise UsageError(f"--report {path}: expected a file in a folder that exists; make {path.parent} first, or name another")
    if path.is_dir():
        raise UsageError(f"--report {path}: expected a file, got a folder; name another")
    if os.path.lexists(path) and not force:
        raise ExportError(f"{path} exists; choose another name, or replace it with --force")


def write_page(path: Path, report: ParityReport) -> None:
    try:
        with written(path) as temporary:
            temporary.write_text(page_of(report), encoding="utf-8")
    except OSError as error:
        raise ExportError(f"{path}: the report cannot be written ({error.strerror or error}); name another file") from error


def page_of(report: ParityReport) -> str:
    title = f"Parity of {escape(report.model)}"
    verdict = _verdict(report.holds, "every backend agrees with PyTorch in FP32", "not every backend agrees with PyTorch in FP32")
    pictures = escape(report.verdicts[0].record.pictures)
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{title}</title><style>{_STYLE}</style></head><body>",
            f"<h1>{title}</h1><p>{verdict}</p>",
            f'<p class="faint">Compared on {pictures}. Bundle: {escape(str(report.folder))}</p>',
            *([f'<p class="faint">Only the proof was compared: {escape(report.proof_only)}</p>'] if report.proof_only else []),
            *_table(report.verdicts),
            *(f'<p class="faint">{escape(name)} was not checked: {escape(why)}</p>' for name, why in report.not_opened),
            *(line for verdict in report.verdicts for line in _section(verdict)),
            "</body></html>\n",
        ]
    )


def _verdict(holds: bool, good: str, bad: str) -> str:
    return f'<b class="good">{good}</b>' if holds else f'<b class="bad">{bad}</b>'


def _name(verdict: Verdict) -> str:
    return escape(f"{verdict.record.backend} in {verdict.record.precision}")


def _table(verdicts: tuple[Verdict, ...]) -> Iterator[str]:
    """A row for each measure, a column for each backend: what was measured, and beside it what is allowed."""
    yield '<div class="wide"><table><thead><tr><th>measured, and allowed</th>'
    yield "".join(f"<th>{_name(verdict)}</th>" for verdict in verdicts)
    yield "</tr></thead><tbody>"
    for measure in dict.fromkeys(check.measure for verdict in verdicts for check in verdict.checks):
        cells = "".join(f"<td>{_cell(verdict, measure)}</td>" for verdict in verdicts)
        yield f"<tr><th>{escape(measure)}</th>{cells}</tr>"
    answers = "".join(f"<td>{_verdict(verdict.holds, 'holds', 'does not hold')}</td>" for verdict in verdicts)
    yield f"<tr><th>verdict</th>{answers}</tr></tbody></table></div>"


def _cell(verdict: Verdict, measure: str) -> str:
    check = next((check for check in verdict.checks if check.measure == measure), None)
    if check is None:
        return '<span class="faint">not measured</span>'
    if not check.limit:
        return escape(check.measured)
    kind = "good" if check.holds else "bad"
    return f'<span class="{kind}">{escape(check.measured)}</span> <span class="faint limit">{escape(check.limit)}</span>'


def _section(verdict: Verdict) -> Iterator[str]:
    yield f'<h2>{_name(verdict)}</h2><p class="faint">{escape(verdict.detail)}; {verdict.compared:,} pictures compared</p>'
    yield from (f'<p class="bad">{escape(problem)}</p>' for problem in verdict.problems)
    if not verdict.worst:
        yield "<p>There is nothing to show: its answer is missing, or has another shape than PyTorch's.</p>"
    for what, worst in _shown(verdict.worst):
        yield f"<p>{what}: {escape(worst.which)}, {_decibels(worst)}.</p>"
        yield f'<div class="panels">{"".join(_panels(worst, _name(verdict)))}</div>'


def _shown(worst: tuple[WorstPicture, ...]) -> Iterator[tuple[str, WorstPicture]]:
    """The worst of all; and where that is so tiny that nothing can be seen in it, the worst of the others."""
    yield from (("The picture furthest from PyTorch's", one) for one in worst[:1])
    if worst and _is_tiny(worst[0].got):
        yield from itertools.islice((("And of the larger ones", one) for one in worst if not _is_tiny(one.got)), 1)


def _is_tiny(picture: Picture) -> bool:
    return len(picture[0]) < _TINY


def _decibels(worst: WorstPicture) -> str:
    return "identical" if np.array_equal(worst.expected, worst.got) else f"{worst.psnr_db:.2f} dB"


def _panels(worst: WorstPicture, name: str) -> Iterator[str]:
    yield _figure(worst.frame, "degraded")
    yield _figure(worst.expected, "PyTorch in FP32")
    yield _figure(worst.got, name)
    apart = np.abs(worst.expected.astype(np.int16) - worst.got).max(axis=2)
    most = max(int(apart.max()), 1)
    stops = cv2.applyColorMap(np.linspace(0, 255, 9).astype(np.uint8)[:, None], _COLOURS)[:, 0, ::-1]
    gradient = ", ".join(f"rgb({red} {green} {blue})" for red, green, blue in stops)
    scale = f'<span class="scale">0<i style="background: linear-gradient(90deg, {gradient})"></i>{most} of 255 levels</span>'
    heat = cv2.applyColorMap(np.asarray(apart * (255.0 / most), np.uint8), _COLOURS)
    yield _figure(np.asarray(heat, np.uint8), "difference (largest channel)", scale)


def _figure(picture: Picture, what: str, more: str = "") -> str:
    done, coded = cv2.imencode(".png", picture)
    if not done:
        raise ExportError(f"{picture.shape[1]}×{picture.shape[0]} pixels cannot be written as PNG; compare on smaller pictures")
    tiny = ' class="tiny"' if _is_tiny(picture) else ""
    source = base64.b64encode(coded.tobytes()).decode()
    return f'<figure><img{tiny} alt="{what}" src="data:image/png;base64,{source}"><figcaption>{what}{more}</figcaption></figure>'
