"""The tables of docs/live.md: how old pictures are when they are restored, and when a browser shows them. Does not measure."""

from __future__ import annotations

from typing import Any

from benchmarks.reports.export import machine_line


def live(record: dict[str, Any]) -> str:
    """Of benchmarks/measure/video/live.py."""
    numbers = record["live"]
    dropped = ", ".join(f"{count} because {why}" for why, count in numbers["dropped"].items()) or "none"
    rows = numbers["stages"] | {f"to restored, {minute}": ms for minute, ms in record["minutes"].items()}
    return "\n".join(
        [
            f"{machine_line(record)} {record['model']} on {record['backend'].split(';')[0]}), {record['size']} at 25 frames a second.",
            "",
            f"{numbers['captured']:,} frames came in {record['seconds']:.0f} s, {numbers['restored']:,} were restored; dropped: {dropped}.",
            "",
            "| ms | p50 | p95 | p99 |",
            "|---|---:|---:|---:|",
            *(f"| {name} | {ms['p50_ms']:.0f} | {ms['p95_ms']:.0f} | {ms['p99_ms']:.0f} |" for name, ms in rows.items()),
        ]
    )


def page(record: dict[str, Any]) -> str:
    """Of benchmarks/measure/video/page.py."""
    return "\n".join(
        [
            f"{machine_line(record)} {record['browser']} on the same machine, {record['seconds']:.0f} s each.",
            "",
            "| | model | by | ms to the canvas, p50 | p95 | p99 | to restored, p50 | p95 | frames came | restored | seen |",
            "|---|---|---|---:|---:|---:|---:|---:|---:|---:|---:|",
            *map(page_row, record["rows"]),
        ]
    )


def page_row(row: dict[str, Any]) -> str:
    seen, restored = row["page"], row["to_restored"]
    shown = f"{seen['p50_ms']:.0f} | {seen['p95_ms']:.0f} | {seen['p99_ms']:.0f}"
    counts = f"{row['came']} | {row['restored']} | {row['seen']}"
    return f"| {row['size']} | {row['model']} | {row['way']} | {shown} | {restored['p50_ms']:.0f} | {restored['p95_ms']:.0f} | {counts} |"
