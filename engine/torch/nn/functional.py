"""torch.nn.functional: activations, convolutions, losses and the rest, with PyTorch's arguments in PyTorch's order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..names.short import shorten
from .functions import losses as _losses
from .functions import rare as _rare
from .functions import windows as _windows
from .functions.activations import NAMES as _NAMES

shorten(_NAMES)
globals().update(_NAMES)
__all__ = sorted(_NAMES)

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any: ...


_ = (_losses, _rare, _windows)
