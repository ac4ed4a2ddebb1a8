"""torch.nn: layers, losses and initial values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import containers as _containers
from . import functional as functional
from . import init as init
from . import layers as _layers
from . import modules as modules
from . import parallel as parallel
from . import parameter as parameter
from . import rare as _rare
from . import utils as utils
from .functions import windows as _windows
from .module import Module as Module
from .parameter import Buffer as Buffer
from .parameter import Parameter as Parameter
from .parameter import UninitializedParameter as UninitializedParameter

_NAMES = {**_layers.NAMES, **modules.NAMES, **_containers.NAMES}
globals().update(_NAMES)
_ = _rare
__all__ = sorted({*_NAMES, "functional", "init", "utils"})

_single, _pair, _triple = (_windows.repeated(n) for n in (1, 2, 3))

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any: ...
