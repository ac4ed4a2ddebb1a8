"""PyTorch's names with PyTorch's meaning, computed by dlengine: ``import dlengine.torch as torch``.

``dlengine run-torch SCRIPT`` runs a program that says ``import torch`` with this module in its place. What a name cannot mean
here raises NotImplementedError with the reason.
"""

from __future__ import annotations

from typing import Any

from . import absent as _absent
from . import amp as amp
from . import autograd as autograd
from . import backends as backends
from . import cuda as cuda
from . import distributions as distributions
from . import fft as fft
from . import func as func
from . import linalg as linalg
from . import masked as masked
from . import names as names
from . import nn as nn
from . import optim as optim
from . import random as random
from . import serialization as serialization
from . import signal as signal
from . import special as special
from . import testing as testing
from . import utils as utils
from .names.catalogue import collected as _collected
from .names.engine import dl
from .serialization import load as load
from .serialization import save as save

_PARTS = _absent.modules(__name__)
globals().update(_collected(linalg.ROOT))
globals().update(_PARTS)
autocast, vmap = amp.autocast, func.vmap
Module = nn.Module


def __getattr__(name: str) -> Any:
    if name == "bfloat16":
        return dl.bfloat16
    if name.startswith("__"):
        raise AttributeError(name)
    from .missing import explain

    raise AttributeError(explain(f"torch.{name}"))
