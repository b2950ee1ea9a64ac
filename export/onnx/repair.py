"""Making an FP16 file that agrees with FP32: what keeps it from that is found and widened, one region after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import onnx_ir as ir
from onnx import ModelProto

from export.onnx.arithmetic import Arithmetic, Array, NodeByNode
from export.onnx.names import name_of, value_name
from export.onnx.precision import PreparedGraph, TypedFp16, prepared
from export.parity.compare import Case, compare
from export.progress import Say
from runtime.errors import ParityError
from runtime.model.manifest import PrecisionFacts
from runtime.picture import Picture

_UNIT = 2.0**-11  # FP16's rounding, relative


@dataclass(frozen=True)
class Fp16:
    """model.fp16.onnx and what the manifest says of it."""

    model: bytes
    facts: PrecisionFacts


def fp16_of(traced: ir.Model, calibration: Sequence[Case], described: str, say: Say = lambda _: None) -> Fp16:
    """`traced` has one node for each attention block, and is changed. The result agrees with the cases' answers, or there is none."""
    ready = prepared(traced, [case.frame for case in calibration])
    stable, unstable = _by_stability(ready.model, calibration)
    while True:
        typed = _typed(ready)
        verdict = compare(NodeByNode(typed), stable, described)
        overflown = [case for case in unstable if not _finite(typed, case)]
        if verdict.holds and not overflown:
            break
        problems = [*verdict.problems, *(f"health of {case.name} holds NaN or Inf" for case in overflown)]
        worst = [one.frame for one in verdict.worst] if verdict.problems else [case.frame for case in overflown]
        region = _farthest(ready, typed, worst)
        if not region:
            raise ParityError(f"FP16 does not agree with PyTorch, even with every operation in FP32: {'; '.join(problems)}")
        say(f"FP16: {problems[0]}; {', '.join(region)} in FP32 from here on")
        ready = replace(ready, fp32={**ready.fp32, **region})
    inner = sum(node.op_type == "Cast" for node in typed.graph.node) - sum(node.op_type == "Cast" for node in ready.model.graph)
    facts = PrecisionFacts(
        calibration=described,
        unstable=tuple(case.name for case in unstable),
        fp32=dict(ready.fp32),
        fp32_share=ready.fp32_share(),
        casts=inner,
        gain_controls=ready.gain_controls,
        attention=ready.attention,
        headroom=ready.headroom(),
    )
    return Fp16(typed.SerializeToString(deterministic=True), facts)


def _by_stability(wide: ir.Model, cases: Sequence[Case]) -> tuple[list[Case], list[Case]]:
    """Those whose answer FP32 gives again, and the others: a norm over a flat picture divides by next to nothing, and what comes out is
    rounding, another one on every engine. There, nothing can be compared."""
    arithmetic = Arithmetic(ir.to_proto(wide))
    stable, unstable = list[Case](), list[Case]()
    for case in cases:
        again, truth = arithmetic.run(case.frame[None])["restored"], case.expected["restored"]
        apart = np.abs(again.astype(np.int16) - truth).max() if again.shape == truth.shape else np.inf
        (stable if apart <= 1 else unstable).append(case)
    if not stable:
        raise ParityError("the FP32 graph, node by node, agrees with PyTorch on no frame of the calibration: FP16 cannot be checked")
    return stable, unstable


def _finite(typed: ModelProto, case: Case) -> bool:
    return bool(np.isfinite(Arithmetic(typed).run(case.frame[None])["health"]).all())


def _typed(ready: PreparedGraph) -> ModelProto:
    return ir.to_proto(TypedFp16(ready.fp32)(ready.model.clone()).model)


def _farthest(ready: PreparedGraph, typed: ModelProto, frames: Sequence[Picture]) -> dict[str, str]:
    """The next nodes to widen, with the reason: where FP16 first gives NaN or Inf, or else where its rounding grows most.

    What grows there is the rounding of what goes in. So a node is widened together with those that made its inputs.
    """
    made_by = {value_name(value): name_of(node) for node in ready.model.graph for value in node.outputs}
    growth: dict[str, float] = {}
    for frame in frames:
        for name, grown in _growth(ready.model, typed, frame):
            growth[name] = max(growth.get(name, 0.0), grown)
    # Of those that grow alike, which infinite ones do, the first in the order of the graph comes first.
    for node in sorted(ready.model.graph, key=lambda node: -growth.get(name_of(node), 0.0)):
        inputs = {made_by.get(value_name(value), "") for value in node.inputs if value is not None}
        if region := {name_of(node), *inputs} & growth.keys() - ready.fp32.keys():
            grown = growth[name_of(node)]
            why = "is NaN or Inf" if np.isinf(grown) else f"grows {grown:.3g} times over"
            return dict.fromkeys(sorted(region), f"repaired: the rounding of FP16 {why} in {node.name}")
    return {}


def _growth(wide: ir.Model, typed: ModelProto, frame: Picture) -> Iterator[tuple[str, float]]:
    """For each node of the FP32 graph that gives floats: its relative error ÷ the largest of its inputs'."""
    errors: dict[str, float] = {}
    exact = Arithmetic(ir.to_proto(wide)).steps(frame[None])
    known = {node.name for node in wide.graph}
    for step in Arithmetic(typed).steps(frame[None]):
        if step.node.name not in known:  # a cast that typing put in: it passes the error on
            errors[step.node.output[0]] = errors.get(step.node.input[0], 0.0)
            continue
        truth = next(exact)
        if step.outputs[0].dtype.kind != "f":
            continue
        entered = max(_UNIT, *(errors.get(name, 0.0) for name in step.node.input), 0.0)
        error = errors[step.node.output[0]] = _error(step.outputs[0], truth.outputs[0])
        yield step.node.name, 1.0 if np.isinf(entered) else error / entered


def _error(got: Array, truth: Array) -> float:
    if not np.isfinite(got).all():
        return np.inf
    difference = float(np.linalg.norm(got.astype(np.float64) - truth))
    return difference / max(float(np.linalg.norm(truth.astype(np.float64))), 1e-30)
