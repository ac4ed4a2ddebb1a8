"""`dlengine sample`, `interpolate`, `attack`, `neighbours`: use the trained models of a run."""

from __future__ import annotations

from pathlib import Path

import click

from .options import backend_options, data_option, on_backend, pairs


def _command(ability: str, short: str, text: str, arguments: tuple[str, ...] = ()) -> click.Command:
    """One command for one ability of experiments."""

    def command(run: Path, backend: str | None, emulate: bool, options: tuple[str, ...], **given: str) -> None:
        from dlengine.recipes import use

        with on_backend(backend, emulate):
            answer = use(run, ability, *given.values(), **pairs(options))
        click.echo(f"picture: {answer}" if isinstance(answer, Path) else answer)

    text_of_set = "Change an option; `dlengine explain` lists those of a recipe."
    command = click.option("--set", "options", multiple=True, metavar="KEY=VALUE", help=text_of_set)(
        data_option(backend_options(command))
    )
    for name in reversed(arguments):
        command = click.argument(name)(command)
    command = click.argument("run", type=click.Path(path_type=Path))(command)
    return click.command(ability, help=text, short_help=short)(command)


sample = _command(
    "sample",
    "Generate a picture or a text with a trained model.",
    "Generate a picture or a text with the model in the run folder RUN.",
)
interpolate = _command(
    "interpolate",
    "Interpolate between two points of a latent space.",
    "Interpolate between two points of the latent space of the model in the run folder RUN.",
)
attack = _command(
    "attack",
    "Attack a classifier with adversarial examples.",
    "Attack the classifier in the run folder RUN with adversarial examples.",
)
neighbours = _command(
    "neighbours",
    "List the nearest neighbours of a word in an embedding.",
    "List the words (or samples) nearest to WORD in the embedding of the run folder RUN.",
    ("word",),
)
COMMANDS = (sample, interpolate, attack, neighbours)
