"""What can be done with a finished run beyond measuring it: predict, sample, interpolate, attack, neighbours; and explain."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import ConfigError
from ..training import save_figure
from .experiment import Prediction
from .recipe import RECIPES, Recipe, nearest
from .run import restored

ABILITIES = ("predict", "sample", "interpolate", "attack", "neighbours")
ARGUMENTS = {"predict": " IMAGE...", "neighbours": " WORD"}
RANGES = {
    "beam": (1, 100), "count": (1, 10_000), "digit": (0, 9), "eps": (0, 1), "first": (0, None), "length": (1, None),
    "second": (0, None), "steps": (2, 1000), "temperature": (0, None),
}  # fmt: skip
"""What an option of this name may be, from and to, whatever the recipe."""


def predict(folder: str | Path, images: Sequence[str | Path]) -> list[Prediction]:
    """The class of each image by a run's model. Raises DataError naming a file, CheckpointError, ConfigError."""
    found: list[Prediction] = _ask(folder, "predict", images)
    return found


def use(folder: str | Path, ability: str, *arguments: Any, **options: Any) -> str | Path:
    """Let a run's experiment sample, interpolate, attack or find neighbours: its text, or the picture it left in the folder.

    Raises ConfigError if the recipe cannot, or does not know an option.
    """
    answer = _ask(folder, ability, *arguments, **options)
    if isinstance(answer, str):
        return answer
    path = Path(folder) / f"{ability}.png"
    save_figure(answer, path)
    return path


def _ask(folder: str | Path, ability: str, *arguments: Any, **options: Any) -> Any:
    with restored(folder) as (config, experiment):
        method = getattr(experiment, ability, None)
        if method is None:
            able = [name for name, recipe in RECIPES.items() if can(recipe, ability)]
            who = f"these can: {', '.join(able)}" if able else "no recipe can"
            raise ConfigError(f"{config.recipe.name} has nothing for `dlengine {ability}`; {who}")
        known = _options(method)
        for name, value in options.items():
            if name not in known:
                raise ConfigError(
                    f"{ability} of {config.recipe.name} has no option {name!r}{nearest(name, known) if known else ''}"
                )
            options[name] = _option(f"{ability}: {name}", value, known[name], RANGES.get(name, (None, None)))
        return method(*arguments, **options)


def _options(method: Any) -> dict[str, Any]:
    """The options of an ability by name, with their defaults."""
    return {k: p.default for k, p in inspect.signature(method).parameters.items() if p.kind is p.KEYWORD_ONLY}


def _option(what: str, value: Any, default: Any, allowed: tuple[float | None, float | None]) -> Any:
    """A given value as one of the default's kind. Raises ConfigError if it is none, or not in the range."""
    if default is None:
        return value
    try:
        found = type(default)(value)
    except ValueError:
        raise ConfigError(f"{what} must be like {default!r}, got {value!r}") from None
    low, high = allowed
    if (low is not None and not found >= low) or (high is not None and not found <= high):
        wanted = f"at least {low}" if high is None else f"from {low} to {high}"
        raise ConfigError(f"{what} must be {wanted}, got {value}")
    return found


def can(recipe: Recipe, ability: str) -> bool:
    """Whether a recipe's experiment has an ability."""
    return hasattr(recipe.experiment, ability)


def explain(recipe: Recipe) -> str:
    """The idea, the equations, the figures, the settings, and where in the code each part stands."""
    parts = [f"{recipe.name}: {recipe.title}", inspect.cleandoc(recipe.experiment.__doc__ or "")]
    figures = [f"  {name}: {', '.join(f'{f.name} {f.bound}' for f in scale.figures)}" for name, scale in recipe.scales.items()]
    parts.append("\n".join(["Figures", *figures]))
    places = [f"  {_place(thing)}" for thing in (recipe.experiment, *recipe.shows)]
    parts.append("\n".join(["In the code", *places]))
    able = [ability for ability in ABILITIES if can(recipe, ability)]
    if able:
        parts.append("\n".join(["With a trained run", *(_call(recipe, ability) for ability in able)]))
    width = max(len(f"{k}={s.default}") for k, s in recipe.settings.items())
    settings = [f"  {f'{k}={s.default}'.ljust(width)}  {s.meaning}" for k, s in recipe.settings.items()]
    parts.append("\n".join(["Settings (--set NAME=VALUE)", *settings]))
    return "\n\n".join(parts)


def _call(recipe: Recipe, ability: str) -> str:
    """How a recipe's ability is called, and the options that it has."""
    options = _options(getattr(recipe.experiment, ability))
    told = ", ".join(f"{k}={v}" for k, v in options.items())
    return f"  dlengine {ability} RUN{ARGUMENTS.get(ability, '')}{f'    (--set {told})' if told else ''}"


def _place(thing: Any) -> str:
    """Module and line of a function or class, and its first line of explanation."""
    target = inspect.unwrap(thing)
    first = (inspect.getdoc(thing) or "").partition("\n")[0]
    try:
        line = inspect.getsourcelines(target)[1]
    except (OSError, TypeError):
        return f"{target.__module__}: {target.__qualname__}"
    return f"{target.__module__}:{line}  {target.__qualname__}: {first}"
