"""The geometry of tiles, over many drawn sizes: all is owned once, nothing is cut where the network does not cut, and one size fits all."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import pytest

from runtime.errors import UsageError
from runtime.model.manifest import GRAPH_CONTRACT, MINIMUM_SIDE, GraphFacts
from runtime.tiles.geometry import Span, TilePlan, check_side, context_of, least_side, plan_tiles

GRAPH = GraphFacts(GRAPH_CONTRACT, 23, 4, 1, ("restored", "health"), sees_whole_picture=False, receptive_field=21, bytes_a_pixel=40)


def _graph(stride: int, field: int) -> GraphFacts:
    return dataclasses.replace(GRAPH, stride=stride, receptive_field=field)


def _drawn() -> Iterator[tuple[GraphFacts, int, int, int, TilePlan]]:
    """Graphs, sizes of pictures and of tiles, among them the least."""
    rng = np.random.default_rng(5)
    for number in range(400):
        graph = _graph(int(rng.choice([1, 2, 4, 8, 56, 64])), int(rng.choice([1, 2, 5, 21, 116, 162, 1040])))
        height, width = (int(side) for side in rng.integers(MINIMUM_SIDE, 4000, 2))
        side = least_side(graph) + (0 if number % 4 == 0 else int(rng.integers(0, 1500)))
        yield graph, height, width, side, plan_tiles(graph, height, width, side)


DRAWN = list(_drawn())


def _axes(height: int, width: int, plan: TilePlan) -> list[tuple[int, int, tuple[Span, ...]]]:
    return [(height, plan.height, plan.rows), (width, plan.width, plan.columns)]


def test_every_pixel_is_owned_by_exactly_one_tile() -> None:
    for _, height, width, _, plan in DRAWN:
        for length, _, spans in _axes(height, width, plan):
            assert [span.start for span in spans] == [0, *(span.stop for span in spans[:-1])]
            assert spans[-1].stop == length
    for graph in (GRAPH, _graph(56, 5), _graph(1, 1)):
        owners = np.zeros((333, 517), np.uint8)
        for row, column in plan_tiles(graph, 333, 517, 230).tiles:
            owners[row.in_picture(1), column.in_picture(1)] += 1
        assert (owners == 1).all()


def test_a_tile_owns_what_it_has_all_context_of() -> None:
    for graph, height, width, _, plan in DRAWN:
        context = context_of(graph)
        assert context >= graph.receptive_field // 2  # type: ignore[operator]
        for length, side, spans in _axes(height, width, plan):
            for span in spans:
                end = span.origin + side
                assert 0 <= span.origin <= span.start < span.stop <= end <= length
                assert span.origin == 0 or span.start - span.origin >= context
                # What is left over behind the last whole cell is mirrored by the graph, so it is no context.
                whole = end if end == length else end - end % graph.stride
                assert end == length or whole - span.stop >= context


def test_tiles_are_cut_where_the_network_cuts() -> None:
    for graph, height, width, _, plan in DRAWN:
        for length, side, spans in _axes(height, width, plan):
            assert all(span.origin % graph.stride == 0 for span in spans)
            assert all(span.stop % graph.stride == 0 or span.stop == length for span in spans)
            assert (length - side) % graph.stride == 0, "what the graph mirrors at the end is what it mirrors of the whole"


def test_the_last_tile_has_enough_to_be_mirrored() -> None:
    for graph, height, width, _, plan in DRAWN:
        for length, side, spans in _axes(height, width, plan):
            assert side <= length
            assert side >= MINIMUM_SIDE
            assert len(spans) == 1 or -length % graph.stride < side


def test_tiles_are_as_few_as_the_side_allows_and_as_small_as_their_number_does() -> None:
    for graph, height, width, side, plan in DRAWN:
        for length, taken, spans in _axes(height, width, plan):
            assert taken <= side or len(spans) == 1
            if len(spans) > 1:
                context, cells = context_of(graph), (side - length % graph.stride) // graph.stride * graph.stride
                covered = (len(spans) - 1) * cells - 2 * (len(spans) - 2) * context  # by one tile less, each as large as may be
                assert covered < length - length % graph.stride
                smaller = taken - graph.stride - length % graph.stride
                reached = len(spans) * smaller - 2 * (len(spans) - 1) * context
                assert reached < length - length % graph.stride or taken - graph.stride < MINIMUM_SIDE


def test_a_picture_that_fits_is_one_tile() -> None:
    plan = plan_tiles(GRAPH, 301, 64, 301)
    assert plan == TilePlan(301, 64, (Span(0, 0, 301),), (Span(0, 0, 64),))


def test_a_row_of_tiles() -> None:
    """Stride 4 and a field of 21: 12 pixels of context. 203 is 50 cells and 3 pixels; three tiles of 21 cells and 3 pixels overlap by 6."""
    plan = plan_tiles(GRAPH, 203, 20, 99)
    assert plan.height == 87
    assert plan.rows == (Span(0, 0, 72), Span(60, 72, 132), Span(116, 132, 203))
    assert [row.owned for row in plan.rows] == [72, 60, 71]
    assert plan.rows[1].in_tile(2) == slice(24, 144)
    assert plan.rows[1].in_picture(2) == slice(144, 264)


@pytest.mark.parametrize(("stride", "field", "least"), [(1, 1, 16), (4, 1, 19), (4, 21, 31), (64, 1040, 1279), (2, 162, 167)])
def test_the_least_side_of_a_tile(stride: int, field: int, least: int) -> None:
    graph = _graph(stride, field)
    assert least_side(graph) == least
    for length in range(least + 1, least + 70):
        assert len(plan_tiles(graph, length, 16, least).rows) > 1
    with pytest.raises(UsageError, match=f"expected tiles of at least {least} pixels, with .*, got {least - 1}; take larger ones"):
        plan_tiles(graph, 5000, 5000, least - 1)


def test_what_sees_the_whole_picture_is_not_cut() -> None:
    with pytest.raises(UsageError, match="an operation of this model sees the whole picture, so tiles would change the result"):
        check_side(dataclasses.replace(GRAPH, sees_whole_picture=True, receptive_field=None), 4096)
