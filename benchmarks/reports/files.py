"""What docs/restore.md shows of records: file figures, and what a killed run leaves. Does not measure."""

from __future__ import annotations

from typing import Any

from benchmarks.reports.export import machine_line


def table(record: dict[str, Any]) -> str:
    return "\n\n".join((restoring(record), qualities(record), segmented(record)))


def restoring(record: dict[str, Any]) -> str:
    middle = record["medians"]
    fps, cpu_ms, shares = middle["fps"], middle["cpu_ms"], middle["shares"]
    alone = " + ".join(f"{step} {ms:.1f}" for step, ms in middle["alone_cpu_ms"].items())
    rows = {
        "bound": (f"the bound: {record['cores']} cores ÷ the CPU time of each step alone ({alone})", ""),
        "restored": ("`clearway restore`", f"{shares['restored to the bound']:.2f} of the bound"),
        "bare": ("a bare loop of PyAV: decode, convert, convert back, encode", ""),
        "identity": ("`clearway restore` with a model that changes nothing", f"{shares['identity to the bare loop']:.2f} of the bare loop"),
    }
    what = f"{record['size']}, {record['frames']} frames, {record['encoder']}; medians of {len(record['turns'])} turns"
    return "\n".join(
        [
            f"{machine_line(record)} {record['model']}, {record['backend'].split(';')[0]}); {what}.",
            "",
            "| file to file | frames a second | CPU-ms a frame | share |",
            "|---|---:|---:|---:|",
            *(f"| {words} | {fps[name]:.1f} | {cpu_ms[name]:.1f} | {share} |" for name, (words, share) in rows.items()),
        ]
    )


def qualities(record: dict[str, Any]) -> str:
    rows = record["qualities"]
    scaled = [row for row in rows if row["quality"] is not None]
    encoders = list(dict.fromkeys(row["encoder"] for row in scaled))
    lines = [f"| quality | {' | '.join(encoders)} |", f"|---:{'|---' * len(encoders)}|"]
    for quality in dict.fromkeys(row["quality"] for row in scaled):
        cells = {row["encoder"]: _cell(row) for row in scaled if row["quality"] == quality}
        lines.append(f"| {quality} | {' | '.join(cells[encoder] for encoder in encoders)} |")
    always = [f"`{row['encoder']}` has no quality: {_cell(row)}." for row in rows if row["quality"] is None]
    return "\n".join([*lines, "", *always])


def segmented(record: dict[str, Any]) -> str:
    found: dict[str, list[str]] = {}
    for row in record["segmented"]:  # of each encoder without segments first
        found.setdefault(row["encoder"], []).append(f"{row['cpu_ms']:.1f} ms, {row['bytes'] / 1000:.0f} kB")
    lines = ["| CPU time and bytes of a frame | one encoder for all | one a second |", "|---|---|---|"]
    return "\n".join(lines + [f"| {encoder} | {' | '.join(cells)} |" for encoder, cells in found.items()])


def _cell(row: dict[str, Any]) -> str:
    score = "lossless" if row["psnr_db"] is None else f"{row['psnr_db']:.1f} dB"
    return f"{score}, {row['bytes'] / 1000:.0f} kB, {row['cpu_ms']:.0f} ms"


def crash(record: dict[str, Any]) -> str:
    """Of benchmarks/measure/video/crash.py."""
    again = sum(moment["again"] for moment in record["moments"])
    clip = f"{record['encoder']} in {record['container']}, a clip of {record['frames']} frames with sound"
    lost = f"{record['lost_at_most']} were missing at most, where a segment has {record['segment']}"
    return (
        f"{record['date']}: `{record['model']}`, {clip}, killed {record['kills']} times, {again} of them while it was being continued. "
        f"Of the frames that were said to be done {lost}; {record['differing']} results differ from the undisturbed run, packet for packet."
    )
