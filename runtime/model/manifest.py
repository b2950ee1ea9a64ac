"""The facts about a model that travel with its weights. Does not know files, hashes or engines.

`ModelManifest` is the one description of a model: written by export, read by runtime, printed by `clearway models`.
It is frozen, it validates itself when made, and its JSON is strict in both directions: a field that is missing or
unknown is an error that names it, and a newer schema is refused with what to do.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from runtime.errors import BundleError
from runtime.model.strict_json import decode, encode, parse

SCHEMA = 2  # raised whenever a field changes its meaning; an older Clearway then refuses instead of guessing
GRAPH_CONTRACT = 1  # the tensors of the ONNX graph: see docs/bundle.md
MINIMUM_SIDE = 16


@dataclass(frozen=True)
class NetworkFacts:
    """Which network made the graph, and how large it is."""

    name: str  # a key of training.networks.NETWORKS
    preset: str
    config: dict[str, Any]  # the fields of that network's frozen Config
    parameters: int
    gflops_720p: float  # 2 × multiply-adds of one 1280×720 frame


@dataclass(frozen=True)
class GraphFacts:
    """What the host must know of the graph; everything else is inside it."""

    contract: int
    opset: int
    stride: int  # the graph pads to a multiple of this by itself
    scale: int  # output side ÷ input side
    outputs: tuple[str, ...]  # "restored", "health", and "interference" where the network separates it
    sees_whole_picture: bool  # an operation averages over the whole picture, so tiles would change the result
    # Pixels that one output pixel depends on, across, no more than half of them on either side of its cell of stride × stride; None where
    # it is the whole picture.
    receptive_field: int | None
    bytes_a_pixel: int  # the most that the graph's tensors take at once in FP32, for each pixel of its input; constants not counted

    def __post_init__(self) -> None:
        if self.contract != GRAPH_CONTRACT:
            raise BundleError(f"expected graph contract {GRAPH_CONTRACT}, got {self.contract} from the manifest; export the model again")
        if self.stride < 1 or self.scale < 1:
            raise BundleError(f"stride and scale are at least 1, the manifest says {self.stride} and {self.scale}")
        if self.sees_whole_picture != (self.receptive_field is None):
            said = f"got {self.receptive_field} from the manifest"
            raise BundleError(f"expected a receptive field unless the whole picture is seen, {said}; export the model again")
        if self.bytes_a_pixel < 1:
            raise BundleError(f"bytes_a_pixel is at least 1, the manifest says {self.bytes_a_pixel}; export the model again")
        for needed in ("restored", "health"):
            if needed not in self.outputs:
                raise BundleError(f"the graph must have an output {needed!r}, the manifest lists {', '.join(self.outputs)}")


@dataclass(frozen=True)
class AttentionForm:
    """One windowed attention block in the FP16 graph."""

    block: str  # the path of its module
    heads: int
    head_size: int
    places: int  # of a window
    fused: bool  # one Attention node, a kernel of TensorRT's own; else MatMul, FP32 Softmax, MatMul
    why: str


@dataclass(frozen=True)
class GainControlForm:
    """One gain control (or inverse) in the FP16 graph."""

    block: str  # the path of its module
    form: str  # "plain", "rescaled" or "fp32"
    scale: float  # what its input is divided by before it is squared, a power of two; 1 unless rescaled
    energy_headroom: float  # largest energy seen ÷ 65504, as the form computes it; in FP32 it may exceed 1
    why: str


@dataclass(frozen=True)
class PrecisionFacts:
    """How model.fp16.onnx is typed: what computes in FP32, why, and how far the rest is from FP16's largest number."""

    calibration: str  # on what it was measured, in words
    unstable: tuple[str, ...]  # frames of it whose answer FP32 itself does not give twice: they were looked at for NaN and Inf alone
    fp32: dict[str, str]  # node → why it computes in FP32
    fp32_share: float  # of all multiply-adds
    casts: int  # between the two, the contract's own from and to bytes not counted
    gain_controls: tuple[GainControlForm, ...]
    attention: tuple[AttentionForm, ...]
    headroom: dict[str, float]  # node → largest |x| that it gave during calibration ÷ 65504


@dataclass(frozen=True)
class ParityRecord:
    """How far one way of running the model was from PyTorch in FP32, and on what."""

    backend: str  # "onnxruntime", "openvino", "node-by-node", "tensorrt", "tensorrt-rtx"
    precision: str  # "fp32", "bf16", "fp16"
    pictures: str  # what was compared, in words: "12 photographs, 3 sizes"
    max_levels: int  # largest difference anywhere, in grey levels of 255
    psnr_db: float | None  # mean over the pictures; None where all are identical
    psnr_worst_db: float | None  # of the worst picture
    ssim_worst: float  # of the worst picture
    shift_levels: float  # by how much the mean of a channel is off, in grey levels: over all pictures
    shift_worst_levels: float  # and of the worst picture
    black_pixels: int  # black or white where PyTorch's are far from it (export/parity/limits.py)
    task_psnr_input_db: float | None  # of the degraded pictures against the clean truth; None without a truth
    task_psnr_db: float | None  # of this backend's answers
    task_psnr_drop_db: float | None  # PyTorch's minus that


@dataclass(frozen=True)
class Score:
    """One score with its protocol beside it: a PSNR without one says nothing."""

    data: str
    pictures: int
    protocol: str
    psnr_input_db: float | None  # mean; None where the input is the truth itself
    psnr_db: float
    psnr_worst_db: float
    ssim_input: float
    ssim: float


@dataclass(frozen=True)
class ModelCard:
    """Where the weights come from, what they may be used for, and what they are bad at."""

    recipe: str
    seed: int
    steps: int
    data: tuple[str, ...]
    licence: str
    weaknesses: tuple[str, ...]
    settings: tuple[str, ...] = ()  # in what the training differed from its recipe: --ablation, --set, --degrade


@dataclass(frozen=True)
class ModelManifest:
    """All of it. `files` maps every other file of the bundle to its sha256."""

    schema: int
    name: str
    version: str
    task: str
    summary: str
    network: NetworkFacts
    graph: GraphFacts
    precision: PrecisionFacts
    card: ModelCard
    scores: tuple[Score, ...] = ()
    parity: tuple[ParityRecord, ...] = ()
    files: dict[str, str] = field(default_factory=dict)
    bf16_refused: str = ""  # what was lost in it: engines that would take bf16 run this model in FP32; empty where they may

    def __post_init__(self) -> None:
        if self.schema != SCHEMA:
            newer = " (a newer one)" if self.schema > SCHEMA else ""
            raise BundleError(f"expected manifest schema {SCHEMA}, got {self.schema}{newer}; update Clearway or export again")
        if not self.name or "/" in self.name:
            raise BundleError(f"a model's name is a plain word, the manifest says {self.name!r}")

    def to_json(self) -> str:
        return encode(self)

    @classmethod
    def from_json(cls, text: str) -> ModelManifest:
        try:
            raw = parse(text)
        except ValueError as error:
            raise BundleError(f"manifest.json is not JSON ({error}); the bundle is damaged, copy or export it again") from error
        if isinstance(raw, dict) and isinstance(raw.get("schema"), int) and raw["schema"] > SCHEMA:
            # Said before the fields are read: a newer schema may well have fields that are unknown here.
            raise BundleError(f"expected manifest schema {SCHEMA}, got {raw['schema']} (a newer one); update Clearway")
        try:
            return decode(cls, raw, "manifest")
        except ValueError as error:
            raise BundleError(f"{error}; the bundle is damaged or of another Clearway: export it again or update Clearway") from error
