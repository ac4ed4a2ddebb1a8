"""`dlengine recipes` and `dlengine explain`: which experiments there are, and what stands behind each."""

from __future__ import annotations

from typing import Any

import click


def complete_recipe(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    """For the shell: the recipes whose name begins so."""
    from dlengine.recipes import RECIPES

    return [name for name in RECIPES if name.startswith(begun)]


@click.command()
def recipes() -> None:
    """List the recipes, a line each."""
    from dlengine.recipes import RECIPES

    width = max(map(len, RECIPES))
    for name, recipe in RECIPES.items():
        click.echo(f"{name.ljust(width)}  {recipe.title}")


@click.command(short_help="Print the idea, equations and settings of a recipe.")
@click.argument("name", shell_complete=complete_recipe)
def explain(name: str) -> None:
    """Print the idea of the recipe NAME, its equations, its settings, and where in the code each part stands."""
    from dlengine.recipes import explain as text
    from dlengine.recipes import find

    click.echo(text(find(name)))


def report_figures(run: Any) -> None:
    """Each figure of a run, beside its bound."""
    for figure, value, reached in run.verdicts():
        click.echo(f"{figure.name} {figure.show(value)} ({figure.bound}: {'reached' if reached else 'not reached'})")
