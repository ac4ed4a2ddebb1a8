"""torch.backends: switches of libraries that dlengine does not use; they can be set and change nothing."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any


class _Switches:
    """A library's switches: any can be set."""

    def __init__(self, available: bool = False, **values: Any) -> None:
        self.__dict__.update(values)
        self._available = available

    def is_available(self) -> bool:
        """Whether the library is in use here."""
        return self._available

    is_built = is_available

    def version(self) -> None:
        """No version: the library is not used."""

    @contextmanager
    def flags(self, **_: Any) -> Any:
        """Inside the block nothing changes."""
        yield

    sdp_kernel = flags


cudnn = _Switches(enabled=True, deterministic=False, benchmark=False, allow_tf32=False)
cuda = _Switches(matmul=_Switches(allow_tf32=False, fp32_precision="ieee"))
mps, mkldnn, mkl, openmp, xeon = (_Switches() for _ in range(5))
