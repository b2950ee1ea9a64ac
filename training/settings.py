"""Changes to a frozen recipe by name: `--set NAME=VALUE`, ablations, another degradation. Does not know what they mean.

    steps=100              a field of the recipe
    method.beta=0          a field of its method
    network.channels=48    a field of its network's config
    network=fdrnet-edge    another preset

An unknown name is an error that lists the known ones; a value is read as the type that the field is declared with.
"""

from __future__ import annotations

import dataclasses
import difflib
import typing
from collections.abc import Sequence
from typing import Any

from runtime.errors import UsageError
from runtime.model.manifest import ModelCard
from training.degradations.description import MixtureText
from training.networks import PRESETS, Preset, find_preset
from training.recipes import find_recipe
from training.recipes.recipe import Recipe
from training.text_values import is_readable, read_value

ABLATION, DEGRADE = "ablation ", "degrade "
_FIXED = ("name", "task", "summary", "weaknesses", "ablations", "enlarges")  # what describes a recipe cannot be set


def changed(recipe: Recipe, changes: Sequence[str]) -> Recipe:
    """The recipe with every change applied, as a model card keeps them: `ablation NAME`, `degrade MIXTURE`, or `NAME=VALUE`.

    In order, but for another preset, which comes first: or it would undo what an ablation does to the network. With another
    degradation nobody knows whether pictures came enlarged, so the bundle keeps the size, as the network does.
    """
    for change in sorted(changes, key=lambda change: not change.replace(" ", "").startswith("network=")):
        if change.startswith(ABLATION):
            recipe = with_ablation(recipe, change.removeprefix(ABLATION))
        elif change.startswith(DEGRADE):
            described = MixtureText(change.removeprefix(DEGRADE))
            recipe = dataclasses.replace(recipe, degradation=described, trials=((described.text, described.unseen),), enlarges=1)
        else:
            recipe = with_settings(recipe, [change])
    return recipe


def recipe_of(card: ModelCard) -> Recipe:
    """What a model was trained by."""
    return changed(find_recipe(card.recipe), card.settings)


def with_settings(recipe: Recipe, settings: Sequence[str]) -> Recipe:
    """The recipe with each `NAME=VALUE` applied, in order."""
    for setting in settings:
        name, equals, text = (part.strip() for part in setting.partition("="))
        if not equals:
            raise UsageError(f"--set: expected NAME=VALUE, got {setting!r}; the names: {', '.join(names_of(recipe))}")
        recipe = _replaced(recipe, name.split("."), text, setting)
    return recipe


def with_ablation(recipe: Recipe, ablation: str) -> Recipe:
    if ablation not in recipe.ablations:
        there = ", ".join(recipe.ablations) or "none"
        raise UsageError(f"--ablation: expected an ablation of the recipe {recipe.name}, got {ablation!r}; there are: {there}")
    return with_settings(recipe, recipe.ablations[ablation])


def names_of(node: Any, prefix: str = "") -> list[str]:
    """Every name that can be set, dotted."""
    names = []
    for name in _settable(node):
        value = getattr(node, name)
        inner = value.config if isinstance(value, Preset) else value
        if isinstance(value, Preset) or not dataclasses.is_dataclass(value):
            names.append(prefix + name)
        if dataclasses.is_dataclass(inner):
            names += names_of(inner, f"{prefix}{name}.")
    return names


def values_of(recipe: Recipe) -> dict[str, object]:
    """Every field that a line of text can give, with its value, as JSON can hold it."""
    values: dict[str, object] = {}
    for name in names_of(recipe):
        node: Any = recipe
        for part in name.split("."):
            node = getattr(node.config if isinstance(node, Preset) else node, part)
        values[name] = node.name if isinstance(node, Preset) else list(node) if isinstance(node, tuple) else node
    return values


def _settable(node: Any) -> dict[str, Any]:
    """Field → declared type, for the fields that a line of text can give."""
    hints = typing.get_type_hints(type(node))
    return {
        name: hints[name]
        for name in (field.name for field in dataclasses.fields(node))
        if name not in _FIXED and (dataclasses.is_dataclass(getattr(node, name)) or is_readable(hints[name]))
    }


def _replaced(node: Any, path: Sequence[str], text: str, setting: str) -> Any:
    if isinstance(node, Preset):
        return _renamed(dataclasses.replace(node, config=_replaced(node.config, path, text, setting)))
    name, inner = path[0], path[1:]
    fields = _settable(node) if dataclasses.is_dataclass(node) else {}
    if name not in fields:
        meant = difflib.get_close_matches(name, fields, n=1)
        guess = f"; did you mean {meant[0]}?" if meant else ""
        raise UsageError(f"--set {setting}: expected a field, got {name!r}{guess}; the fields there: {', '.join(fields) or 'none'}")
    value = _replaced(getattr(node, name), inner, text, setting) if inner else _read(fields[name], text, setting)
    return dataclasses.replace(node, **{name: value})


def _renamed(preset: Preset) -> Preset:
    """A changed preset is named after the preset and what differs from it."""
    base = PRESETS[preset.name.partition(" ")[0]]
    before, after = dataclasses.asdict(base.config), dataclasses.asdict(preset.config)
    differences = [f"{name}={value}" for name, value in after.items() if value != before[name]]
    return dataclasses.replace(preset, name=" ".join([base.name, *differences]))


def _read(hint: Any, text: str, setting: str) -> Any:
    if hint is Preset:
        return find_preset(text)
    if not is_readable(hint):
        raise UsageError(f"--set {setting}: expected one of its fields; set them one by one, as NAME.FIELD=VALUE")
    try:
        return read_value(hint, text)
    except ValueError as error:
        raise UsageError(f"--set {setting}: {error}") from None
