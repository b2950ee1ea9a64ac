"""The history of made pictures that discriminators are shown (Shrivastava et al., 2017). Knows no network.

A discriminator that sees only the latest pictures forgets the earlier ones, and the generator goes in circles. So half of the
time it is shown one of the last `size` pictures, whose place the new one takes. All of the state is in `memory`, the drawing
included: it depends on how many pictures came, never on a global generator. So a resumed training draws what it would have drawn.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from runtime.errors import UsageError

_KEEP_GOING = 0.5  # the chance that a picture out of the pool is shown in place of the new one


class PicturePool:
    """`size` pictures of up to `side`×`side`; 0 hands every picture straight on. A patch of another shape empties it."""

    def __init__(self, size: int, side: int, device: torch.device, seed: int = 0) -> None:
        self._size, self._seed = size, seed
        self._pictures = torch.zeros(size, 3 * side * side, device=device)  # flat: the patch's shape is known only when one comes
        self._counts = torch.zeros(4, dtype=torch.int64)  # pictures that came, pictures that are kept, their height and width
        self.memory: Mapping[str, Tensor] = {"pictures": self._pictures, "counts": self._counts} if size else {}

    def exchange(self, made: Tensor) -> Tensor:
        """[N, 3, H, W] → as many to show to a discriminator."""
        return torch.stack([self._exchange(picture) for picture in made.detach()]) if self._size else made.detach()

    def _exchange(self, picture: Tensor) -> Tensor:
        if picture.numel() > self._pictures.shape[1]:
            raise UsageError(f"the pool's pictures are smaller than patches of {tuple(picture.shape[1:])}; raise --set method.pool_side")
        came, kept, *shape = self._counts.tolist()
        if shape != list(picture.shape[1:]):
            kept = 0
        rng = np.random.default_rng((self._seed, came))
        place, shown = kept, picture
        if kept == self._size:
            place = int(rng.integers(self._size)) if rng.random() < _KEEP_GOING else -1
        flat = picture.contiguous().flatten()
        if place >= 0:
            stored = self._pictures[place, : flat.numel()]
            if place < kept:
                shown = stored.clone().view(picture.shape)
            stored.copy_(flat)
        self._counts.copy_(torch.tensor([came + 1, max(kept, place + 1), *picture.shape[1:]]))
        return shown
