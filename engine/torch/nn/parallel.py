"""torch.nn.parallel: there is one device."""

from __future__ import annotations

from typing import Any

from ..names.core import refuse
from .modules import DataParallel as DataParallel


def DistributedDataParallel(*_: Any, **__: Any) -> Any:  # noqa: N802 - PyTorch's name
    """Not there."""
    raise refuse("nn.parallel.DistributedDataParallel", "distributed training under PyTorch's names is not supported")
