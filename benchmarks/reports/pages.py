"""Turns records into tables, for the terminal and for the pages. Does not measure.

`python -m benchmarks.reports.pages` renews every table of README.md and docs/ from the newest record under benchmarks/results/, from the
shipped model's manifest and from the gate's limits. No figure in them is typed by hand, and a test compares them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.reports import files as report_files
from benchmarks.reports import live as report_live
from benchmarks.reports import runtime as report_runtime
from benchmarks.reports.export import exports, forms_on_a_cpu, fusions, plans
from benchmarks.reports.flicker import table as flicker_table
from export.parity.limits import LIMITS, Limits
from runtime.errors import UsageError
from runtime.model.bundle import open_bundle
from runtime.model.manifest import ModelManifest
from runtime.model.zoo import find

ROOT = Path(__file__).parents[2]
_LIMITS = {  # field → its row in docs/bundle.md
    "max_levels": "largest difference, grey levels, at most",
    "psnr_db": "mean PSNR of the pictures of each size, dB, at least",
    "psnr_worst_db": "PSNR of every picture, dB, at least",
    "ssim_worst": "SSIM of every picture (Gaussian 11×11 σ 1.5), at least",
    "shift_levels": "colour shift of all pictures, grey levels, at most",
    "shift_worst_levels": "colour shift of every picture, grey levels, at most",
    "black_levels": "no black or white pixel where PyTorch's is away from it by grey levels",
    "task_psnr_drop_db": "mean PSNR lost against the clean truth, dB, at most",
}


def pages() -> dict[Path, str]:
    """Every page that holds tables, as it should read."""
    docs, files, attention, exported = ROOT / "docs", _newest("files"), _newest("attention"), _newest("exports")
    tables_of: dict[Path, dict[str, str]] = {
        ROOT / "README.md": {"bench": tables(_newest("bench-derain"))},
        docs / "systems.md": {"presets": costs(_newest("bench-presets"))},
        docs / "models.md": {"model": facts(open_bundle(find("derain")).manifest)},
        docs / "bundle.md": {"limits": limits()},
        docs / "flicker.md": {"flicker": flicker_table(_newest("steady"))},
        docs / "runtime.md": {
            "runtime": report_runtime.runtime(_newest("runtime")),
            "sharing": report_runtime.sharing(_newest("sharing")),
            "memory": report_runtime.memory(_newest("memory")),
            "suspicion": report_runtime.suspicion(_newest("suspicion")),
        },
        docs / "live.md": {"live": report_live.live(_newest("live")), "page": report_live.page(_newest("page"))},
        docs / "restore.md": {
            "crash": report_files.crash(_newest("crash")),
            "segmented": report_files.segmented(files),
            "qualities": report_files.qualities(files),
            "files": report_files.restoring(files),
        },
        docs / "export.md": {
            "exports": exports(exported),
            "engines": plans(exported),
            "fusions": fusions(attention),
            "cpu": forms_on_a_cpu(attention),
        },
    }
    written = {page: _filled(page.read_text(encoding="utf-8"), found) for page, found in tables_of.items()}
    return written | {docs / "images" / "timeline-cpu.svg": report_runtime.timeline(_newest("runtime"))}


def _filled(page: str, tables: dict[str, str]) -> str:
    for name, table in tables.items():
        page = insert(page, name, table)
    return page


def _newest(kind: str) -> dict[str, Any]:
    """The record of the latest day, and of those the last by name."""
    paths = (ROOT / "benchmarks" / "results").glob(f"{kind}-*.json")
    return _read(max(paths, key=lambda path: (_read(path)["date"], path.name)))


def _read(path: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return record


def insert(page: str, name: str, table: str) -> str:
    """The page with `table` between its two markers of that name."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    try:
        before, rest = page.split(begin)
        _, after = rest.split(end)
    except ValueError as error:
        raise UsageError(f"the page must hold one {begin} and one {end} after it") from error
    return f"{before}{begin}\n{table}\n{end}{after}"


def tables(record: dict[str, Any]) -> str:
    """Markdown that also reads well in a terminal."""
    machine, model = record["machine"], record["model"]
    features = "".join(f", {feature}" for feature in machine["features"])
    title = f"{model['name']} {model['version']}, {record['size']}, {record['date']}: {machine['cpu']}, {machine['cores']} cores{features}"
    ratios = [f"{name} {value:.1f}" for name, value in record["ratios"].items() if value is not None]
    ending = ["", f"Ratios: {', '.join(ratios)}, file to file to the bound {record['throughput']['share_of_bound']:.2f}."] if ratios else []
    return "\n".join([title, "", *_engines(record["latency"]), "", *_videos(record["throughput"], record["obvious_loop"]), *ending])


def costs(record: dict[str, Any]) -> str:
    """What every preset of a network costs, as measured by `clearway bench --preset`."""
    machine = record["machine"]
    features = "".join(f", {feature}" for feature in machine["features"])
    lines = [
        f"{record['date']}, {record['size']}: {machine['cpu']}, {machine['cores']} cores{features}. Untrained weights, model only.",
        "",
        "| preset | parameters | GFLOP at 720p | sides padded to | sees the whole picture | receptive field | frames a second |",
        "|---|---:|---:|---:|---|---:|---:|",
    ]
    for row in record["presets"]:
        field = "all of it" if row["receptive_field"] is None else f"{row['receptive_field']}"
        latency = row["latency"]
        speed = "not timed" if latency is None else f"{latency['fps']:.1f} ({latency['contender']}, {latency['precision']})"
        size = f"{row['parameters']:,} | {row['gflops_720p']:,.1f} | {row['stride']}"
        lines.append(f"| `{row['preset']}` | {size} | {'yes' if row['sees_whole_picture'] else 'no'} | {field} | {speed} |")
    return "\n".join(lines)


def _engines(latency: list[dict[str, Any]]) -> list[str]:
    lines = ["| model only | precision | p50 ms | p99 ms | frames a second |", "|---|---|---:|---:|---:|"]
    for row in latency:
        measured = row["fps"] is not None
        figures = f"{row['p50_ms']:.1f} | {row['p99_ms']:.1f} | {row['fps']:.1f}" if measured else f"| | {row['note']}"
        lines.append(f"| {row['contender']} | {row['precision']} | {figures} |")
    return lines


def _videos(run: dict[str, Any], obvious: dict[str, Any]) -> list[str]:
    costs = " + ".join(f"{name} {value:.1f}" for name, value in run["cpu_ms"].items())
    of_obvious = obvious["note"] if obvious["fps"] is None else f"{obvious['fps']:.1f}"
    return [
        "| file to file | frames a second |",
        "|---|---:|",
        f"| `clearway restore` ({run['encoder']}) | {run['fps']:.1f} |",
        f"| the bound: {run['cores']} cores ÷ CPU-ms a frame ({costs}) | {run['bound_fps']:.1f} |",
        f"| the obvious loop (cv2 → PyTorch eager FP32 → cv2) | {of_obvious} |",
    ]


def facts(manifest: ModelManifest) -> str:
    """Size, scores and parity of a shipped model."""
    network = manifest.network
    lines = [
        f"{network.preset}: {network.parameters:,} parameters, {network.gflops_720p:.1f} GFLOP for a frame of 1280×720.",
        "",
        "| scored on | pictures | protocol | input dB | restored dB | worst dB | SSIM in | SSIM out |",
        "|---|---:|---|---:|---:|---:|---:|---:|",
    ]
    for score in manifest.scores:
        before = "clean" if score.psnr_input_db is None else f"{score.psnr_input_db:.2f}"
        figures = f"{before} | {score.psnr_db:.2f} | {score.psnr_worst_db:.2f} | {score.ssim_input:.4f} | {score.ssim:.4f}"
        lines.append(f"| {score.data} | {score.pictures} | {score.protocol} | {figures} |")
    lines += [
        "",
        "| parity with PyTorch FP32 | precision | on | largest difference | mean dB | worst picture dB | worst SSIM | colour shift, levels "
        "| task PSNR dB | lost dB |",
        "|---|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for record in manifest.parity:
        psnr = "identical | " if record.psnr_db is None else f"{record.psnr_db:.1f} | {record.psnr_worst_db:.1f}"
        alike = f"{record.ssim_worst:.5f} | {record.shift_levels:.2f}"
        drop = record.task_psnr_drop_db
        task = " | " if drop is None else f"{record.task_psnr_input_db:.2f} → {record.task_psnr_db:.2f} | {drop:z.4f}"
        lines.append(f"| {record.backend} | {record.precision} | {record.pictures} | {record.max_levels} | {psnr} | {alike} | {task} |")
    return "\n".join(lines)


def limits() -> str:
    """What each way of running may differ from PyTorch in FP32; a column for those that have the same limits."""
    columns: dict[Limits, list[str]] = {}
    for (name, precision), allowed in LIMITS.items():
        columns.setdefault(allowed, []).append(f"{name} {precision}")
    lines = [f"| | {' | '.join(', '.join(ways) for ways in columns.values())} |", f"|---{'|---:' * len(columns)}|"]
    lines.append(f"| NaN, Inf, missing or misshapen outputs {'| none ' * len(columns)}|")
    for field, text in _LIMITS.items():
        values = (getattr(allowed, field) for allowed in columns)
        lines.append("| " + " | ".join([text, *("not asked" if value is None else f"{value:g}" for value in values)]) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    for _path, _text in pages().items():
        _path.write_text(_text, encoding="utf-8")
