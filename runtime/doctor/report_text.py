"""How the findings read: first what works, then what is missing, each with its command. Does not know how they were found."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Callable, Iterator

from runtime.doctor.extras import ExtraPackage
from runtime.doctor.report import DoctorReport
from runtime.doctor.trial import SIZE, Trial, TrialTiming

_WIDTH, _INDENT = 120, 13
_FORMATS = {"h264": "H.264", "hevc": "HEVC", "av1": "AV1"}
_FOR_A_GPU = ("gpu", "rtx")
_PICTURE = f"{SIZE[1]}×{SIZE[0]}"


def text(report: DoctorReport) -> str:
    blocks = [f"{_headline(report)}\nNext: {report.next}"]
    for heading, section in _SECTIONS.items():
        if lines := list(section(report)):
            blocks.append("\n".join([heading, *lines]))
    return "\n\n".join(blocks)


def _headline(report: DoctorReport) -> str:
    running = [trial.measured for trial in report.trials if trial.measured]
    if not running:
        return "No shipped model runs here yet."
    if len(report.trials) > 1:
        return f"{len(running)} of the {len(report.trials)} shipped models run here."
    return f"{report.trials[0].model} runs here: {running[0].fps:g} pictures of {_PICTURE} a second."


def _models(report: DoctorReport) -> Iterator[str]:
    for trial in report.trials:
        yield from _field(trial.model, *_trial(trial))
    if not report.trials:
        yield from _field("none", "no model is shipped with this copy of Clearway")


def _trial(trial: Trial) -> Iterator[str]:
    if trial.measured is None:
        yield f"does not run: {trial.fault}"
    elif trial.fault:
        yield f"auto fails: {trial.fault}"
        yield f"with --backend {trial.measured.backend}: {_measured(trial.measured)}"
    else:
        yield _measured(trial.measured)
    passed = "passed over " if trial.measured else ""
    yield from (f"{passed}{refused.backend}: {refused.why}" for refused in trial.passed_over if refused.why != trial.fault)


def _measured(measured: TrialTiming) -> str:
    fast = f"the first {_PICTURE} picture after {measured.first_s:g} s, then {measured.fps:g} a second"
    return f"{measured.backend}, {measured.precision}: {fast} ({measured.detail})"


def _machine(report: DoctorReport) -> Iterator[str]:
    cpu, memory, software = report.processor, report.memory, report.software
    cores = f"{cpu.cores} {'core' if cpu.cores == 1 else 'cores'}"
    limited = "" if cpu.limit is None else f", limited to the time of {cpu.limit:g}"
    bf16 = "bf16 in hardware, the fastest way to restore on a CPU" if cpu.bf16 else "no bf16 in hardware, so FP32, which is slower"
    yield from _field("processor", f"{cpu.name}, {cores}{limited}", f"{', '.join(cpu.features) or 'no known extension'}: {bf16}")
    sizes = {"in all": memory.total, "free": memory.free, "at most for this container": memory.limit}
    known = [f"{size:g} GiB {what}" for what, size in sizes.items() if size is not None]
    yield from _field("memory", ", ".join(known) or "unknown")
    yield from _field("GPU", *_gpus(report))
    ours = f"Clearway {software.clearway}" if software.clearway else "Clearway, not installed,"
    yield from _field("software", f"Python {software.python} ({software.executable}), {ours} in {software.folder}")


def _gpus(report: DoctorReport) -> Iterator[str]:
    for gpu in report.gpus.found:
        size = "shared memory" if gpu.memory_gib is None else f"{gpu.memory_gib:g} GiB"
        yield f"{gpu.name}, {size}, compute capability {gpu.compute_capability}, driver {report.gpus.driver}"
    if report.gpus.lack:
        yield f"none: {report.gpus.lack}"


def _encoders(report: DoctorReport) -> Iterator[str]:
    """Nothing where PyAV is missing: that is said further down."""
    found, hardware = report.encoders.found, [one for one in report.encoders.found if one.hardware]
    if found:
        for format, name in _FORMATS.items():
            usable = [one.name for one in found if one.format == format and one.opens and not one.hardware]
            yield from _field(name, ", ".join(usable) or "none")
        kinds = dict.fromkeys(one.name.partition("_")[2] for one in hardware)
        none = f"none; this PyAV could use {', '.join(kinds)}, and finds no device of them" if kinds else "none"
        yield from _field("hardware", ", ".join(one.name for one in hardware if one.opens) or none)
    elif any(package.name == "av" and package.works for extra in report.extras for package in extra.packages):
        yield from _field("unknown", f"PyAV does not say: {report.encoders.fault}")


def _installed(report: DoctorReport) -> Iterator[str]:
    """Each package once, beside the first extra that brings it."""
    told: set[str] = set()
    for extra in report.extras:
        working = [package for package in extra.packages if package.works and package.name not in told]
        told |= {package.name for package in working}
        if working:
            yield from _field(extra.name or "always", ", ".join(f"{package.name} {package.version}" for package in working))


def _caches(report: DoctorReport) -> Iterator[str]:
    for cache in report.caches:
        if not cache.fault:
            size = f"{cache.bytes / 1e6:.1f} MB of {cache.holds}" if cache.bytes else f"no {cache.holds} yet"
            yield from _field(cache.name, f"{cache.folder}: {size}")


def _faults(report: DoctorReport) -> Iterator[str]:
    told: set[str] = set()
    for package in (package for extra in report.extras for package in extra.packages):
        if package.command and package.name not in told:
            told.add(package.name)
            yield from _field("package", f"{package.name} {package.version}: {package.fault}", command=package.command)
    for cache in report.caches:
        if cache.fault:
            yield from _field("cache", cache.fault)


def _missing(report: DoctorReport) -> Iterator[str]:
    for extra in report.extras:
        if extra.command:
            names = ", ".join(_lacking(package) for package in extra.packages if not package.works and not package.command)
            useless = "; no GPU here can use it" if extra.name in _FOR_A_GPU and not report.gpus.found else ""
            yield from _field(extra.name or "always", f"{extra.gives}{useless}: {names}", command=extra.command)
    if not report.extras:
        yield from _field("Clearway", "it lies here without being installed, so that its extras are unknown", command=report.next)


def _lacking(package: ExtraPackage) -> str:
    return f"{package.name} ({package.version} is here, {package.fault})" if package.version else package.name


_SECTIONS: dict[str, Callable[[DoctorReport], Iterator[str]]] = {
    "Models": _models,
    "This machine": _machine,
    "Installed": _installed,
    "Video encoders": _encoders,
    "What is compiled is kept in": _caches,
    "To mend": _faults,
    "Not installed": _missing,
}


def _field(name: str, *texts: str, command: str = "") -> Iterator[str]:
    """The name beside the first line, the others below it. A command stays whole, however long: it is to be copied."""
    lines = [line for text in texts for line in textwrap.wrap(text, _WIDTH - _INDENT - 2, break_long_words=False, break_on_hyphens=False)]
    if command:
        lines.append(command)
    labels = [name] if len(name) < _INDENT else []
    if not labels:
        yield f"  {name}"
    for label, line in itertools.zip_longest(labels, lines, fillvalue=""):
        yield f"  {label:<{_INDENT}}{line}"
