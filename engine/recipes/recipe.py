"""Recipe: a named experiment with typed settings and the figures that it must reach at each of its scales."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from ..data import held
from ..errors import ConfigError

if TYPE_CHECKING:
    from .experiment import Experiment


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
        except (TypeError, ValueError, OverflowError):
            value = None
        lost = kind is int and isinstance(text, float) and value != text
        nested = kind is str and isinstance(text, list | dict | None)
        if value is None or lost or nested or (kind is float and not abs(value) < float("inf")):
            wanted = {int: "an integer", float: "a finite number"}.get(kind, "text")
            raise ConfigError(f"{name}: expected {wanted}, got {text!r}")
        return value


@dataclass(frozen=True)
class Figure:
    """A result and the bound that it must keep, one of at_least and at_most. percent: shown as a percentage."""

    name: str
    at_least: float | None = None
    at_most: float | None = None
    percent: bool = False

    def reached(self, results: Mapping[str, Any]) -> bool:
        """Whether the results keep the bound; NaN does not."""
        value = results[self.name]
        return bool(value >= self.at_least) if self.at_least is not None else bool(value <= self.at_most)

    def show(self, value: float) -> str:
        """A value as text."""
        return f"{100 * value:.2f} %" if self.percent else f"{value:.4g}"

    @property
    def bound(self) -> str:
        """The bound as text."""
        sign, value = (">=", self.at_least) if self.at_least is not None else ("<=", self.at_most or 0.0)
        return f"{sign} {100 * value:g} %" if self.percent else f"{sign} {value:g}"


@dataclass(frozen=True)
class Scale:
    """A size at which a recipe runs: the figures it must reach there, and the settings that differ from the defaults.

    data: the sets that must be in the data folder (see data.held).
    """

    figures: tuple[Figure, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    data: tuple[str, ...] = ()


@dataclass(frozen=True)
class Recipe:
    """A named experiment.

    experiment: called with (settings, seed), usually the subclass of Experiment, whose docstring explains it.
    full: the scale that reaches the figure of the literature. small: what runs instead where full's data are absent.
    quick: seconds on what is bundled, with figures that a broken model misses.
    shows: the functions and classes in which the idea stands, for `dlengine explain`.
    """

    name: str
    title: str
    experiment: Callable[[Mapping[str, Any], int], Experiment]
    settings: Mapping[str, Setting]
    full: Scale
    quick: Scale
    small: Scale | None = None
    shows: tuple[Any, ...] = ()

    @property
    def scales(self) -> dict[str, Scale]:
        """Its scales by name, the largest first."""
        found = {"full": self.full, "small": self.small, "quick": self.quick}
        return {name: scale for name, scale in found.items() if scale is not None}

    def default_scale(self) -> str:
        """full, or small where the data that full needs are not in the data folder."""
        return "full" if self.small is None or all(held(name) for name in self.full.data) else "small"

    def configure(self, given: Mapping[str, Any], scale: str = "full") -> dict[str, Any]:
        """All settings at a scale, the given ones parsed. Raises ConfigError; an unknown name is told the nearest known one."""
        for name in given:
            if name not in self.settings:
                raise ConfigError(f"{self.name} has no setting {name!r}{nearest(name, self.settings)}")
        chosen = {**self.scales[scale].settings, **given}
        return {name: s.parse(name, chosen.get(name, s.default)) for name, s in self.settings.items()}


def nearest(name: str, known: Mapping[str, Any]) -> str:
    """The end of a message about an unknown name."""
    close = get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(known)}"


RECIPES: dict[str, Recipe] = {}
"""Every recipe by name; importing dlengine.recipes fills it."""


def add(recipe: Recipe) -> Recipe:
    """Make a recipe known."""
    if recipe.name in RECIPES:
        raise ConfigError(f"a recipe {recipe.name!r} exists already")
    RECIPES[recipe.name] = recipe
    return recipe


def find(name: str) -> Recipe:
    """The recipe of a name. Raises ConfigError that names the nearest one."""
    if name not in RECIPES:
        raise ConfigError(f"unknown recipe {name!r}{nearest(name, RECIPES)}")
    return RECIPES[name]
