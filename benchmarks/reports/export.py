"""The tables of docs/export.md: what export made of every preset, and what became of attention. Does not measure."""

from __future__ import annotations

from typing import Any

_WORDS = {True: "fused", False: "not fused", None: "refused"}


def machine_line(record: dict[str, Any]) -> str:
    machine = record["machine"]
    features = "".join(f", {feature}" for feature in machine["features"])
    rtx = machine["packages"].get("tensorrt_rtx_cu13", "none")
    return f"{record['date']}: {machine['cpu']}, {machine['cores']} cores{features}; no GPU, TensorRT-RTX {rtx}."


def exports(record: dict[str, Any]) -> str:
    lines = [
        machine_line(record),
        "",
        "| preset | weights | export, FP16 and gate, s | verify, s | multiply-adds in FP32 | casts | gain control | attention "
        "| FP16 mean dB | worst | lost dB | bf16 mean dB | largest \\|x\\| ÷ 65504 |",
        "|---|---|---:|---:|---:|---:|---|---|---:|---:|---:|---:|---:|",
    ]
    for row in sorted(record["exports"], key=lambda row: row["preset"]):
        if "error" in row:
            lines.append(f"| `{row['preset']}` | {row['error']} |{' |' * 11}")
            continue
        parity = {f"{entry['backend']} {entry['precision']}": entry for entry in row["parity"]}
        half = parity["node-by-node fp16"]
        bf16 = next((entry for name, entry in parity.items() if name.startswith("openvino bf16")), None)
        lost = "not known" if half["task_psnr_drop_db"] is None else f"{half['task_psnr_drop_db']:z.4f}"
        cells = [
            f"`{row['preset']}`",
            row["weights"],
            f"{row['export_s']:.0f}",
            f"{row['verify_s']:.0f}",
            f"{row['fp32_share']:.1%}",
            str(row["casts"]),
            _counts(row["gain_controls"]),
            _counts(row["attention"]),
            f"{half['psnr_db']:.1f}",
            f"{half['psnr_worst_db']:.1f}",
            lost,
            f"{bf16['psnr_db']:.1f}" if bf16 else "refused" if row["bf16_refused"] else "no bf16 here",
            f"{row['largest_headroom']:.3g}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def plans(record: dict[str, Any]) -> str:
    lines = [
        machine_line(record) + " Built, not run.",
        "",
        "| preset | precision | sizes | build, s | plan, MB | layers that compute | attention fused |",
        "|---|---|---|---:|---:|---|---:|",
    ]
    for row in sorted(record["exports"], key=lambda row: row["preset"]):
        for engine in row.get("engines", ()):
            start = f"| `{row['preset']}` | {engine['precision']} | {engine['sizes']} "
            if "error" in engine:
                lines.append(f"{start}| | | {engine['error']} | |")
                continue
            layers = ", ".join(f"{count} {precision}" for precision, count in engine["layers"].items())
            fused = f"{engine['attention_fused']} of {engine['attention']}" if engine["attention"] else "none there"
            lines.append(f"{start}| {engine['build_s']:.1f} | {engine['plan_bytes'] / 1e6:.1f} | {layers} | {fused} |")
    return "\n".join(lines)


def fusions(record: dict[str, Any]) -> str:
    """One row for each shape and form; a column for each precision and kind of sizes."""
    columns = list(dict.fromkeys((entry["precision"], entry["sizes"]) for entry in record["fusions"]))
    rows: dict[tuple[int, int, str], dict[tuple[str, str], str]] = {}
    for entry in record["fusions"]:
        word = _WORDS[None if entry["fused"] is None else entry["fused"] == entry["blocks"]]
        rows.setdefault((entry["heads"], entry["size"], entry["form"]), {})[entry["precision"], entry["sizes"]] = word
    lines = [
        machine_line(record),
        "",
        f"| heads | channels of each | form | {' | '.join(f'{precision}, {sizes}' for precision, sizes in columns)} |",
        f"|---:|---:|---|{'---|' * len(columns)}",
    ]
    for (heads, size, form), cells in rows.items():
        lines.append(f"| {heads} | {size} | {form} | {' | '.join(cells[column] for column in columns)} |")
    return "\n".join(lines)


def forms_on_a_cpu(record: dict[str, Any]) -> str:
    lines = [f"| {record['size']}, model only | fused, ms | explicit, ms |", "|---|---:|---:|"]
    found = {(entry["preset"], entry["engine"], entry["form"]): entry["ms"] for entry in record["cpu"]}
    for preset, engine in dict.fromkeys((preset, engine) for preset, engine, _ in found):
        lines.append(f"| {preset}, {engine} | {found[preset, engine, 'fused']:.0f} | {found[preset, engine, 'explicit']:.0f} |")
    return "\n".join(lines)


def _counts(found: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in found.items()) or "none"
