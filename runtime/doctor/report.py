"""Everything that the doctor finds, and which command comes next. Does not know how either is said."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from runtime.doctor.caches import CompileCache, caches
from runtime.doctor.child import import_fault
from runtime.doctor.codecs import Encoders, encoders
from runtime.doctor.extras import Extra, extras
from runtime.doctor.gpus import GpuSurvey, survey_gpus
from runtime.doctor.trial import Trial, try_model
from runtime.machine.memory import Memory, memory
from runtime.machine.processor import Processor, processor
from runtime.model.zoo import shipped

_ROOT = Path(__file__).parents[2]
_AGAIN = "pip install --force-reinstall --no-deps clearway"


@dataclass(frozen=True)
class Software:
    python: str
    executable: str
    clearway: str  # version; "" where it is not installed, only lies there
    folder: str


@dataclass(frozen=True)
class DoctorReport:
    next: str  # the command to say now
    trials: tuple[Trial, ...]
    processor: Processor
    memory: Memory
    gpus: GpuSurvey
    software: Software
    extras: tuple[Extra, ...]
    encoders: Encoders
    caches: tuple[CompileCache, ...]

    @property
    def exit_code(self) -> int:
        """1 only where no backend can run any shipped model."""
        return 0 if any(trial.measured for trial in self.trials) else 1


def examine(say: Callable[[str], None]) -> DoctorReport:
    """Takes seconds; `say` hears what it is at. The models come last and alone, since they are timed."""
    say("the machine")
    gpus = survey_gpus()
    say("the packages")
    packages = extras()
    say("the video encoders")
    codecs, without_numpy = encoders(), import_fault("numpy")
    trials = []
    for model in shipped():
        say(f"the model {model}")
        trials.append(Trial(model, None, f"not tried: numpy does not work ({without_numpy})", ()) if without_numpy else try_model(model))
    order = next_command(trials, packages, gpu=bool(gpus.found))
    return DoctorReport(order, tuple(trials), processor(), memory(), gpus, _software(), packages, codecs, caches())


def next_command(trials: Sequence[Trial], found: Sequence[Extra], *, gpu: bool) -> str:
    if not found:
        return f"pip install '{_ROOT}[cpu]'"
    named = {extra.name: extra for extra in found}
    if not named[""].works:
        return _mends(named[""])
    running = next((trial for trial in trials if trial.measured), None)
    if running is not None:
        # `gpu` is offered, not urged: it compiles, and what runs already runs.
        return _mends(named["live" if gpu else "cpu"]) or _demo(running)
    if trials and not any(trial.passed_over for trial in trials):  # no engine was asked: the bundles are damaged
        return _AGAIN
    return _mends(named["gpu" if gpu else "cpu"]) or _AGAIN


def _mends(extra: Extra) -> str:
    """The first line that mends one of its packages; "" where all work."""
    return next((package.command or extra.command for package in extra.packages if not package.works), "")


def _demo(trial: Trial) -> str:
    model = "" if trial.model == "derain" else f" --model {trial.model}"
    backend = f" --backend {trial.measured.backend}" if trial.measured and trial.fault else ""
    return f"clearway demo{model}{backend}"


def _software() -> Software:
    try:
        ours = version("clearway")
    except PackageNotFoundError:
        ours = ""
    return Software(platform.python_version(), sys.executable, ours, str(_ROOT))
