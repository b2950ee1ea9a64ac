"""Attention within windows (Swin's block, Liu et al., ICCV 2021). Does not know the network around it.

    x ── norm ── attention in windows ──(+)── norm ── MLP ──(+)──

Windows are cut from the top left, so both sides must be multiples of the window. Every second block shifts its windows by half a
window. Swin rolls the picture round for that and masks what does not belong together; here the features are mirrored by half a
window around the border instead, and a border window sees the mirrored places. So there is no mask at all (as a constant of a static graph
it would be many megabytes), sizes may be dynamic, and what the border sees resembles what is there.

The bias [1, heads, N, N] is looked up from one entry for each relative position. `attend` is the only place that computes attention,
with its softmax in FP32: export puts a single node there, for targets that have a kernel for it.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def attend(query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
    """[windows, heads, N, size] each, the query scaled already; softmax(q kᵀ + bias) v."""
    weights = torch.softmax(query @ key.transpose(-1, -2) + bias, dim=-1, dtype=torch.float32)
    return weights.to(value.dtype) @ value


class WindowAttention(nn.Module):
    """[windows, N, channels] → the same, N being the places of a window."""

    def __init__(self, channels: int, window: int, heads: int) -> None:
        super().__init__()
        self.attend: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor] = attend
        self._heads, self._scale = heads, (channels // heads) ** -0.5
        # One each, not one for all: what comes out of one would have to be taken apart again, which costs a tenth of plnlin-edge's time.
        self.query, self.key, self.value = (nn.Linear(channels, channels) for _ in range(3))
        self.project_out = nn.Linear(channels, channels)
        self.bias = nn.Parameter(torch.zeros(heads, (2 * window - 1) ** 2))
        nn.init.trunc_normal_(self.bias, std=0.02)
        self.register_buffer("relative", _relative_positions(window), persistent=False)
        self.relative: Tensor

    def forward(self, x: Tensor) -> Tensor:
        windows, places, channels = x.shape
        query, key, value = (
            project(x).reshape(windows, places, self._heads, channels // self._heads).transpose(1, 2)
            for project in (self.query, self.key, self.value)
        )
        bias = self.bias[:, self.relative].reshape(1, self._heads, places, places)
        answer = self.attend(query * self._scale, key, value, bias)
        return self.project_out(answer.transpose(1, 2).reshape(windows, places, channels))  # type: ignore[no-any-return]


class WindowBlock(nn.Module):
    """Swin's transformer block on [batch, channels, height, width]."""

    def __init__(self, channels: int, window: int, heads: int, mlp_ratio: float, *, shifted: bool) -> None:
        super().__init__()
        self._window, self._shift = window, window // 2 if shifted else 0
        hidden = round(channels * mlp_ratio)
        self.attention_norm, self.mlp_norm = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.attention = WindowAttention(channels, window, heads)
        self.mlp = nn.Sequential(nn.Linear(channels, hidden), nn.GELU(), nn.Linear(hidden, channels))

    def forward(self, x: Tensor) -> Tensor:
        places = x.permute(0, 2, 3, 1)  # a place's channels lie together through every cut
        places = places + self._attention(self.attention_norm(places))
        places = places + self.mlp(self.mlp_norm(places))
        return places.permute(0, 3, 1, 2)  # type: ignore[no-any-return]

    def _attention(self, x: Tensor) -> Tensor:
        height, width = x.shape[1:3]
        window, shift = self._window, self._shift
        if shift:  # the grid of windows begins `shift` outside of the picture
            around = (0, 0, shift, window - shift, shift, window - shift)
            x = F.pad(x[:, None], around, mode="reflect")[:, 0]
        batch, rows, columns, channels = x.shape
        cells = x.reshape(batch, rows // window, window, columns // window, window, channels).transpose(2, 3)
        answer = self.attention(cells.reshape(-1, window * window, channels))
        answer = answer.reshape(batch, rows // window, columns // window, window, window, channels).transpose(2, 3)
        inside: Tensor = answer.reshape(batch, rows, columns, channels)[:, shift : shift + height, shift : shift + width]
        return inside


def _relative_positions(window: int) -> Tensor:
    """[N · N]: which entry of the bias stands for each pair of places."""
    row, column = torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij")
    place = torch.stack([row.flatten(), column.flatten()])
    apart = place[:, :, None] - place[:, None, :] + window - 1
    return (apart[0] * (2 * window - 1) + apart[1]).flatten()
