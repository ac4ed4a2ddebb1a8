"""Commands for a finished run: predict, sample, interpolate, attack and neighbours; and explain, which describes a recipe."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import ConfigError
from ..show import save_figure
from .experiment import Prediction
from .recipe import RECIPES, Recipe, nearest
from .run import restored

ABILITIES = ("predict", "sample", "interpolate", "attack", "neighbours")
ARGUMENTS = {"predict": " IMAGE...", "neighbours": " WORD"}
RANGES = {
    "beam": (1, 100), "count": (1, 10_000), "digit": (0, 9), "eps": (0, 1), "first": (0, None), "length": (1, None),
    "second": (0, None), "steps": (2, 1000), "temperature": (0, None),
}  # fmt: skip
"""The range of the options of each name, the same for all recipes; None is no bound."""


def predict(folder: str | Path, images: Sequence[str | Path]) -> list[Prediction]:
    """Classify image files with the model of a run.

    Parameters
    ----------
    folder : str or Path
        The run folder.
    images : sequence of str or Path
        The image files.

    Returns
    -------
    list of Prediction
        The class of each image.

    Raises
    ------
    DataError
        If an image cannot be read.
    CheckpointError
        If the run is not finished or its files are damaged.
    ConfigError
        If its recipe cannot predict.

    Examples
    --------
    >>> from dlengine.show import new_figure, save_figure
    >>> run = dl.recipes.train("digits-cnn", {"epochs": 1, "width": 2}, scale="quick", out="run", progress=False)
    >>> with new_figure(1.0, 1.0) as figure:
    ...     text = figure.text(0.3, 0.2, "7", fontsize=48)
    >>> save_figure(figure, "seven.png")
    >>> [prediction] = dl.recipes.predict("run", ["seven.png"])
    >>> prediction.label in "0123456789"
    True
    """
    found: list[Prediction] = _ask(folder, "predict", images)
    return found


def use(folder: str | Path, ability: str, *arguments: Any, **options: Any) -> str | Path:
    """Let the trained models of a run sample, interpolate, attack or find neighbours.

    Parameters
    ----------
    folder : str or Path
        The run folder.
    ability : {"sample", "interpolate", "attack", "neighbours"}
        What to do.
    *arguments : Any
        The word, for ``neighbours``.
    **options : Any
        The options that the recipe has for it; ``dlengine explain`` lists them.

    Returns
    -------
    str or Path
        The text, or the picture that was written into the run folder.

    Raises
    ------
    CheckpointError
        If the run is not finished or its files are damaged.
    ConfigError
        If the recipe cannot do that, or an option is unknown or not allowed.

    Examples
    --------
    >>> settings = {"epochs": 1, "samples": 100, "hidden": 8}
    >>> run = dl.recipes.train("seq2seq-addition", settings, scale="quick", out="run", progress=False)
    >>> dl.recipes.use("run", "sample", sum="1+2").startswith("1+2")
    True
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
    """Convert a value to the type of the default. Raises ConfigError if that fails or it is not in the range."""
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
    """Describe a recipe: the idea and its equations, the figures, the settings, and where the code is.

    Parameters
    ----------
    recipe : Recipe
        The recipe.

    Returns
    -------
    str
        The description, several lines.

    Examples
    --------
    >>> print(dl.recipes.explain(dl.recipes.find("perceptron")))
    perceptron: ten perceptrons learn digits by the rule of 1958
    ...
    """
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
    """The command for an ability of a recipe, with its options."""
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
