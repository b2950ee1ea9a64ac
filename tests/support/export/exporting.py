"""Exports that take seconds: small pictures at the gate, one engine, and a graph that was traced before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import onnx_ir as ir
import pytest

from export import bundle_writer
from export.parity import cases
from export.verify import answers

SMALL = ((33, 47), (17, 19))


@contextmanager
def small_export(
    graph: ir.Model | None = None, *, sizes: Sequence[tuple[int, int]] = SMALL, gate: tuple[str, ...] | None = None
) -> Iterator[pytest.MonkeyPatch]:
    """Pictures of these sizes for export and verify. `graph` stands in for tracing, `gate` for the backends that must agree."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (bundle_writer, cases, answers):
            patch.setattr(module, "SIZES", sizes)
        patch.setattr(bundle_writer, "PROOF_SIZES", sizes)
        if graph is not None:
            patch.setattr(bundle_writer, "traced", lambda _: graph.clone())
        if gate is not None:
            patch.setattr(bundle_writer, "GATE", gate)
        yield patch
