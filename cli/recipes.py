"""`dlengine recipes` and `dlengine explain`: the list of the recipes, and the description of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from dlengine.recipes import Run


def complete_recipe(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    """Names of recipes that begin with a text, for completion in the shell."""
    from dlengine.recipes import RECIPES

    return [name for name in RECIPES if name.startswith(begun)]


@click.command()
def recipes() -> None:
    """List the recipes, one per line."""
    from dlengine.recipes import RECIPES

    width = max(map(len, RECIPES))
    for name, recipe in RECIPES.items():
        click.echo(f"{name.ljust(width)}  {recipe.title}")


@click.command(short_help="Describe a recipe: idea, equations, settings.")
@click.argument("name", shell_complete=complete_recipe)
def explain(name: str) -> None:
    """Describe the recipe NAME: its idea and equations, its settings, and where its code is."""
    from dlengine.recipes import explain as text
    from dlengine.recipes import find

    click.echo(text(find(name)))


def report_figures(run: Run) -> None:
    """Print each figure of a run with its bound."""
    for figure, value, reached in run.verdicts():
        click.echo(f"{figure.name} {figure.show(value)} ({figure.bound}: {'reached' if reached else 'not reached'})")
