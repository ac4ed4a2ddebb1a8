"""The command `dlengine`: its group of commands, and what a user sees when one of them fails."""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import click

from dlengine.errors import DLEngineError
from dlengine.notice import CompileNotice

from .bench import bench
from .evaluate import evaluate
from .info import info
from .parity import parity
from .predict import predict
from .recipes import explain, recipes
from .report import report
from .streams import flush_or_drop, usable_streams
from .train import train
from .use import COMMANDS
from .warmup import warmup

FAILED, BAD_INPUT, INTERRUPTED = 1, 2, 130
BAD_INPUT_ERRORS = (
    click.ClickException,
    DLEngineError,
    FileNotFoundError,
    FileExistsError,
    IsADirectoryError,
    NotADirectoryError,
    PermissionError,
)


@dataclass
class Settings:
    """What the options before the command set."""

    debug: bool = False


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("dlengine-xp"), prog_name="dlengine", message="%(prog)s %(version)s")
@click.option("--debug", is_flag=True, help="Show the traceback when a command fails.")
@click.pass_context
def app(context: click.Context, debug: bool) -> None:
    """A deep-learning engine written once and run by NumPy, Numba or CuPy."""
    context.obj.debug = debug
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


for command in (bench, evaluate, explain, info, parity, predict, recipes, report, train, warmup, *COMMANDS):
    app.add_command(command)


def describe(error: BaseException) -> tuple[str, int]:
    """The one line that an error is worth, and the exit status."""
    if isinstance(error, BAD_INPUT_ERRORS):
        return _message(error), BAD_INPUT
    if isinstance(error, KeyboardInterrupt | click.Abort):
        # click puts its Abort before Ctrl-C, until 8.1.3 without naming it as the cause
        return str(error) or str(error.__cause__ or error.__context__ or "") or "interrupted", INTERRUPTED
    if isinstance(error, OSError | MemoryError):
        return _message(error), FAILED
    return f"{type(error).__name__}: {_message(error)} (dlengine --debug COMMAND shows where)", FAILED


def _message(error: BaseException) -> str:
    if isinstance(error, click.ClickException):
        text = error.format_message()
    elif isinstance(error, OSError) and error.filename is not None:
        text = f"{os.fsdecode(error.filename)}: {error.strerror}"
    else:
        text = str(error) or type(error).__name__
    return " ".join(text.split())


def _warn(message: Warning | str, *place: Any) -> None:
    """A warning in one line; where it comes from concerns nobody who runs a command."""
    click.echo(f"dlengine: {' '.join(str(message).split())}", err=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 bad input; one line on stderr says why, --debug says where."""
    settings = Settings()
    usable_streams()
    try:
        with CompileNotice(lambda line: click.echo(line, err=True)), warnings.catch_warnings():
            warnings.showwarning = _warn  # type: ignore[assignment]  # it takes the place as it comes
            status = app.main(arguments, prog_name="dlengine", obj=settings, standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader (head, less) has left: nothing to say
        status = FAILED
    except (Exception, KeyboardInterrupt) as error:
        if settings.debug:
            traceback.print_exc()
        line, status = describe(error)
        with suppress(OSError):
            click.echo(f"dlengine: {line}", err=True)
    for stream in (sys.stdout, sys.stderr):
        flush_or_drop(stream)  # the flush at exit must not complain
    # A command that ends through Context.exit(1) hands back the number; one that just returns hands back None.
    sys.exit(status if isinstance(status, int) else 0)
