"""The history of made pictures: it fills, then gives old ones for new, empties for another shape, and resumes exactly."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from runtime.errors import UsageError
from training.recipes.pool import PicturePool


def _pool(size: int = 5, side: int = 8) -> PicturePool:
    return PicturePool(size, side, torch.device("cpu"))


def _numbered(first: int, count: int, side: int = 8) -> Tensor:
    return torch.arange(first, first + count).view(-1, 1, 1, 1).expand(-1, 3, side, side).float()


def _numbers(pictures: Tensor) -> list[int]:
    return [int(picture.unique().item()) for picture in pictures]


def test_until_it_is_full_it_hands_on_what_came() -> None:
    assert _numbers(_pool(5).exchange(_numbered(0, 5))) == [0, 1, 2, 3, 4]


def test_once_full_about_half_are_older_ones_and_none_is_shown_out_of_it_twice() -> None:
    pool = _pool(5)
    pool.exchange(_numbered(0, 5))
    shown = _numbers(pool.exchange(_numbered(5, 400)))
    older = [number for place, number in enumerate(shown, start=5) if number != place]
    assert 150 < len(older) < 250
    assert len(set(older)) == len(older)


def test_a_pool_of_none_hands_everything_on_and_remembers_nothing() -> None:
    pool = _pool(0)
    assert _numbers(pool.exchange(_numbered(0, 20))) == list(range(20))
    assert pool.memory == {}


def test_a_copy_of_its_memory_goes_on_exactly_as_it_would_have() -> None:
    whole, cut = _pool(), _pool()
    whole.exchange(_numbered(0, 23))
    for name, value in whole.memory.items():
        cut.memory[name].copy_(value.clone())
    assert _numbers(cut.exchange(_numbered(23, 50))) == _numbers(whole.exchange(_numbered(23, 50)))


def test_what_is_drawn_depends_on_no_generator_but_its_own_count() -> None:
    one, other = _pool(), _pool()
    torch.manual_seed(1)
    first = _numbers(one.exchange(_numbered(0, 40)))
    torch.manual_seed(2)
    assert _numbers(other.exchange(_numbered(0, 40))) == first


def test_patches_of_another_size_empty_it() -> None:
    pool = _pool(5)
    pool.exchange(_numbered(0, 9))
    assert pool.exchange(_numbered(100, 4, side=6)).shape == (4, 3, 6, 6)
    assert min(_numbers(pool.exchange(_numbered(104, 60, side=6)))) >= 100


def test_a_patch_beyond_its_room_is_refused_with_the_setting_that_makes_room() -> None:
    with pytest.raises(UsageError, match=r"raise --set method\.pool_side"):
        _pool(side=8).exchange(_numbered(0, 1, side=9))


def test_it_keeps_no_graph() -> None:
    assert not _pool(1).exchange(torch.rand(2, 3, 8, 8, requires_grad=True)).requires_grad
    assert not _pool(0).exchange(torch.rand(2, 3, 8, 8, requires_grad=True)).requires_grad
