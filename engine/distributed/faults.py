"""The end of a training on several ranks: an error on one of them ends all, and is shown once."""

from __future__ import annotations

import sys
import time
import traceback
from types import TracebackType
from typing import Any

_world: list[Any] = []


def end_all_on_errors(comm: Any) -> None:
    """Let an exception that nobody catches end every rank of a communicator of MPI."""
    if not _world:
        sys.excepthook = _hook
    _world[:] = [comm]


def abort(status: int = 1) -> None:
    """End every rank at once, with an exit status; returns where there is only one.

    Parameters
    ----------
    status : int
        The exit status.

    Examples
    --------
    >>> dl.distributed.abort(0)
    """
    if not _world:
        return
    sys.stdout.flush()
    sys.stderr.flush()
    _world[0].Abort(status)


def let_lower_ranks_go_first() -> None:
    """Before an error is shown: ranks with the same error have been ended by the lowest of them when this returns."""
    if _world:
        rank = _world[0].rank
        time.sleep(min(rank, 1) * 0.3 + min(rank, 40) * 0.05)


def on_several_ranks() -> bool:
    """Whether an error must end other ranks too."""
    return bool(_world)


def _hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Show an error with its rank, and end all."""
    let_lower_ranks_go_first()
    text = "".join(traceback.format_exception(kind, error, trace))
    print(f"rank {_world[0].rank} of {_world[0].size}:\n{text}", file=sys.stderr, end="")
    abort(130 if isinstance(error, KeyboardInterrupt) else 1)
