"""dlengine: a deep-learning engine written once and run by NumPy, Numba or CuPy."""

from __future__ import annotations

if __name__ != "dlengine":
    raise ImportError("import dlengine, not engine: the folder engine/ is installed as the package dlengine")

from . import fft as fft
from . import linalg as linalg
from ._tensor import Tensor as Tensor
from .autograd import *  # noqa: F403
from .backend import get_backend as get_backend
from .backend import set_backend as set_backend
from .backend import use_backend as use_backend
from .generator import Generator as Generator
from .generator import manual_seed as manual_seed
from .ops import inspection as _inspection
from .ops.activation import *  # noqa: F403
from .ops.conv import *  # noqa: F403
from .ops.creation import *  # noqa: F403
from .ops.dtypes import *  # noqa: F403
from .ops.einsum import *  # noqa: F403
from .ops.elementwise import *  # noqa: F403
from .ops.embedding import *  # noqa: F403
from .ops.index import *  # noqa: F403
from .ops.inspection import *  # noqa: F403
from .ops.linalg import *  # noqa: F403
from .ops.logic import *  # noqa: F403
from .ops.norm import *  # noqa: F403
from .ops.pool import *  # noqa: F403
from .ops.random import *  # noqa: F403
from .ops.recurrent import *  # noqa: F403
from .ops.reduce import *  # noqa: F403
from .ops.sets import *  # noqa: F403
from .ops.shape import *  # noqa: F403
from .ops.softmax import *  # noqa: F403
from .ops.sort import *  # noqa: F403
from .precision import get_matmul_precision as get_matmul_precision
from .precision import set_matmul_precision as set_matmul_precision
from .precision import use_matmul_precision as use_matmul_precision

bool = _inspection.bool_  # the standard's name, which no module here may take from Python's

_PARTS = ("data", "io", "models", "nn", "optim", "recipes", "testing", "training")


def __getattr__(name: str) -> object:
    """What `import dlengine` leaves alone, on first use: dl.nn, dl.optim ..., and bfloat16, which is another package's."""
    if name in _PARTS:
        from importlib import import_module

        return import_module(f"dlengine.{name}")
    if name == "bfloat16":
        from .autograd.promotion import bfloat16

        return bfloat16()
    raise AttributeError(f"module 'dlengine' has no attribute {name!r}")
