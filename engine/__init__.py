"""dlengine: a deep-learning engine written once and run by NumPy, Numba or CuPy.

Import it as ``dl``: ``import dlengine as dl``. Functions on tensors are here, under the names of the Python array API standard;
layers are in ``dl.nn``, optimizers in ``dl.optim``, data in ``dl.data``, training loops in ``dl.training``.
"""

from __future__ import annotations

if __name__ != "dlengine":
    raise ImportError("import dlengine, not engine: the folder engine/ is installed as the package dlengine")

from typing import TYPE_CHECKING, Any

from . import fft as fft
from . import linalg as linalg
from ._tensor import Tensor as Tensor
from .autograd import *  # noqa: F403
from .backend import get_backend as get_backend
from .backend import set_backend as set_backend
from .backend import use_backend as use_backend
from .default_dtype import get_default_dtype as get_default_dtype
from .default_dtype import set_default_dtype as set_default_dtype
from .default_dtype import use_default_dtype as use_default_dtype
from .generator import Generator as Generator
from .generator import manual_seed as manual_seed
from .ops import inspection as _inspection
from .ops.activation import *  # noqa: F403
from .ops.arithmetic import *  # noqa: F403
from .ops.attention import *  # noqa: F403
from .ops.bits import *  # noqa: F403
from .ops.broadcasting import *  # noqa: F403
from .ops.choice import *  # noqa: F403
from .ops.conv import *  # noqa: F403
from .ops.conversion import *  # noqa: F403
from .ops.counting import *  # noqa: F403
from .ops.creation import *  # noqa: F403
from .ops.creation_like import *  # noqa: F403
from .ops.cumulative import *  # noqa: F403
from .ops.distances import *  # noqa: F403
from .ops.dropout import *  # noqa: F403
from .ops.dtypes import *  # noqa: F403
from .ops.einsum import *  # noqa: F403
from .ops.embedding import *  # noqa: F403
from .ops.exponential import *  # noqa: F403
from .ops.gather import *  # noqa: F403
from .ops.index import *  # noqa: F403
from .ops.inspection import *  # noqa: F403
from .ops.joining import *  # noqa: F403
from .ops.linalg import *  # noqa: F403
from .ops.logic import *  # noqa: F403
from .ops.loss import *  # noqa: F403
from .ops.loss_distribution import *  # noqa: F403
from .ops.loss_margin import *  # noqa: F403
from .ops.loss_metric import *  # noqa: F403
from .ops.loss_regression import *  # noqa: F403
from .ops.loss_sequence import *  # noqa: F403
from .ops.norm import *  # noqa: F403
from .ops.norm_local import *  # noqa: F403
from .ops.parts import *  # noqa: F403
from .ops.penalty import *  # noqa: F403
from .ops.piecewise import *  # noqa: F403
from .ops.pool import *  # noqa: F403
from .ops.powers import *  # noqa: F403
from .ops.random import *  # noqa: F403
from .ops.rearrange import *  # noqa: F403
from .ops.recurrent import *  # noqa: F403
from .ops.reduce import *  # noqa: F403
from .ops.repetition import *  # noqa: F403
from .ops.resize import *  # noqa: F403
from .ops.reversal import *  # noqa: F403
from .ops.rounding import *  # noqa: F403
from .ops.sampling import *  # noqa: F403
from .ops.sets import *  # noqa: F403
from .ops.shape import *  # noqa: F403
from .ops.softmax import *  # noqa: F403
from .ops.sort import *  # noqa: F403
from .ops.trigonometric import *  # noqa: F403
from .precision import get_matmul_precision as get_matmul_precision
from .precision import set_matmul_precision as set_matmul_precision
from .precision import use_matmul_precision as use_matmul_precision

if TYPE_CHECKING:
    import numpy as _np

    from . import data as data
    from . import distributed as distributed
    from . import errors as errors
    from . import fitting as fitting
    from . import io as io
    from . import models as models
    from . import nn as nn
    from . import optim as optim
    from . import recipes as recipes
    from . import serving as serving
    from . import testing as testing
    from . import training as training
    from . import typing as typing
    from .fitting import fit as fit
    from .fitting import load as load

    bfloat16: _np.dtype[Any]

bool = _inspection.bool_  # the standard's name, which no module here may take from Python's
half, float, double = _inspection.float16, _inspection.float32, _inspection.float64  # PyTorch's names of dtypes
short, int, long = _inspection.int16, _inspection.int32, _inspection.int64

_PARTS = (
    "data", "distributed", "errors", "fitting", "io", "models", "nn", "optim", "recipes", "serving", "testing", "training",
    "typing",
)  # fmt: skip


if not TYPE_CHECKING:  # checkers would take any name for one of these

    def __getattr__(name: str) -> object:
        """What `import dlengine` leaves alone, on first use: dl.nn, dl.optim ..., and bfloat16, which is another package's."""
        if name in _PARTS:
            from importlib import import_module

            return import_module(f"dlengine.{name}")
        if name in ("fit", "load"):
            from . import fitting

            return getattr(fitting, name)
        if name == "bfloat16":
            from .autograd.promotion import bfloat16

            return bfloat16()
        raise AttributeError(f"module 'dlengine' has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names: functions, classes, dtypes and constants, and the parts; not the modules that they are written in."""
    from types import ModuleType

    own = [
        name
        for name, value in globals().items()
        if not name.startswith("_") and name not in ("annotations", "Any", "TYPE_CHECKING") and not isinstance(value, ModuleType)
    ]
    return sorted({*own, *_PARTS, "bfloat16", "fft", "fit", "linalg", "load"})
