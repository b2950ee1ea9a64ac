"""Scoring: a model or a folder of results against the truth, one picture at a time. Does not know how it was trained."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from runtime.errors import CheckpointError, DataError, UsageError
from runtime.files.atomic import written
from runtime.model.bundle import WEIGHTS
from runtime.model.manifest import ModelCard, Score
from runtime.model.zoo import find
from runtime.picture import Picture
from runtime.restorer import load
from training.checkpoint import Checkpoint, load_checkpoint
from training.data.batches import from_tensor
from training.networks import LEVELS
from training.scoring.metrics import PROTOCOLS, Levels, Quality, measure
from training.scoring.padding import pad_to_stride
from training.scoring.trials import Case, Trial

Restore = Callable[[Levels], Picture]
Answer = Callable[[Case], Picture]  # a model's, or what lies in a folder under the case's name

_EXACT_DB = 100.0  # a picture that comes back exactly: infinity has no mean, and no JSON


@dataclass(frozen=True)
class PictureScore:
    trial: str
    name: str
    width: int
    height: int
    psnr_input_db: float | None  # None where the input is the truth itself, or is not at hand
    psnr_db: float
    ssim_input: float | None
    ssim: float


@dataclass(frozen=True)
class Summary:
    """One trial. The fields are those of the manifest's `Score`, which has no room for inputs that are not at hand."""

    data: str
    pictures: int
    protocol: str
    psnr_input_db: float | None
    psnr_db: float
    psnr_worst_db: float
    ssim_input: float | None
    ssim: float


Watch = Callable[[PictureScore, Case, Picture], None]


def scored(answer: Answer, trials: Iterable[Trial], protocol: str, watch: Watch | None = None) -> Iterator[PictureScore]:
    """Each picture's score, as it comes; `watch` sees the pictures themselves before they are let go."""
    for trial in trials:
        for case in trial.cases():
            came = answer(case)
            after = measure(came, case.clean, protocol)
            before = None if case.degraded is None else measure(case.degraded, case.clean, protocol)
            score = _picture_score(trial.name, case, before, after)
            if watch:
                watch(score, case, came)
            yield score


def _picture_score(trial: str, case: Case, before: Quality | None, after: Quality) -> PictureScore:
    height, width = case.clean.shape[:2]
    return PictureScore(
        trial=trial,
        name=case.name,
        width=width,
        height=height,
        psnr_input_db=None if before is None or not np.isfinite(before.psnr) else before.psnr,
        psnr_db=min(after.psnr, _EXACT_DB),
        ssim_input=None if before is None else before.ssim,
        ssim=after.ssim,
    )


def summarised(scores: Sequence[PictureScore], protocol: str) -> list[Summary]:
    """Trials in their order: means over pictures, each picture counted once whatever its size."""
    trials: dict[str, list[PictureScore]] = {}
    for score in scores:
        trials.setdefault(score.trial, []).append(score)
    return [_summary(trial, ones, protocol) for trial, ones in trials.items()]


def _summary(trial: str, scores: Sequence[PictureScore], protocol: str) -> Summary:
    return Summary(
        data=trial,
        pictures=len(scores),
        protocol=PROTOCOLS[protocol].text,
        psnr_input_db=_mean([score.psnr_input_db for score in scores], 2),
        psnr_db=round(float(np.mean([score.psnr_db for score in scores])), 2),
        psnr_worst_db=round(min(score.psnr_db for score in scores), 2),
        ssim_input=_mean([score.ssim_input for score in scores], 4),
        ssim=round(float(np.mean([score.ssim for score in scores])), 4),
    )


def _mean(values: Sequence[float | None], digits: int) -> float | None:
    known = [value for value in values if value is not None]
    return round(float(np.mean(known)), digits) if len(known) == len(values) else None


def evaluate(restore: Restore, trials: Iterable[Trial], protocol: str) -> list[Summary]:
    return summarised(list(scored(answer_by(restore), trials, protocol)), protocol)


def answer_by(restore: Restore) -> Answer:
    def answer(case: Case) -> Picture:
        if case.degraded is None:
            raise UsageError(f"{case.name}: a model needs the degraded picture, --data holds the truth only; name pairs")
        return restore(case.degraded)

    return answer


@dataclass(frozen=True)
class OpenModel:
    """Anything that can be scored."""

    restore: Restore
    card: ModelCard
    runs_on: str
    takes_floats: bool  # noise that was neither clipped nor rounded; a bundle takes bytes


@contextmanager
def open_model(model: str, device: str = "cpu") -> Iterator[OpenModel]:
    """A checkpoint in PyTorch, or a bundle on the engine that `auto` picks."""
    path = Path(model)
    if path.is_file() or path.suffix in {".safetensors", ".pth", ".pt", ".ckpt", ".pkl"}:
        checkpoint = load_checkpoint(path)
        try:
            restore = checkpoint_restore(checkpoint, device=device)
        except CheckpointError as error:
            raise CheckpointError(f"{path}: {error}") from error
        yield OpenModel(restore, checkpoint.card, f"PyTorch FP32, {device}", takes_floats=True)
        return
    with load(model) as restorer:
        if (scale := restorer.manifest.graph.scale) != 1:
            here = WEIGHTS in restorer.manifest.files
            instead = f"score its checkpoint, {find(model) / WEIGHTS}" if here else "restore the pictures, and score that folder of results"
            raise UsageError(f"{model} makes pictures {scale} times as large, and what is scored keeps its size; {instead}")

        def on_bytes(picture: Levels) -> Picture:
            if picture.dtype != np.uint8:
                raise UsageError(f"{model}: expected bytes, got unrounded noise; score its checkpoint, or use --protocol rgb or grey")
            return restorer(np.asarray(picture, np.uint8)).image

        yield OpenModel(on_bytes, restorer.manifest.card, restorer.choice.describe(), takes_floats=False)


def checkpoint_restore(checkpoint: Checkpoint, *, bf16: bool = False, device: str = "cpu") -> Restore:
    """The network in PyTorch, one picture at a time, padded to its stride as the exported graph does it. FP32 unless `bf16`, which
    computes in autocast with channels-last weights: PyTorch's fastest plain way on a CPU."""
    layout = torch.channels_last if bf16 else torch.contiguous_format
    network = checkpoint.build().to(device, memory_format=layout)  # type: ignore[call-overload]
    stride, scale = int(network.stride), int(network.scale)

    @torch.inference_mode()
    def restore(picture: Levels) -> Picture:
        height, width = picture.shape[:2]
        rgb = torch.from_numpy(np.ascontiguousarray(picture[..., ::-1])).to(device).permute(2, 0, 1)[None].float().div(LEVELS)
        padded = pad_to_stride(rgb, stride).contiguous(memory_format=layout)
        with torch.autocast(device, torch.bfloat16, enabled=bf16), _true_fp32(device):
            answer = network(padded)
        restored = answer[0] if isinstance(answer, tuple) else answer  # some networks hand out the interference as well
        restored = restored[:, :, : height * scale, : width * scale]
        if not torch.isfinite(restored).all():
            raise CheckpointError(f"the network {checkpoint.network} gave NaN or Inf for a picture of {width}×{height}; train it again")
        return from_tensor(restored)[0]

    return restore


def _true_fp32(device: str) -> AbstractContextManager[None]:
    """cuDNN convolves FP32 in TF32 unless it is told not to: a mantissa of 10 bits is not what "PyTorch FP32" says."""
    return torch.backends.cudnn.flags(enabled=True, allow_tf32=False) if device == "cuda" else nullcontext()


def write_scores(path: Path, scores: Sequence[Score] | Sequence[Summary]) -> None:
    """What `clearway export --scores` puts into the manifest."""
    try:
        with written(path) as temporary:
            temporary.write_text(json.dumps([asdict(one) for one in scores], indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    except OSError as error:
        raise DataError(f"{path}: the scores cannot be written ({error.strerror or error}); name another file with --scores") from error
