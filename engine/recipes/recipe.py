"""Recipe: a named experiment with typed settings and the figure that it must reach."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from ..data import Dataset
from ..errors import ConfigError
from ..nn import Module
from ..optim import Optimizer, Scheduler


@dataclass(frozen=True)
class Setting:
    """One setting: its default, whose type it keeps, what it means, and the values it may have (bounds included)."""

    default: Any
    meaning: str
    low: float | None = None
    high: float | None = None
    choices: tuple[Any, ...] = ()

    def parse(self, name: str, text: Any) -> Any:
        """A value from text or from JSON, checked. Raises ConfigError."""
        kind = type(self.default)
        value = self._converted(name, text, kind)
        if self.choices and value not in self.choices:
            raise ConfigError(f"{name}: expected one of {', '.join(map(str, self.choices))}, got {value}")
        below = self.low is not None and value < self.low
        if below or (self.high is not None and value > self.high):
            bounds = [f"at least {self.low:g}"] if self.low is not None else []
            bounds += [f"at most {self.high:g}"] if self.high is not None else []
            raise ConfigError(f"{name}: expected {' and '.join(bounds)}, got {value}")
        return value

    @staticmethod
    def _converted(name: str, text: Any, kind: type) -> Any:
        if kind is bool:
            known = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
            if str(text).lower() not in known:
                raise ConfigError(f"{name}: expected true or false, got {text!r}")
            return known[str(text).lower()]
        try:
            value = kind(text)
        except (TypeError, ValueError):
            value = None
        if value is None or (kind is float and not abs(value) < float("inf")):
            wanted = {int: "an integer", float: "a finite number"}.get(kind, "text")
            raise ConfigError(f"{name}: expected {wanted}, got {text!r}")
        return value


@dataclass
class Experiment:
    """What a recipe builds: everything that a Trainer needs, and how images become inputs.

    classes: their names, for reports. image_size: (H,W) of an input image.
    """

    model: Module
    loss: Module
    optimizer: Optimizer
    train: Dataset
    test: Dataset
    classes: tuple[str, ...]
    image_size: tuple[int, int]
    scheduler: Scheduler | None = None


@dataclass(frozen=True)
class Recipe:
    """build(settings, seed) makes the experiment. figure: the column of the test results and the least value it must reach."""

    name: str
    title: str
    build: Callable[[Mapping[str, Any], int], Experiment]
    settings: Mapping[str, Setting]
    figure: tuple[str, float]

    def configure(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """All settings, the given ones parsed. Raises ConfigError; an unknown name is told the nearest known one."""
        for name in given:
            if name not in self.settings:
                raise ConfigError(f"{self.name} has no setting {name!r}{nearest(name, self.settings)}")
        return {name: s.parse(name, given.get(name, s.default)) for name, s in self.settings.items()}


def nearest(name: str, known: Mapping[str, Any]) -> str:
    """The end of a message about an unknown name."""
    close = get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(known)}"


RECIPES: dict[str, Recipe] = {}
"""Every recipe by name; importing dlengine.recipes fills it."""


def add(recipe: Recipe) -> Recipe:
    """Make a recipe known."""
    RECIPES[recipe.name] = recipe
    return recipe


def find(name: str) -> Recipe:
    """The recipe of a name. Raises ConfigError that names the nearest one."""
    if name not in RECIPES:
        raise ConfigError(f"unknown recipe {name!r}{nearest(name, RECIPES)}")
    return RECIPES[name]
