"""The table of docs/flicker.md, from a record of benchmarks/measure/video/flicker.py. Does not measure."""

from __future__ import annotations

from typing import Any

from benchmarks.reports.export import machine_line


def table(record: dict[str, Any]) -> str:
    lines = [
        f"{machine_line(record)} {record['model']}, {record['backend'].split(';')[0]}).",
        "",
        "| scene | size | source dB | restored dB | reduced dB | gain dB | flicker: source | restored | reduced | truth "
        "| CPU-ms a frame: model | reduction | measure |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in record["scenes"]:
        psnr, flicker, cost = row["psnr_db"], row["flicker"], row["cpu_ms"]
        gain = psnr["steady"] - psnr["restored"]
        scores = f"{psnr['source']:.2f} | {psnr['restored']:.2f} | {psnr['steady']:.2f} | {gain:+.2f}"
        levels = " | ".join(f"{flicker[name]:.2f}" for name in ("source", "restored", "steady", "truth"))
        costs = " | ".join(f"{cost[name]:.0f}" for name in ("model", "steady", "flicker"))
        lines.append(f"| {row['scene']} | {row['size']} | {scores} | {levels} | {costs} |")
    return "\n".join(lines)
