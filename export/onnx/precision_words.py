"""Owns what is said of an FP16 graph when a bundle is made; knows nothing of how it was typed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from runtime.model.manifest import PrecisionFacts

_TOP = 10  # tensors; the manifest has all of them


def precision_lines(facts: PrecisionFacts) -> Iterator[str]:
    """The cost of FP32, the forms that were chosen, and the tensors that are nearest to the end of FP16."""
    casts = "1 cast" if facts.casts == 1 else f"{facts.casts} casts"
    yield f"FP16: {facts.fp32_share:.1%} of the multiply-adds in FP32, {casts}; calibrated on {facts.calibration}"
    if facts.unstable:
        yield f"  FP32 itself gives another answer each time, so that nothing could be compared, on: {', '.join(facts.unstable)}"
    for why, count in Counter(facts.fp32.values()).most_common():
        yield f"  FP32 in {count} {'node' if count == 1 else 'nodes'}: {why}"
    if facts.gain_controls:
        yield f"  gain control: {_counted(form.form for form in facts.gain_controls)}"
    if facts.attention:
        yield f"  attention: {_counted('fused' if form.fused else f'explicit ({form.why})' for form in facts.attention)}"
    largest = sorted(facts.headroom.items(), key=lambda item: -item[1])[:_TOP]
    yield "  largest |x| ÷ 65504: " + ", ".join(f"{name} {share:.3g}" for name, share in largest)


def _counted(words: Iterable[str]) -> str:
    return ", ".join(f"{count} {word}" for word, count in Counter(words).most_common())
