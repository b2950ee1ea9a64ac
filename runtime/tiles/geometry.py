"""The geometry of tiles: how a picture is cut, and which part of each tile counts. Does not know engines or memory.

A tile is restored with its context around it, and only the part that it owns is kept: the exact crop. An owned pixel then depends on
nothing outside of its tile, so it is the pixel of the whole picture but for rounding. Blending, which hides seams where tiles disagree,
would add up several answers that are equal already; and where they are not, the overlap is too small, and it would hide that.

    origin ──── context ──── start ════ owned ════ stop ──── context ──── end          picture's border: no context, owned up to it

What an engine is given must be cut where the network cuts: origins are multiples of the graph's stride (its window × its deepest stride),
and so are the borders between owned parts. All tiles have one size, so that an engine compiles once. Divided by the stride it leaves what
the picture leaves: so the last tile ends with the picture, where the graph mirrors what is missing; with others that is in the context.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from runtime.errors import UsageError
from runtime.model.manifest import MINIMUM_SIDE, GraphFacts


@dataclass(frozen=True)
class Span:
    """A tile along one axis, in pixels of the picture. It begins at `origin`, and owns `start` up to `stop`."""

    origin: int
    start: int
    stop: int

    @property
    def owned(self) -> int:
        return self.stop - self.start

    def in_picture(self, scale: int) -> slice:
        """Where what it owns lies in the result of the whole."""
        return slice(self.start * scale, self.stop * scale)

    def in_tile(self, scale: int) -> slice:
        """And in its own result."""
        return slice((self.start - self.origin) * scale, (self.stop - self.origin) * scale)


@dataclass(frozen=True)
class TilePlan:
    """Every tile is `height`×`width`; each of `rows` with each of `columns` is one. A pixel is owned by exactly one."""

    height: int
    width: int
    rows: tuple[Span, ...]
    columns: tuple[Span, ...]

    @property
    def tiles(self) -> Iterator[tuple[Span, Span]]:
        return ((row, column) for row in self.rows for column in self.columns)


def context_of(graph: GraphFacts) -> int:
    """Pixels around an owned part that it depends on, as a multiple of the stride. Half the receptive field lies on either side."""
    assert graph.receptive_field is not None, "where the whole picture is seen, nothing is cut"
    return math.ceil(graph.receptive_field // 2 / graph.stride) * graph.stride


def least_side(graph: GraphFacts) -> int:
    """Of a tile's longest side: with any remainder there is room for one stride between the contexts, and for the smallest picture."""
    return max(2 * context_of(graph) + 2 * graph.stride - 1, MINIMUM_SIDE + graph.stride - 1)


def check_side(graph: GraphFacts, side: int) -> None:
    """That pictures of any size can be cut into tiles of up to `side` pixels."""
    if graph.sees_whole_picture:
        raise UsageError("an operation of this model sees the whole picture, so tiles would change the result; leave the tile's side out")
    if side < (least := least_side(graph)):
        context = f"{context_of(graph)} pixels of context on every side"
        raise UsageError(f"expected tiles of at least {least} pixels, with {context}, got {side}; take larger ones")


def plan_tiles(graph: GraphFacts, height: int, width: int, side: int) -> TilePlan:
    """The fewest tiles with sides up to `side`, and those as small as that number allows."""
    check_side(graph, side)
    tile_height, rows = _cut(height, side, graph.stride, context_of(graph))
    tile_width, columns = _cut(width, side, graph.stride, context_of(graph))
    return TilePlan(tile_height, tile_width, rows, columns)


def _cut(length: int, most: int, stride: int, context: int) -> tuple[int, tuple[Span, ...]]:
    """A tile's side, and where the tiles lie. Reckoned in cells of stride pixels; what is left over at the end is the last one's."""
    if length <= most:
        return length, (Span(0, 0, length),)
    cells, rest = divmod(length, stride)
    around, fit = context // stride, (most - rest) // stride
    count = math.ceil((cells - 2 * around) / (fit - 2 * around))
    side = max(math.ceil((cells + 2 * around * (count - 1)) / count), math.ceil((MINIMUM_SIDE - rest) / stride))
    spans: list[Span] = []
    for number in range(count):
        origin = min(number * (side - 2 * around), cells - side)
        start = spans[-1].stop if spans else 0
        stop = (origin + side - around) * stride if number < count - 1 else length
        spans.append(Span(origin * stride, start, stop))
    return side * stride + rest, tuple(spans)
