"""The small parts that two or more networks share. Does not know any whole network."""

from __future__ import annotations

from torch import Tensor, nn

from runtime.errors import UsageError


def check_least(config: object, kind: str, **least: int) -> None:
    """That each named field of a network's config is that or more."""
    for name, low in least.items():
        if getattr(config, name) < low:
            raise UsageError(f"{kind}'s {name}: expected {low} or more, got {getattr(config, name)}")


def conv3x3(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel_size=3, padding=1)


class ResBlock(nn.Module):
    """x + conv(relu(conv(x))), without normalisation: restoration needs the picture's own range."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = conv3x3(channels, channels)
        self.second = conv3x3(channels, channels)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.second(self.relu(self.first(x)))
        return out


class ChannelAttention(nn.Module):
    """Scales each channel by a gate that sees the mean of every channel over the whole picture."""

    def __init__(self, channels: int, reduction: int = 8) -> None:
        super().__init__()
        hidden = max(channels // reduction, 4)
        self.gate = nn.Sequential(nn.Conv2d(channels, hidden, 1), nn.ReLU(), nn.Conv2d(hidden, channels, 1), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x * self.gate(x.mean(dim=(2, 3), keepdim=True))
        return out
