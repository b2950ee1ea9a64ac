"""What docs/runtime.md shows of records: tables, and how stages overlap as a drawing. Does not measure."""

from __future__ import annotations

from typing import Any

from benchmarks.reports.export import machine_line

_STAGES = {"decode": "decode, to BGR", "restore": "restore", "encode": "to YUV, encode"}
_COLOURS = ("#4c78a8", "#f58518", "#54a24b", "#b279a2", "#e45756")  # of frames, in turn
_LEFT, _WIDTH, _ROW, _TOP = 120, 860, 44, 34


def runtime(record: dict[str, Any]) -> str:
    """Of benchmarks/measure/model/restorer.py."""
    overhead, streams, memory = record["overhead"], record["streams"], record["memory"]
    frame = record["frame_bytes"] / 1e6
    rows = [
        (f"the engine alone, {record['size']}", f"{overhead['engine_ms']:.1f} ms"),
        ("through the restorer", f"{overhead['restorer_ms']:.1f} ms, {overhead['restorer to engine'] - 1:+.1%}"),
        ("calls one after the other", f"{streams['calls']:.1f} frames a second"),
        ("one stream", f"{streams['one stream']:.1f} frames a second"),
        ("two streams on one engine, together", f"{streams['two streams']:.1f} frames a second, {streams['two to one']:.0%} of one"),
        ("a new process, from import to the first picture", f"{record['first_picture_s']:.2f} s"),
        ("allocated anew for a frame in a stream, at most", f"{record['largest_growth_bytes'] / 1e3:.1f} kB; a frame has {frame:.1f} MB"),
        (
            f"growth over {memory['frames']:,} frames of {memory['sizes']} sizes, second half",
            f"{memory['mb_per_1000']:+.2f} MB per 1,000 frames, of {memory['mb']:.0f} MB",
        ),
    ]
    heading = f"| {record['model']}, {record['backend'].split(';')[0]}) | |"
    return "\n".join([machine_line(record), "", heading, "|---|---:|", *map(_row, rows)])


def _row(cells: tuple[str, str]) -> str:
    return f"| {cells[0]} | {cells[1]} |"


def sharing(record: dict[str, Any]) -> str:
    """Of benchmarks/measure/model/sharing.py."""
    cost = record["overhead"]
    return "\n".join(
        [
            f"{machine_line(record)} {record['model']} at {record['size']}; the fastest of {record['rounds']} rounds of each.",
            "",
            "| | frames a second | of one stream | CPU-ms a frame |",
            "|---|---:|---:|---:|",
            *(f"| {row['way']} | {row['fps']:.1f} | {row['share']:.1%} | {row['cpu_ms']:.1f} |" for row in record["ways"]),
            "",
            f"Of a frame of {cost['frame_ms']:.1f} ms the guard takes {cost['guard_ms']:.2f} ms ({cost['guard_percent']:.2f} %), "
            f"a stage clock {1e3 * cost['clock_ms']:.1f} µs ({cost['clock_percent']:.3f} %).",
        ]
    )


def memory(record: dict[str, Any]) -> str:
    """Of benchmarks/measure/model/memory.py."""
    tiles = record["tiles"]
    whole, cut = (f"{row['seconds']:.1f} s and {row['grown_bytes'] / 1e9:.1f} GB" for row in (tiles["whole"], tiles["in_tiles"]))
    engines = (
        f"| `{row['preset']}` | {row['bytes_a_pixel']} | {row['engine']} ({row['precision']}) | {row['factor']:.2f} |"
        for row in record["engines"]
    )
    return "\n".join(
        [
            f"{machine_line(record)} The larger of {' and '.join(record['sizes'])}, as a multiple of `bytes_a_pixel`:",
            "",
            "| preset | `bytes_a_pixel` | engine | times that |",
            "|---|---:|---|---:|",
            *engines,
            "",
            f"`{tiles['preset']}` at {tiles['size']} took {whole} whole, {cut} in {tiles['tiles']} tiles.",
        ]
    )


def suspicion(record: dict[str, Any]) -> str:
    """Of benchmarks/measure/model/guard.py."""
    lines = [
        f"{record['photographs']} photographs, {record['model']} on {record['backend'].split(';')[0]}), {record['date']}.",
        "",
        "| beyond the proof by at most | suspected | share black or white | brightness, levels | tint, levels |",
        "|---|---:|---:|---:|---:|",
    ]
    for row in record["rows"]:
        measures = f"{row['share']:.2f} | {row['brightness']:z.0f} | {row['tint']:z.0f}"
        lines.append(f"| {row['weather']} | {row['suspected']} | {measures} |")
    return "\n".join(lines)


def timeline(record: dict[str, Any]) -> str:
    """SVG: a row for each stage, time to the right, a colour for each frame."""
    spans = record["timeline"]
    end = max(span["to"] for span in spans)
    stages = [stage for stage in _STAGES if any(span["stage"] == stage for span in spans)]
    height = _TOP + _ROW * len(stages) + 34
    machine = record["machine"]
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + _WIDTH + 20} {height}" font-family="sans-serif" font-size="13">',
        f'<rect width="{_LEFT + _WIDTH + 20}" height="{height}" fill="white"/>',
        f'<text x="{_LEFT}" y="20">{record["model"]}, {record["size"]}, {machine["cpu"]}, {machine["cores"]} cores</text>',
    ]
    for place, stage in enumerate(stages):
        lines.append(f'<text x="8" y="{_TOP + _ROW * place + 25}">{_STAGES[stage]}</text>')
    first = min(span["frame"] for span in spans)
    for span in spans:
        left, right = (_LEFT + _WIDTH * span[edge] / end for edge in ("from", "to"))
        top = _TOP + _ROW * stages.index(span["stage"])
        colour = _COLOURS[(span["frame"] - first) % len(_COLOURS)]
        lines.append(f'<rect x="{left:.1f}" y="{top + 4}" width="{max(right - left, 1):.1f}" height="{_ROW - 10}" fill="{colour}" rx="3"/>')
        if right - left > 24:
            lines.append(f'<text x="{left + 5:.1f}" y="{top + 25}" fill="white">{span["frame"]}</text>')
    lines += _axis(end, _TOP + _ROW * len(stages) + 6)
    return "\n".join([*lines, "</svg>", ""])


def _axis(end: float, top: int) -> list[str]:
    step = next(step for step in (5, 10, 20, 25, 50, 100, 200, 500, 1000, 2000) if end / step <= 12)
    lines = [f'<line x1="{_LEFT}" y1="{top}" x2="{_LEFT + _WIDTH}" y2="{top}" stroke="black"/>']
    for tick in range(0, int(end) + 1, step):
        x = _LEFT + _WIDTH * tick / end
        lines.append(f'<line x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{top + 5}" stroke="black"/>')
        lines.append(f'<text x="{x:.1f}" y="{top + 20}" text-anchor="middle">{tick}{" ms" if tick == 0 else ""}</text>')
    return lines
