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
            raise ConfigError(f"{config.recipe.name} cannot {ability}; {who}")
        known = {k: p for k, p in inspect.signature(method).parameters.items() if p.kind is p.KEYWORD_ONLY}
        for name, value in options.items():
            if name not in known:
                raise ConfigError(
                    f"{ability} of {config.recipe.name} has no option {name!r}{nearest(name, known) if known else ''}"
                )
            kind = type(known[name].default)
            try:
                options[name] = value if known[name].default is None else kind(value)
            except ValueError:
                raise ConfigError(f"{ability}: {name} must be like {known[name].default!r}, got {value!r}") from None
        return method(*arguments, **options)


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
        parts.append("\n".join(["With a trained run", *(f"  dlengine {ability} RUN" for ability in able)]))
    width = max(len(f"{k}={s.default}") for k, s in recipe.settings.items())
    settings = [f"  {f'{k}={s.default}'.ljust(width)}  {s.meaning}" for k, s in recipe.settings.items()]
    parts.append("\n".join(["Settings (--set NAME=VALUE)", *settings]))
    return "\n\n".join(parts)


def _place(thing: Any) -> str:
    """Module and line of a function or class, and its first line of explanation."""
    target = inspect.unwrap(thing)
    first = (inspect.getdoc(thing) or "").partition("\n")[0]
    try:
        line = inspect.getsourcelines(target)[1]
    except (OSError, TypeError):
        return f"{target.__module__}: {target.__qualname__}"
    return f"{target.__module__}:{line}  {target.__qualname__}: {first}"
