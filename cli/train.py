"""`dlengine train`: train a recipe and leave a run folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .options import backend_options, data_option, on_backend, pairs
from .recipes import complete_recipe, report_figures
from .streams import enduring_output


class _Train(click.Command):
    """Tells who writes --epochs 3 how settings of a recipe are given."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            from dlengine.recipes import RECIPES

            setting = error.option_name.lstrip("-").replace("-", "_")
            if any(setting in recipe.settings for recipe in RECIPES.values()):
                raise click.UsageError(
                    f"{error.option_name} is a setting of recipes, not an option: --set {setting}=VALUE", ctx
                ) from None
            raise


@click.command(cls=_Train, short_help="Train a recipe and leave a run folder.")
@click.argument("name", required=False, shell_complete=complete_recipe)
@backend_options
@data_option
@click.option("--seed", default=0, show_default=True, help="Decides initial weights, dropout, shuffles and splits.")
@click.option("--dtype", default="float32", show_default=True, metavar="NAME", help="float32 or float64.")
@click.option("--quick", is_flag=True, help="The smallest scale: seconds, on bundled or generated data.")
@click.option("--scale", metavar="NAME", help="full, small or quick. [default: full if its data are there, else small]")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change a setting of the recipe; may be repeated.")
@click.option("--out", type=click.Path(path_type=Path), help="The run folder. [default: runs/NAME, or the next free number]")
@click.option("--overwrite", is_flag=True, help="Replace the run that the folder holds.")
@click.option("--resume", "run_folder", type=click.Path(path_type=Path), metavar="RUN", help="Go on with a run that was stopped.")
@click.pass_context
def train(
    context: click.Context, name: str | None, backend: str | None, emulate: bool, seed: int, dtype: str, quick: bool,
    scale: str | None, settings: tuple[str, ...], out: Path | None, overwrite: bool, run_folder: Path | None,
) -> None:  # fmt: skip
    """Train the recipe NAME (`dlengine recipes` lists them, `dlengine explain NAME` says what each does and its settings).

    --resume RUN goes on with the run in a folder, with its own settings and, unless --backend says otherwise, on its own
    backend. A run that was killed at any instant ends as if nothing had happened.
    """
    from dlengine.recipes import find
    from dlengine.recipes import resume as resume_run
    from dlengine.recipes import train as run_recipe

    if run_folder is not None:
        _refuse_settings(context)
        with enduring_output(), on_backend(backend, emulate):
            _report(resume_run(run_folder, own_backend=backend is None and not emulate))
        return
    if name is None:
        raise click.UsageError("name a recipe; `dlengine recipes` lists them")
    recipe = find(name)
    if quick and scale not in (None, "quick"):
        raise click.UsageError(f"--quick and --scale {scale} contradict each other")
    scale = "quick" if quick else scale or recipe.default_scale()
    chosen = pairs(settings)
    with enduring_output(), on_backend(backend, emulate) as used:
        click.echo(f"{name}: {recipe.title}, {scale} scale, on {used}")
        if scale == "small":
            click.echo(f"(on small data: the data folder has no {', '.join(recipe.full.data)}; see --data-dir)")
        _report(run_recipe(name, chosen, scale=scale, seed=seed, dtype=dtype, out=out, overwrite=overwrite))


def _refuse_settings(context: click.Context) -> None:
    """A resumed run has its settings already."""
    given = ("name", "seed", "dtype", "quick", "scale", "settings", "out", "overwrite")
    source = click.core.ParameterSource.COMMANDLINE
    for parameter in context.command.params:
        if parameter.name in given and context.get_parameter_source(parameter.name) is source:
            extra = "NAME" if parameter.name == "name" else parameter.opts[-1]
            raise click.UsageError(f"--resume goes on with the run's own settings: leave out {extra}")


def _report(run: Any) -> None:
    """What a run reached, and where it is."""
    report_figures(run)
    click.echo(f"run folder: {run.folder} ({run.results['seconds']:.1f} s)")
