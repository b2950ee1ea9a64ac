"""The word `engines`: arguments into one call of the cache, the answer into text. Does not know files or hashes."""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from runtime.engines.cache import EngineCache, StoredEngine
from runtime.engines.record import EngineParity, EngineRecord
from runtime.errors import UsageError

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_HEADINGS = ("engine", "model", "target", "precision", "profiles", "GPU", "size", "age", "state")


def answer(arguments: list[str]) -> tuple[str, int]:
    """What to print, and the exit code."""
    options = _parser().parse_args(arguments)
    cache = EngineCache()
    if options.action == "prune":
        return _prune(cache, options), 0
    if options.keep is not None or options.all:
        raise UsageError(f"--keep and --all go with prune, {options.action} came; clearway engines prune")
    if options.action == "check":
        stored = cache.check()
        return _checked(cache, stored, options.json), 1 if any(entry.fault for entry in stored) else 0
    return _listed(cache, cache.records(), options.json), 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="clearway engines", description="Lists the engines that were built on this machine, checks their hashes, or removes some."
    )
    parser.add_argument("action", nargs="?", choices=("list", "check", "prune"), default="list", help="list is the default")
    amount = parser.add_mutually_exclusive_group()
    amount.add_argument("--keep", metavar="SIZE", help="prune: how much stays at most, as in 500M or 2G; the last used stay longest")
    amount.add_argument("--all", action="store_true", help="prune: remove all engines and the key file that they are checked with")
    parser.add_argument("--json", action="store_true", help="one line for machines")
    return parser


def _listed(cache: EngineCache, stored: Sequence[StoredEngine], for_machines: bool) -> str:
    if for_machines:
        return json.dumps([dataclasses.asdict(entry) for entry in stored])
    return _table(stored) if stored else f"no engine is stored in {cache.folder}; clearway build BUNDLE --target tensorrt-rtx makes one"


def _checked(cache: EngineCache, stored: Sequence[StoredEngine], for_machines: bool) -> str:
    if for_machines:
        return json.dumps([dataclasses.asdict(entry) for entry in stored])
    faults = [entry.fault for entry in stored if entry.fault]
    return "\n".join([f"{_counted(len(stored), 'engine')} in {cache.folder}, {len(faults) or 'none'} bad", *faults])


def _prune(cache: EngineCache, options: argparse.Namespace) -> str:
    keep = None if options.keep is None else _bytes(options.keep)
    pruned = cache.clear() if options.all else cache.prune(keep)
    if options.json:
        return json.dumps(dataclasses.asdict(pruned))
    what = f"{_counted(len(pruned.engines), 'engine')} and {_counted(len(pruned.leftovers), 'leftover file')}"
    return f"removed {what}, {_size(pruned.bytes)}, from {cache.folder}"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _bytes(text: str) -> int:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGT]?)B?", text.upper())
    if not match:
        raise UsageError(f"--keep: expected a size as in 500M or 2G, got {text!r}")
    return int(float(match[1]) * _UNITS[match[2]])


def _table(stored: Sequence[StoredEngine]) -> str:
    """What is wrong with an engine stands below, since it says more than fits in a column."""
    rows = [_HEADINGS, *(_row(entry) for entry in stored)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, *(entry.fault for entry in stored if entry.fault)])


def _row(entry: StoredEngine) -> tuple[str, ...]:
    name = entry.name[:12]
    if entry.record is None:
        return name, *"-----", _size(entry.bytes), "-", "bad: see below"
    key = entry.record.key
    facts = (entry.record.model, f"{key.target} {key.builder}", key.precision, "; ".join(map(str, key.profiles)), key.compute_capability)
    return name, *facts, _size(entry.bytes), _age(entry.record), "bad: see below" if entry.fault else _state(entry.record.parity)


def _state(parity: Sequence[EngineParity]) -> str:
    if not parity:
        return "never run here"
    worst = [of_gpu.found.psnr_worst_db for of_gpu in parity if of_gpu.found.psnr_worst_db is not None]
    return f"compared: worst {min(worst):.1f} dB" if worst else "compared: identical"


def _age(record: EngineRecord) -> str:
    age = datetime.now(UTC) - record.built_at
    for unit, name in ((timedelta(days=1), "d"), (timedelta(hours=1), "h")):
        if age >= unit:
            return f"{age // unit} {name}"
    return f"{max(age // timedelta(minutes=1), 0)} min"


def _size(count: int) -> str:
    return next(f"{count / unit:.1f} {name}B" for name, unit in reversed(_UNITS.items()) if count >= unit or unit == 1)
