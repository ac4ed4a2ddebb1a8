"""torch.utils.tensorboard: the writer of the package tensorboardX, where that is installed."""

from __future__ import annotations

from typing import Any


def SummaryWriter(*args: Any, **options: Any) -> Any:  # noqa: N802 - PyTorch's name
    """A writer of event files."""
    try:
        from tensorboardX import SummaryWriter as Writer
    except ImportError as error:
        raise ImportError("SummaryWriter needs tensorboardX: pip install 'dlengine-xp[tensorboard]'") from error
    return Writer(*args, **options)
