"""The command `clearway evaluate`. Does not know networks, losses or how a score is computed."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from runtime.errors import UsageError

if TYPE_CHECKING:
    from training.data.batches import TrainingPictures
    from training.recipes.recipe import Recipe
    from training.scoring.evaluate import Answer, PictureScore
    from training.scoring.trials import Trial

_DATA = "a folder that `clearway train` takes too (its held-out part is scored), or the truths of a folder of results; repeatable"
_MODEL = "a checkpoint, a bundle, the name of a shipped model, or a folder of results"
_PROTOCOL = "how to score: a protocol's name or a data set's (default: what the data goes by, else the recipe's)"
_FILES = ("scores", "csv", "worst")
_TOLD_EVERY_S = 10.0


@dataclasses.dataclass(frozen=True)
class _EvaluationPlan:
    """What is scored, by which protocol, and on what it runs."""

    answer: Answer
    trials: Sequence[Trial]
    protocol: str
    runs_on: str


def evaluate_word(arguments: list[str], say: Callable[[str], None] = print) -> int:
    from training.scoring.evaluate import scored, summarised, write_scores
    from training.scoring.metrics import PROTOCOLS
    from training.scoring.report import WorstPictures, table, write_csv

    parsed = _parser().parse_args(arguments)
    _check_files(parsed)
    worst = WorstPictures() if parsed.worst else None
    with _planned(parsed) as plan:
        scores = list(_told(scored(plan.answer, plan.trials, plan.protocol, worst.watch if worst else None), plan.trials))
    summaries = summarised(scores, plan.protocol)
    if parsed.scores:
        write_scores(parsed.scores, summaries)
    if parsed.csv:
        write_csv(parsed.csv, scores)
    if worst:
        worst.write(parsed.worst)
    if parsed.json:
        entries = [dataclasses.asdict(summary) for summary in summaries]
        say(json.dumps({"model": parsed.model, "runs_on": plan.runs_on, "protocol": plan.protocol, "scores": entries}))
    else:
        say(f"{parsed.model} on {plan.runs_on}; {plan.protocol}: {PROTOCOLS[plan.protocol].text}")
        say("\n".join(table(summaries)))
    return 0


def _told(scores: Iterable[PictureScore], trials: Sequence[Trial]) -> Iterator[PictureScore]:
    """Says now and then how far it is, where it takes long enough to be asked."""
    pictures, said = sum(len(trial.names) for trial in trials), time.monotonic()
    for done, score in enumerate(scores, start=1):
        yield score
        if time.monotonic() - said > _TOLD_EVERY_S:
            said = time.monotonic()
            sys.stderr.write(f"{done:,} of {pictures:,} pictures scored\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="clearway evaluate", description="Score a model, or results, against the truth.")
    parser.add_argument("model", help=_MODEL)
    parser.add_argument("--data", action="append", type=Path, required=True, metavar="DIR", help=_DATA)
    parser.add_argument("--protocol", metavar="NAME", help=_PROTOCOL)
    parser.add_argument("--degrade", metavar="TEXT", help="a mixture to put on held-out clean pictures, instead of the recipe's trials")
    parser.add_argument("--device", choices=["cpu", "cuda"], help="for a checkpoint (default: cuda where there is one)")
    parser.add_argument("--scores", type=Path, metavar="FILE", help="write the scores where `clearway export --scores` takes them")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write every picture's scores")
    parser.add_argument("--worst", type=Path, metavar="FILE", help="draw the worst five: degraded, restored, truth")
    parser.add_argument("--json", action="store_true", help="print one line for machines")
    return parser


def _check_files(parsed: argparse.Namespace) -> None:
    """Before the minutes that scoring takes."""
    from runtime.files.pictures import PICTURE_SUFFIXES
    from training.scoring.results import is_results

    for name in _FILES:
        file: Path | None = getattr(parsed, name)
        if file and (file.is_dir() or not file.parent.is_dir()):
            raise UsageError(f"--{name} {file}: expected a file in an existing folder; make the folder, or name another file")
    if parsed.worst and parsed.worst.suffix.lower() not in PICTURE_SUFFIXES:
        raise UsageError(f"--worst {parsed.worst}: expected the name of a picture; end it in one of {', '.join(sorted(PICTURE_SUFFIXES))}")
    if is_results(parsed.model):
        for name in ("degrade", "scores", "device"):
            if getattr(parsed, name):
                raise UsageError(f"--{name} goes with a model, {parsed.model} is a folder of results; leave it out, or name a model")


@contextmanager
def _planned(parsed: argparse.Namespace) -> Iterator[_EvaluationPlan]:
    from training.scoring.results import is_results

    if is_results(parsed.model):
        yield _results_plan(parsed)
        return
    from training.data.batches import load_pictures
    from training.scoring.evaluate import answer_by, open_model
    from training.scoring.metrics import PROTOCOLS
    from training.settings import recipe_of

    with open_model(parsed.model, _device(parsed.device)) as model:
        pictures = load_pictures(parsed.data)
        recipe = recipe_of(model.card)
        protocol = protocol_for(parsed.protocol, pictures, recipe)
        if PROTOCOLS[protocol].unclipped and not model.takes_floats:
            raise UsageError(
                f"{parsed.model}: expected a protocol of 8-bit pictures, got {protocol}, for noise that is neither clipped nor rounded; "
                "score the checkpoint, or use --protocol rgb or grey"
            )
        yield _EvaluationPlan(answer_by(model.restore), _trials(parsed.degrade, pictures, recipe, protocol), protocol, model.runs_on)


def _results_plan(parsed: argparse.Namespace) -> _EvaluationPlan:
    from training.data.batches import load_pictures
    from training.data.drawn_pictures import count_of
    from training.scoring.results import answer_from, results_in
    from training.scoring.trials import pairs_of, truths_in

    if drawn := [data for data in parsed.data if count_of(data)]:
        raise UsageError(f"--data {drawn[0]}: {parsed.model} is a folder of results, and their truths lie in files; name their folder")
    folder = Path(parsed.model)
    results = results_in(folder)
    pictures = load_pictures(parsed.data)
    # Clean pictures are all of them the truth of something: the held-out rule is for models that were trained on the others.
    protocol = protocol_for(parsed.protocol, pictures, recipe=None)
    trial = pairs_of(pictures, protocol) if pictures.held_out_pairs else truths_in(parsed.data)
    return _EvaluationPlan(answer_from(folder, results, trial.names), [trial], protocol, "a folder of results")


def _trials(degrade: str | None, pictures: TrainingPictures, recipe: Recipe, protocol: str) -> list[Trial]:
    from training.degradations.description import MixtureText
    from training.scoring.trials import SEED, mixture_trial, trials_of

    if degrade is None:
        return trials_of(recipe, pictures, protocol)
    return [mixture_trial(degrade, MixtureText(degrade).unseen(SEED), pictures, protocol)]


def protocol_for(asked: str | None, pictures: TrainingPictures, recipe: Recipe | None) -> str:
    from training.scoring.metrics import find_protocol

    named = asked or pictures.protocol
    if named:
        return find_protocol(named)
    return find_protocol("rgb" if recipe is None else recipe.protocol)


def _device(asked: str | None) -> str:
    import torch

    there = torch.cuda.is_available()
    if asked == "cuda" and not there:
        raise UsageError("--device cuda: PyTorch sees no GPU on this machine; leave it out, or use --device cpu")
    return asked or ("cuda" if there else "cpu")
