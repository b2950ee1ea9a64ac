"""The tables of a GPU check's record, for people. Does not measure."""

from __future__ import annotations

from typing import Any

_RIVAL = "torch.compile"


def table(record: dict[str, Any]) -> str:
    parts = [_machine(record), _rates(record), _parity(record), _speed(record), _streams(record), _lists(record)]
    return "\n\n".join(part for part in parts if part)


def _machine(record: dict[str, Any]) -> str:
    machine = record["machine"]
    cards = "; ".join(
        f"{card['name']}, {card['memory_mib']} MiB, compute capability {card['compute_capability']}, "
        f"driver {card['driver']}, CUDA {card['cuda']}"
        for card in machine["gpus"]
    )
    on = cards if record["on"] == "cuda" else "on the CPU at tiny sizes: these figures say nothing of a GPU"
    return f"{record['date']}: {on}; {machine['cpu']}, {machine['cores']} cores. {record['minutes']:g} minutes."


def _rates(record: dict[str, Any]) -> str:
    lines = [f"Roof: {row['tflops']:,.3g} TFLOP/s in a matrix product, {row['gb_per_s']:,.3g} GB/s in a copy." for row in record["roof"]]
    for row in record["jit"]:
        verdict = (
            "accepts" if row["accepted"] else f"refuses (it stopped at {row['stopped_at']}: {'; '.join(row['said']) or 'it says nothing'})"
        )
        lines.append(f"TensorRT-RTX {row['builder']} {verdict} compute capability {row['compute_capability']}.")
    lines += [f"Tests marked gpu: {row['said'][-1] if row['said'] else 'no word'}" for row in record["tests"]]
    return "\n".join(lines)


def _parity(record: dict[str, Any]) -> str:
    if not record["parity"]:
        return ""
    lines = ["| model | on | precision | parity | levels | worst dB |", "|---|---|---|---|---:|---:|"]
    for row in record["parity"]:
        found, worst = row["record"], row["record"]["psnr_worst_db"]
        verdict = "holds" if row["holds"] else "DOES NOT HOLD: " + "; ".join(row["problems"])
        close = "the same" if worst is None else f"{worst:.1f}"
        lines.append(f"| {row['model']} | {row['contender']} | {row['precision']} | {verdict} | {found['max_levels']} | {close} |")
    return "\n".join(lines)


def _speed(record: dict[str, Any]) -> str:
    if not record["speed"]:
        return ""
    compiled = {_place(row): row["alone_per_s"] for row in record["speed"] if row["contender"] == _RIVAL}
    lines = [
        "| model | size | batch | on | p50 ms | p99 ms | pictures/s alone | side by side | × torch.compile | arithmetic | bytes | MiB |",
        "|---|---|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in sorted(record["speed"], key=lambda row: (*_place(row), -row["side_by_side_per_s"])):
        rival = compiled.get(_place(row))
        cells = [
            *(str(cell) for cell in _place(row)),
            f"{row['contender']} {row['precision']}",
            f"{row['p50_ms']:.2f}",
            f"{row['p99_ms']:.2f}",
            f"{row['alone_per_s']:.1f}",
            f"{row['side_by_side_per_s']:.1f}",
            f"{row['alone_per_s'] / rival:.2f}" if rival else "",
            *("" if share is None else f"{share:.1%}" for share in (row["arithmetic_share"], row["bytes_share"])),
            "" if row["memory_mib"] is None else str(row["memory_mib"]),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _streams(record: dict[str, Any]) -> str:
    if not record["streams"]:
        return ""
    lines = ["| model | on | size | frames/s in a stream | the card computes | host ms a frame |", "|---|---|---|---:|---:|---:|"]
    for row in record["streams"]:
        figures = f"{row['frames_per_s']:.1f} | {row['computing']:.0%} | {row['host_ms']:.2f}"
        lines.append(f"| {row['model']} | {row['contender']} | {row['size']} | {figures} |")
    return "\n".join(lines)


def _place(row: dict[str, Any]) -> tuple[str, str, int]:
    return row["model"], row["size"], row["batch"]


def _lists(record: dict[str, Any]) -> str:
    said = []
    if record["missing"]:
        said += ["Not there:", *(f"  {name}: {why}" for name, why in record["missing"].items())]
    for section, title in (("failed", "Failed:"), ("not_done", "Not done:")):
        if record[section]:
            said += [title, *(f"  {row['what']}: {row['why']}" for row in record[section])]
    return "\n".join(said)
