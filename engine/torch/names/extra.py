"""Names of torch outside the families."""

from __future__ import annotations

from typing import Any

import numpy as np

from .core import own, refuse
from .creation import TYPED
from .engine import dl


class Generator(dl.Generator):
    """A stream of random numbers with PyTorch's methods."""

    def __init__(self, device: Any = None) -> None:
        super().__init__(None)
        self.device = device or "cpu"

    def initial_seed(self) -> int:
        """The seed."""
        return self.seed

    def get_state(self) -> Any:
        """What set_state takes."""
        return self.state_dict()

    def set_state(self, new_state: Any) -> None:
        """Continue from a state."""
        self.load_state_dict(new_state)


def _frombuffer(buffer: Any, dtype: Any, count: int, offset: int) -> Any:
    return own(dl.asarray(np.frombuffer(buffer, dtype=dtype, count=count, offset=offset).copy()))


def _absent(name: str, why: str) -> Any:
    def call(*_: Any, **__: Any) -> Any:
        raise refuse(name, why)

    call.__name__ = name
    return call


_SPARSE = "sparse tensors are not supported; use dense ones"
NAMES: dict[str, Any] = {
    **TYPED,
    "sparse_coo_tensor": _absent("sparse_coo_tensor", _SPARSE),
    "sparse_csr_tensor": _absent("sparse_csr_tensor", _SPARSE),
    "spmm": _absent("spmm", _SPARSE),
    "quantize_per_tensor": _absent("quantize_per_tensor", "quantised tensors are not supported"),
    "is_autocast_enabled": lambda *_: False, "layout": str, "memory_format": str,
    "frombuffer": lambda buffer, *, dtype, count=-1, offset=0, requires_grad=False: _frombuffer(buffer, dtype, count, offset),
    "from_dlpack": lambda ext_tensor: own(dl.from_dlpack(ext_tensor)),
    "__version__": "2.13.0+dlengine",
}
