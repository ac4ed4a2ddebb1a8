"""The command `dlengine`: its subcommands, and the messages and exit status when one fails."""

from __future__ import annotations

import gc
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
from .export import export
from .fit import fit
from .info import info
from .on_ranks import after_error, before_error, is_silent
from .parity import parity
from .predict import predict
from .recipes import explain, recipes
from .report import report
from .run_torch import run_torch
from .serve import serve
from .streams import flush_or_drop, usable_streams
from .train import train
from .use import COMMANDS
from .warmup import warmup
from .weights import weights

FAILED, BAD_INPUT, INTERRUPTED = 1, 2, 130
COLLECTED_AFTER = (10_000, 10, 50)
"""The thresholds of Python's cyclic collector. Graphs are freed without it, but after every 700 objects it walks them all the
same: a tenth of the time of programs with many small ops."""

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
    """The options before the subcommand."""

    debug: bool = False


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("dlengine-xp"), prog_name="dlengine", message="%(prog)s %(version)s")
@click.option("--debug", is_flag=True, help="Show the traceback when a command fails.")
@click.pass_context
def app(context: click.Context, debug: bool) -> None:
    """A deep-learning engine in Python for NumPy, Numba and CUDA."""
    context.obj.debug = debug
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


for command in (
    bench, evaluate, explain, export, fit, info, parity, predict, recipes, report, run_torch, serve, train, warmup, weights,
    *COMMANDS,
):  # fmt: skip
    app.add_command(command)


def describe(error: BaseException) -> tuple[str, int]:
    """The message of an error in one line, and the exit status."""
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
    """Print a warning in one line, without the place in the code."""
    if not is_silent():
        click.echo(f"dlengine: {' '.join(str(message).split())}", err=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit with 0 (done), 1 (failed), 2 (bad input) or 130 (interrupted), after one line on stderr."""
    settings = Settings()
    if arguments is None:  # the process is the command's own
        gc.set_threshold(*COLLECTED_AFTER)
    usable_streams()
    try:
        with CompileNotice(lambda line: None if is_silent() else click.echo(line, err=True)), warnings.catch_warnings():
            warnings.showwarning = _warn  # type: ignore[assignment]
            status = app.main(arguments, prog_name="dlengine", obj=settings, standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader (head, less) has closed the pipe
        status = FAILED
    except (Exception, KeyboardInterrupt) as error:
        line, status = describe(error)
        if before_error():
            if settings.debug:
                traceback.print_exc()
            with suppress(OSError):
                click.echo(f"dlengine: {line}", err=True)
        after_error(status)
    for stream in (sys.stdout, sys.stderr):
        flush_or_drop(stream)  # so that the flush at exit does not fail
    # A command that ends through Context.exit(1) hands back the number; one that just returns hands back None.
    sys.exit(status if isinstance(status, int) else 0)
