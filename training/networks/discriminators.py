"""The discriminators that systems share, and how their weights start. Does not know losses or generators."""

from __future__ import annotations

from torch import Tensor, nn

_SLOPE = 0.2  # of every leaky ReLU


class PatchGAN(nn.Module):
    """float32 [N, inputs, H, W] → [N, 1, h, w]: one score for each of many overlapping pieces of the picture, no sigmoid behind it.

    `layers` convolutions with stride 2 and two with stride 1, all of 4×4; with three, a score sees 70×70 pixels and a picture
    must have 24 or more a side. The first convolution has no normalisation, so that brightness is judged too. A convolution
    in front of an instance normalisation has no bias: the mean takes it out again, and its gradient would be rounding noise.
    """

    def __init__(self, inputs: int = 3, channels: int = 64, layers: int = 3, normalise: bool = True) -> None:
        super().__init__()
        parts: list[nn.Module] = [nn.Conv2d(inputs, channels, 4, stride=2, padding=1), nn.LeakyReLU(_SLOPE)]
        width = channels
        for layer in range(1, layers + 1):
            wider = channels * min(2**layer, 8)
            parts.append(nn.Conv2d(width, wider, 4, stride=2 if layer < layers else 1, padding=1, bias=not normalise))
            parts += [nn.InstanceNorm2d(wider), nn.LeakyReLU(_SLOPE)] if normalise else [nn.LeakyReLU(_SLOPE)]
            width = wider
        parts.append(nn.Conv2d(width, 1, 4, padding=1))
        self.judge = nn.Sequential(*parts)
        start_as_gan(self)

    def forward(self, picture: Tensor) -> Tensor:
        scores: Tensor = self.judge(picture)
        return scores


def start_as_gan(network: nn.Module, deviation: float = 0.02) -> None:
    """The usual start of pix2pix and its kin: weights from a narrow normal distribution, biases zero."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, deviation)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
