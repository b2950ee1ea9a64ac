"""Windows: who sees whom, at any size and number of pictures, and the attention itself against PyTorch's own."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from training.networks.window_attention import WindowAttention, WindowBlock, attend


def test_attention_is_pytorchs_with_a_bias() -> None:
    torch.manual_seed(0)
    query, key, value = (torch.randn(5, 2, 16, 8) for _ in range(3))
    bias = torch.randn(1, 2, 16, 16)
    expected = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
    torch.testing.assert_close(attend(query * 8**-0.5, key, value, bias), expected)


def test_the_bias_depends_on_where_two_places_lie_to_each_other_and_on_nothing_else() -> None:
    attention = WindowAttention(channels=8, window=3, heads=2)
    with torch.no_grad():
        attention.bias.copy_(torch.arange(50).reshape(2, 25))
    bias = attention.bias[:, attention.relative].reshape(2, 9, 9)
    assert torch.equal(bias[:, 0, 4], bias[:, 4, 8])  # both one down and one to the right
    assert torch.equal(bias[:, 1, 3], bias[:, 5, 7])
    assert not torch.equal(bias[:, 0, 4], bias[:, 4, 0])
    assert bias.unique().numel() == 50


def _seen_by(block: WindowBlock, side: int, row: int, column: int) -> Tensor:
    """Which places have a gradient from one place's answer."""
    x = torch.randn(1, 8, side, side, requires_grad=True)
    # One value of it: the norm behind makes their sum the same whatever it sees.
    block(x)[0, 0, row, column].backward()
    assert x.grad is not None
    return x.grad[0].abs().sum(0) > 0


def test_a_place_sees_its_window() -> None:
    torch.manual_seed(0)
    seen = _seen_by(WindowBlock(8, window=4, heads=2, mlp_ratio=2, shifted=False), side=12, row=5, column=1)
    expected = torch.zeros(12, 12, dtype=torch.bool)
    expected[4:8, 0:4] = True
    assert torch.equal(seen, expected)


def test_shifted_windows_join_what_windows_part() -> None:
    torch.manual_seed(0)
    seen = _seen_by(WindowBlock(8, window=4, heads=2, mlp_ratio=2, shifted=True), side=12, row=5, column=7)
    expected = torch.zeros(12, 12, dtype=torch.bool)
    expected[2:6, 6:10] = True
    assert torch.equal(seen, expected)


def test_a_shifted_window_at_the_border_sees_what_is_near_and_nothing_from_the_other_side() -> None:
    torch.manual_seed(0)
    seen = _seen_by(WindowBlock(8, window=4, heads=2, mlp_ratio=2, shifted=True), side=12, row=0, column=11)
    assert seen[:4, 8:].any()
    assert not seen[4:].any()
    assert not seen[:, :8].any()


@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize("size", [(7, 7), (14, 35), (28, 7)])
def test_any_multiple_of_the_window_will_do(size: tuple[int, int], shifted: bool) -> None:
    torch.manual_seed(0)
    block = WindowBlock(8, window=7, heads=2, mlp_ratio=2, shifted=shifted)
    both = torch.randn(2, 8, *size)
    answer = block(both)
    assert answer.shape == both.shape
    torch.testing.assert_close(answer[1:], block(both[1:]))
