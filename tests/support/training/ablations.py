"""Owns the comparison of a recipe with its ablation, field by field."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from training.recipes.recipe import Recipe


def differences(whole: Recipe, ablated: Recipe) -> dict[str, object]:
    """Every field of the network and of the method that is another, with its new value; nothing else of a recipe may be."""
    assert replace(ablated, network=whole.network, method=whole.method) == whole
    assert ablated.network.network == whole.network.network
    parts: Any = (("network", whole.network.config, ablated.network.config), ("method", whole.method, ablated.method))
    found: dict[str, object] = {}
    for part, before, after in parts:
        old = asdict(before)
        found |= {f"{part}.{name}": value for name, value in asdict(after).items() if value != old[name]}
    return found
