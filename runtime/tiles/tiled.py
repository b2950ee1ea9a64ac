"""Decides whether a picture is restored whole or in tiles, and does it. Does not know what the pictures show.

Which it is, is decided once for each size, before anything is allocated. A picture that does not fit into the free memory is refused, or
cut, as was asked for; one of a size that ran already is not asked again, since its engine holds what it needs.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from runtime.backends.protocol import Backend
from runtime.errors import PictureError, UsageError
from runtime.machine.memory import free_memory
from runtime.model.manifest import GraphFacts, ModelManifest
from runtime.picture import Picture, Tensors
from runtime.tiles.geometry import Span, TilePlan, check_side, least_side, plan_tiles

TileSide = int | Literal["auto"] | None  # the longest side of a tile; tiles only where memory asks for them; never

_LEVELS = 256  # what stands for 1.0 in health (docs/bundle.md)
_SHARE = 0.8  # of the free memory: others run beside
_SIZES_KEPT = 4  # as many as an engine keeps compiled


class TiledBackend:
    """A backend that takes what another one takes, and gives it that in tiles where it must be. Closing it closes the other."""

    def __init__(self, manifest: ModelManifest, backend: Backend, tile: TileSide, mode: str) -> None:
        self.facts, self.depth, self.memory = backend.facts, backend.depth, backend.memory
        self.times, self.memory_factor = backend.times, backend.memory_factor
        self._name, self._graph = manifest.name, manifest.graph
        self._backend, self._tile = backend, tile
        # For throughput every run under way has memory of its own, else they take turns in that of one.
        self._at_once = backend.depth if mode == "throughput" else 1
        self._plans: OrderedDict[tuple[int, int, int], TilePlan | None] = OrderedDict()
        self._lock = threading.Lock()

    def check(self, count: int, height: int, width: int) -> None:
        """That so many pictures of a size can be taken in one run; what fits in no way is a PictureError. `run` asks it too."""
        self._plan(count, height, width)

    def run(self, frames: Picture, into: Tensors | None = None) -> Tensors:
        """health in tiles is the mean of what they own, each tile's own mean shifted by how far the bytes of its owned part are from all of
        its bytes: where nothing is clamped that is the whole picture's health but for rounding. NaN and Inf of any tile stay."""
        plan = self._plan(*frames.shape[:3])
        if plan is None:
            return self._backend.run(frames, into)
        into = self._empty(frames.shape, self._graph.outputs) if into is None else into
        into["health"][:] = 0
        for row, column in plan.tiles:
            self._run_tile(plan, row, column, frames, into)
        return into

    def close(self) -> None:
        self._backend.close()
        self.memory = self._backend.memory  # the old one kept pinned memory alive

    def _run_tile(self, plan: TilePlan, row: Span, column: Span, frames: Picture, into: Tensors) -> None:
        scale, (count, height, width, _) = self._graph.scale, frames.shape
        tile = self.memory.array((count, plan.height, plan.width, 3))
        np.copyto(tile, frames[:, row.origin : row.origin + plan.height, column.origin : column.origin + plan.width])
        came = self._backend.run(tile, self._empty(tile.shape, into))
        for name, array in came.items():
            if name != "health":
                part = array[:, row.in_tile(scale), column.in_tile(scale)]
                into[name][:, row.in_picture(scale), column.in_picture(scale)] = part
        owned = came["restored"][:, row.in_tile(scale), column.in_tile(scale)]
        health = came["health"] + (_means(owned) - _means(came["restored"])) / _LEVELS
        into["health"][:] += health * np.float32(row.owned * column.owned / (height * width))

    def _empty(self, shape: tuple[int, ...], outputs: Iterable[str]) -> Tensors:
        count, height, width, _ = shape
        size = count, height * self._graph.scale, width * self._graph.scale, 3
        return {name: np.empty((count, 3), np.float32) if name == "health" else self.memory.array(size) for name in outputs}

    def _plan(self, count: int, height: int, width: int) -> TilePlan | None:
        """None: they are taken whole."""
        size = count, height, width
        with self._lock:
            if size not in self._plans:
                self._plans[size] = self._fitting(*size)
            self._plans.move_to_end(size)
            if len(self._plans) > _SIZES_KEPT:
                self._plans.popitem(last=False)
            return self._plans[size]

    def _fitting(self, count: int, height: int, width: int) -> TilePlan | None:
        graph, tile = self._graph, self._tile
        plan = plan_tiles(graph, height, width, tile) if isinstance(tile, int) and max(height, width) > tile else None
        free = free_memory()
        if free is None or self.memory_factor is None:
            return plan
        at_once, engine = count * self._at_once, graph.bytes_a_pixel * self.memory_factor
        results, allowed = at_once * _bytes_of_results(graph, height * width), _SHARE * free
        pixels = height * width if plan is None else plan.height * plan.width
        if (needed := results + at_once * engine * pixels) <= allowed:
            return plan
        if tile == "auto" and not graph.sees_whole_picture:
            side = _side((allowed - results) / (at_once * engine), height, width)
            if side >= least_side(graph):
                return plan_tiles(graph, height, width, side)
        asked = f"{width}×{height}" + (f", {count} in a batch" if count > 1 else "")
        takes = f"{self._name} would take about {needed / 1e9:.1f} GB on {self._backend.facts.name}"
        may = f"of {free / 1e9:.1f} GB that are free {allowed / 1e9:.1f} may be taken"
        raise PictureError(f"{asked}: {takes}, {may}; {self._remedy(count)}")

    def _remedy(self, count: int) -> str:
        smaller = "a smaller batch" if count > 1 else "a smaller picture"
        held = " (what it holds for sizes that it ran comes back when the model is loaded again)" if self._plans else ""
        if self._graph.sees_whole_picture:
            return f"tiles cannot help, since an operation sees the whole picture: use {smaller}{held}"
        if self._tile is None:
            return f"take it in tiles, with tile='auto' or --tile auto{held}"
        if self._tile == "auto":
            least = least_side(self._graph)
            return f"nor does its least tile fit, which is {least} pixels across with its context: use {smaller}{held}"
        return f"take smaller tiles or {smaller}{held}"


def check_tile(graph: GraphFacts, tile: object) -> None:
    if isinstance(tile, int):
        check_side(graph, tile)
    elif tile not in ("auto", None):
        raise UsageError(f"expected the side of a tile in pixels, 'auto' or None, got {tile!r}")


def _bytes_of_results(graph: GraphFacts, pixels: int) -> int:
    """Of the pictures that come of one with so many pixels, be they asked for or not."""
    return (len(graph.outputs) - 1) * 3 * graph.scale**2 * pixels


def _means(pictures: NDArray[np.generic]) -> NDArray[np.float32]:
    """[N, H, W, 3] bytes → [N, 3]. Down the rows first: numpy takes eight times as long where the last axis has three."""
    count, height, width, _ = pictures.shape
    columns = pictures.reshape(count, height, -1).sum(1, dtype=np.uint32)
    return np.asarray(columns.reshape(count, width, 3).sum(1) / (height * width), np.float32)


def _side(pixels: float, height: int, width: int) -> int:
    """Of the largest tile with so many pixels: a square one, or a longer one right across a narrow picture."""
    return max(math.isqrt(max(0, int(pixels))), int(pixels // min(height, width)))
