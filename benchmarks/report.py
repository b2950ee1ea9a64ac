"""Owns turning records into tables, for the terminal and for the README; knows nothing of measuring.

`python -m benchmarks.report RECORD README.md` puts the table between the README's two markers. No figure there is typed by hand.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from runtime.errors import UsageError

BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"


def tables(record: dict[str, Any]) -> str:
    """Markdown that also reads well in a terminal."""
    machine, model, run = record["machine"], record["model"], record["throughput"]
    obvious = record["obvious_loop"]
    lines = [
        f"{model['name']} {model['version']}, {record['size']}, {record['date']}: {machine['cpu']}, {machine['cores']} cores"
        f"{', ' + ', '.join(machine['features']) if machine['features'] else ''}",
        "",
        "| model only | precision | p50 ms | p99 ms | frames a second |",
        "|---|---|---:|---:|---:|",
    ]
    for row in record["latency"]:
        if row["fps"] is None:
            lines.append(f"| {row['contender']} | {row['precision']} | | | {row['note']} |")
        else:
            lines.append(f"| {row['contender']} | {row['precision']} | {row['p50_ms']:.1f} | {row['p99_ms']:.1f} | {row['fps']:.1f} |")
    costs = " + ".join(f"{name} {value:.1f}" for name, value in run["cpu_ms"].items())
    of_obvious = f"{obvious['fps']:.1f}" if obvious["fps"] else obvious["note"]
    lines += [
        "",
        "| file to file | frames a second |",
        "|---|---:|",
        f"| `clearway restore` ({run['encoder']}) | {run['fps']:.1f} |",
        f"| bound: {run['cores']} cores ÷ CPU-ms a frame ({costs}) | {run['bound_fps']:.1f} |",
        f"| the obvious loop (cv2 → PyTorch eager FP32 → cv2) | {of_obvious} |",
    ]
    return "\n".join(lines)


def insert(readme: str, table: str) -> str:
    try:
        before, rest = readme.split(BEGIN)
        _, after = rest.split(END)
    except ValueError as error:
        raise UsageError(f"the page must hold one {BEGIN} and one {END} after it") from error
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


if __name__ == "__main__":
    _record, _page = Path(sys.argv[1]), Path(sys.argv[2])
    _page.write_text(insert(_page.read_text(), tables(json.loads(_record.read_text()))))
