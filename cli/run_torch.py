"""The command `dlengine run-torch`."""

from __future__ import annotations

import sys
import traceback

import click

from .options import backend_options, on_backend


@click.command("run-torch", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@backend_options
@click.argument("script", type=click.Path(exists=True, dir_okay=False))
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def run_torch(script: str, arguments: tuple[str, ...], backend: str | None, emulate: bool) -> None:
    """Run a program written for PyTorch, unchanged.

    SCRIPT may say `import torch` and `import torchvision`: dlengine answers under these names, in this process alone. All
    ARGUMENTS after SCRIPT are the program's own.
    """
    from dlengine.torch.runner import Refused, run

    try:
        with on_backend(backend, emulate):
            run(script, arguments)
    except Refused as error:
        raise click.ClickException(str(error)) from None
    except Exception:  # the program's own error: where it arose is what its author needs
        traceback.print_exc()
        raise click.exceptions.Exit(1) from None
    except SystemExit as ended:
        sys.stdout.flush()
        raise click.exceptions.Exit(ended.code if isinstance(ended.code, int) else int(ended.code is not None)) from None
