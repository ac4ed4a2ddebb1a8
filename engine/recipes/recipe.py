"""Recipe: a named experiment with typed settings and the figures that it must reach at each of its scales."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any, TypeAlias

from ..data import held
from ..errors import ConfigError

if TYPE_CHECKING:
    from .experiment import Experiment


Value: TypeAlias = bool | int | float | str
"""The value of a setting."""


@dataclass(frozen=True)
class Setting:
    """One setting of a recipe: its default, its meaning and the values that it may have.

    Parameters
    ----------
    default : bool, int, float or str
        The default; all values have its type.
    meaning : str
        What the setting means, for the list that ``dlengine explain`` prints.
    low, high : float or None, optional
        The least and the greatest value; None is no bound.
    choices : tuple, optional
        The only values allowed; empty allows all.

    Examples
    --------
    >>> epochs = dl.recipes.Setting(20, "passes over the training set", low=1)
    >>> epochs.parse("epochs", "5")
    5
    >>> epochs.parse("epochs", "0")
    Traceback (most recent call last):
    dlengine.errors.ConfigError: epochs: expected at least 1, got 0
    """

    default: Any
    meaning: str
    low: float | None = None
    high: float | None = None
    choices: tuple[Value, ...] = ()

    def parse(self, name: str, text: object) -> Any:
        """Convert a value to the type of the default, and check it.

        Parameters
        ----------
        name : str
            The name of the setting, for messages.
        text : object
            The value as text, or as it comes from a JSON file.

        Returns
        -------
        bool, int, float or str
            The value.

        Raises
        ------
        ConfigError
            If it cannot be converted without loss, or is not allowed.
        """
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
        value: Any
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
    """A number among the results of a run, and the bound that it must keep.

    Parameters
    ----------
    name : str
        The name of the result.
    at_least, at_most : float or None, optional
        The bound; one of the two is given.
    percent : bool, optional
        Whether the number is a fraction that is shown as a percentage.

    Examples
    --------
    >>> accuracy = dl.recipes.Figure("accuracy", at_least=0.9, percent=True)
    >>> accuracy.bound, accuracy.show(0.934)
    ('>= 90 %', '93.40 %')
    >>> accuracy.reached({"accuracy": 0.934, "loss": 0.2})
    True
    """

    name: str
    at_least: float | None = None
    at_most: float | None = None
    percent: bool = False

    def reached(self, results: Mapping[str, float]) -> bool:
        """Return whether the results keep the bound; NaN does not.

        Parameters
        ----------
        results : mapping
            The results of a run by name.

        Returns
        -------
        bool
            Whether the bound is kept.
        """
        value = results[self.name]
        if self.at_least is not None:
            return bool(value >= self.at_least)
        return self.at_most is not None and bool(value <= self.at_most)

    def show(self, value: float) -> str:
        """Return a value as text.

        Parameters
        ----------
        value : float
            The value.

        Returns
        -------
        str
            A percentage with two decimals, or four significant digits.
        """
        return f"{100 * value:.2f} %" if self.percent else f"{value:.4g}"

    @property
    def bound(self) -> str:
        """Return the bound as text, such as ``>= 90 %``."""
        sign, value = (">=", self.at_least) if self.at_least is not None else ("<=", self.at_most or 0.0)
        return f"{sign} {100 * value:g} %" if self.percent else f"{sign} {value:g}"


@dataclass(frozen=True)
class Scale:
    """A size at which a recipe runs: the figures that it must reach, and the settings that differ from the defaults.

    Parameters
    ----------
    figures : tuple of Figure
        What a run must reach.
    settings : mapping, optional
        The values of the settings that differ from their defaults, by name.
    data : tuple of str, optional
        The data sets that must be in the data folder.

    Examples
    --------
    >>> from dlengine.recipes import Figure, Scale
    >>> quick = Scale((Figure("accuracy", at_least=0.8),), {"epochs": 2})
    >>> quick.settings
    {'epochs': 2}
    """

    figures: tuple[Figure, ...]
    settings: Mapping[str, object] = field(default_factory=dict)
    data: tuple[str, ...] = ()


@dataclass(frozen=True)
class Recipe:
    """A named experiment with its settings and scales.

    Parameters
    ----------
    name : str
        The name, in small letters with hyphens: that of its file in ``recipes/catalogue``, where it is called ``RECIPE``.
    title : str
        What is trained on what, in one line.
    experiment : callable
        Called with the settings and the seed, it returns an Experiment; usually a subclass of Experiment, whose docstring
        explains the idea.
    settings : mapping of Setting
        The settings by name.
    full : Scale
        The scale that reaches the result of the literature.
    quick : Scale
        A scale of seconds on data in the package, whose figures a wrong model misses.
    small : Scale or None, optional
        The scale that runs by default where the data of ``full`` are not in the data folder.
    shows : tuple, optional
        The functions and classes in which the idea is implemented, for ``dlengine explain``.

    Examples
    --------
    >>> recipe = dl.recipes.find("linear-svm")
    >>> list(recipe.scales)
    ['full', 'quick']
    >>> recipe.configure({"epochs": "3"}, "quick")["epochs"]
    3
    """

    name: str
    title: str
    experiment: Callable[[Mapping[str, Value], int], Experiment]
    settings: Mapping[str, Setting]
    full: Scale
    quick: Scale
    small: Scale | None = None
    shows: tuple[Any, ...] = ()

    @property
    def scales(self) -> dict[str, Scale]:
        """Return the scales by name, the largest first."""
        found = {"full": self.full, "small": self.small, "quick": self.quick}
        return {name: scale for name, scale in found.items() if scale is not None}

    def default_scale(self) -> str:
        """Return the scale that is trained if none is asked for.

        Returns
        -------
        str
            ``"full"``, or ``"small"`` if there is one and the data of ``full`` are not in the data folder.
        """
        return "full" if self.small is None or all(held(name) for name in self.full.data) else "small"

    def configure(self, given: Mapping[str, object], scale: str = "full") -> dict[str, Any]:
        """Return all settings at a scale.

        Parameters
        ----------
        given : mapping
            Values that replace those of the scale, by name; text is converted.
        scale : str, optional
            The scale.

        Returns
        -------
        dict
            The value of every setting by name.

        Raises
        ------
        ConfigError
            If a name is unknown or a value is not allowed.
        """
        for name in given:
            if name not in self.settings:
                raise ConfigError(f"{self.name} has no setting {name!r}{nearest(name, self.settings)}")
        chosen = {**self.scales[scale].settings, **given}
        return {name: s.parse(name, chosen.get(name, s.default)) for name, s in self.settings.items()}


def nearest(name: str, known: Collection[str]) -> str:
    """The end of a message about an unknown name: the most similar known name, or all of them."""
    close = get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(known)}"


class Catalogue(Mapping[str, Recipe]):
    """Every recipe by name: those in the files of ``recipes/catalogue``, imported when first used, and those that were added.

    The recipe ``char-lstm`` is ``RECIPE`` in ``catalogue/char_lstm.py``.
    """

    def __init__(self) -> None:
        self._added: dict[str, Recipe] = {}

    @cached_property
    def _files(self) -> dict[str, str]:
        """The module of each recipe by the recipe's name."""
        found = iter_modules(import_module(f"{__package__}.catalogue").__path__)
        return {module.name.replace("_", "-"): f"{__package__}.catalogue.{module.name}" for module in found}

    def __getitem__(self, name: str) -> Recipe:
        if name in self._added:
            return self._added[name]
        recipe: Recipe = import_module(self._files[name]).RECIPE
        if recipe.name != name:
            raise ConfigError(f"the recipe in the file of {name!r} is called {recipe.name!r}")
        return recipe

    def __iter__(self) -> Iterator[str]:
        return iter(sorted({*self._files, *self._added}))

    def __len__(self) -> int:
        return len({*self._files, *self._added})

    def add(self, recipe: Recipe) -> Recipe:
        """Add a recipe that has no file in the catalogue. Raises ConfigError if there is one of that name."""
        if recipe.name in self:
            raise ConfigError(f"a recipe {recipe.name!r} exists already")
        self._added[recipe.name] = recipe
        return recipe


RECIPES = Catalogue()
"""Every recipe by name."""


def find(name: str) -> Recipe:
    """Return the recipe with a name.

    Parameters
    ----------
    name : str
        The name.

    Returns
    -------
    Recipe
        The recipe.

    Raises
    ------
    ConfigError
        If there is none of that name; the message has the most similar name.

    Examples
    --------
    >>> dl.recipes.find("perceptron").title
    'ten perceptrons learn digits by the rule of 1958'
    >>> dl.recipes.find("perceptrom")
    Traceback (most recent call last):
    dlengine.errors.ConfigError: unknown recipe 'perceptrom'; did you mean 'perceptron'?
    """
    if name not in RECIPES:
        raise ConfigError(f"unknown recipe {name!r}{nearest(name, RECIPES)}")
    return RECIPES[name]
