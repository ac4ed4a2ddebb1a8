"""`dlengine train`: train a recipe and write a run folder."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .on_ranks import joined
from .options import backend_options, data_option, on_backend, pairs
from .recipes import complete_recipe, report_figures
from .streams import enduring_output

if TYPE_CHECKING:
    from dlengine.recipes import Run


WORDS = "dlengine.train.words"
"""Where a context keeps the words of the command, for the ranks."""


class _Train(click.Command):
    """Explains --set when a setting is given as an option, as in --epochs 3."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[WORDS] = list(args)
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


@click.command(cls=_Train, short_help="Train a recipe and write a run folder.")
@click.argument("name", required=False, shell_complete=complete_recipe)
@backend_options
@data_option
@click.option("--seed", default=0, show_default=True, help="The seed of initial weights, dropout, shuffling and splits.")
@click.option("--dtype", default="float32", show_default=True, metavar="NAME", help="float32 or float64.")
@click.option("--quick", is_flag=True, help="Train the quick scale: seconds, on bundled or generated data.")
@click.option(
    "--scale", metavar="NAME",
    help="full, small or quick. [default: full if its data are in the data folder, else small]",
)
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change a setting of the recipe; may be repeated.")
@click.option("--out", type=click.Path(path_type=Path), help="The run folder. [default: runs/NAME, or the next free number]")
@click.option("--overwrite", is_flag=True, help="Replace an earlier run in the run folder.")
@click.option(
    "--resume", "run_folder", type=click.Path(path_type=Path), metavar="RUN",
    help="Continue the run in the folder RUN.",
)
@click.option(
    "--ranks", type=click.IntRange(min=1), metavar="N",
    help="Train on N processes of this machine, each with a part of every batch; needs MPI: pip install mpi4py mpich",
)
@click.pass_context
def train(
    context: click.Context, /, backend: str | None, emulate: bool, run_folder: Path | None, ranks: int | None, **given: Any
) -> None:
    """Train the recipe NAME (`dlengine recipes` lists them, `dlengine explain NAME` describes one and its settings).

    --resume RUN continues the run in a folder with its own settings, and on its own backend unless --backend is given. The
    result is the same as if the run had not been interrupted.

    --ranks N starts the ranks by mpiexec; on several machines start them yourself: mpiexec --hostfile HOSTS dlengine train
    NAME. N ranks get the result of one, and a run may be resumed on another number of them.
    """
    from dlengine.recipes import find
    from dlengine.recipes import resume as resume_run
    from dlengine.recipes import train as run_recipe

    several = joined()
    if ranks is not None and ranks > 1 and not several:
        context.exit(_on_ranks(context, ranks))
    if run_folder is not None:
        _refuse_settings(context)
        with enduring_output(), on_backend(backend, emulate):
            _report(resume_run(run_folder, own_backend=backend is None and not emulate))
        return
    options = Options(**given)
    if options.name is None:
        raise click.UsageError("name a recipe; `dlengine recipes` lists them")
    recipe = find(options.name)
    if options.quick and options.scale not in (None, "quick"):
        raise click.UsageError(f"--quick and --scale {options.scale} contradict each other")
    scale = "quick" if options.quick else options.scale or recipe.default_scale()
    chosen = pairs(options.settings)
    with enduring_output(), on_backend(backend, emulate) as used:
        click.echo(f"{options.name}: {recipe.title}, {scale} scale, on {used}")
        if scale == "small":
            click.echo(f"(on small data: the data folder has no {', '.join(recipe.full.data)}; see --data-dir)")
        run = run_recipe(
            options.name,
            chosen,
            scale=scale,
            seed=options.seed,
            dtype=options.dtype,
            out=options.out,
            overwrite=options.overwrite,
        )
        _report(run)


@dataclass
class Options:
    """The options of `dlengine train` for a new run."""

    name: str | None
    seed: int
    dtype: str
    quick: bool
    scale: str | None
    settings: tuple[str, ...]
    out: Path | None
    overwrite: bool


def _on_ranks(context: click.Context, ranks: int) -> int:
    """Run this command on several ranks; returns the exit status."""
    from dlengine.distributed import run

    words, left = iter(context.meta[WORDS]), []
    for word in words:
        if word == "--ranks":
            next(words)
        elif not word.startswith("--ranks="):
            left.append(word)
    debug = ["--debug"] if context.obj.debug else []
    return run(ranks, [sys.executable, "-m", "dlengine.cli", *debug, "train", *left])


def _refuse_settings(context: click.Context) -> None:
    """Raise UsageError for options that would change the settings of a resumed run."""
    given = ("name", "seed", "dtype", "quick", "scale", "settings", "out", "overwrite")
    source = click.core.ParameterSource.COMMANDLINE
    for parameter in context.command.params:
        if parameter.name in given and context.get_parameter_source(parameter.name) is source:
            extra = "NAME" if parameter.name == "name" else parameter.opts[-1]
            raise click.UsageError(f"--resume continues with the run's own settings: leave out {extra}")


def _report(run: Run) -> None:
    """Print the results of a run and its folder."""
    report_figures(run)
    click.echo(f"run folder: {run.folder} ({run.results['seconds']:.1f} s)")
