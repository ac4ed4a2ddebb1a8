"""dlengine: a deep-learning engine written once and run by NumPy, Numba or CuPy."""

from __future__ import annotations

if __name__ != "dlengine":
    raise ImportError("import dlengine, not engine: the folder engine/ is installed as the package dlengine")

from . import fft, linalg
from .autograd import *  # noqa: F403
from .backend import get_backend, set_backend, use_backend
from .generator import Generator, manual_seed
from .ops.activation import *  # noqa: F403
from .ops.conv import *  # noqa: F403
from .ops.creation import *  # noqa: F403
from .ops.dtypes import *  # noqa: F403
from .ops.einsum import *  # noqa: F403
from .ops.elementwise import *  # noqa: F403
from .ops.embedding import *  # noqa: F403
from .ops.index import *  # noqa: F403
from .ops.inspection import *  # noqa: F403
from .ops.inspection import bool_ as bool
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
from .tensor import Tensor
