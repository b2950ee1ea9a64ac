"""Backends that are wrong in one way each, and cases to show it on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from export.parity.compare import Case
from runtime.backends.protocol import BackendFacts
from runtime.picture import Picture, Tensors

Change = Callable[[Picture], Picture]  # [H, W, 3], what PyTorch answered → what this backend answers


def right(picture: Picture) -> Picture:
    return picture


class Wrong:
    """Returns the frame, as the network of `a_case` does, but for `change`. Its health is that of the unchanged answer."""

    def __init__(self, change: Change = right, name: str = "onnxruntime", precision: str = "fp32") -> None:
        self.facts = BackendFacts(name, precision, "a test")
        self._change = change
        self.ran = 0

    def run(self, frames: Picture) -> Tensors:
        self.ran += 1
        return {"restored": self._change(frames[0].copy())[None], "health": health_of(frames)}

    def close(self) -> None:
        pass


def health_of(frames: Picture) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.asarray(frames.mean((1, 2)) / 255, np.float32)


def a_case(name: str = "a", clean_off: int | None = 4, size: tuple[int, int] = (33, 47), seed: int = 0) -> Case:
    """A colourful picture, redder than blue, whose truth is `clean_off` levels brighter."""
    rng = np.random.default_rng([seed, *size])
    frame = np.asarray(rng.integers((20, 40, 60), (180, 200, 220), (*size, 3)), np.uint8)
    clean = None if clean_off is None else frame + np.uint8(clean_off)
    return Case(name, frame, clean, {"restored": frame[None].copy(), "health": health_of(frame[None])})


def moved(levels: int, share: float = 1.0, channels: slice = slice(None)) -> Change:
    """`levels` are added to every pixel, or to the first share of them."""

    def change(picture: Picture) -> Picture:
        flat = picture.reshape(-1, 3).astype(np.int16)
        flat[: round(len(flat) * share), channels] += levels
        return flat.reshape(picture.shape).astype(np.uint8)

    return change


def one_byte(levels: int) -> Change:
    def change(picture: Picture) -> Picture:
        picture[3, 4, 1] = int(picture[3, 4, 1]) + levels
        return picture

    return change


def flat(level: int) -> Change:
    return lambda picture: np.full_like(picture, level)


def black_corner(picture: Picture) -> Picture:
    picture[:2, :2] = 0
    return picture


def swapped(picture: Picture) -> Picture:
    return np.ascontiguousarray(picture[..., ::-1])


def noisy(sigma: float) -> Change:
    def change(picture: Picture) -> Picture:
        noise = np.random.default_rng(0).normal(0, sigma, picture.shape)
        return np.asarray(np.clip(np.rint(picture + noise), 0, 255), np.uint8)

    return change


def halved(picture: Picture) -> Picture:
    return picture[:, ::2]
