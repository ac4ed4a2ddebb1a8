"""What decides about the last bits of a training besides its seeds: saved with its state, and compared when it is continued."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import backend


def arithmetic() -> dict[str, Any]:
    """The current backend, and for Numba the number of threads and the vector width, which decide how sums are split."""
    name = backend.get_backend()
    if name != "numba":
        return {"backend": name}
    import numba

    from dlengine.kernels.jit.machine.vector import VECTOR_BYTES

    return {"backend": name, "threads": int(numba.get_num_threads()), "vector bits": 8 * int(VECTOR_BYTES)}


def describe_arithmetic(found: object) -> str:
    """The result of arithmetic() in words."""
    return ", ".join(f"{k} {v}" for k, v in found.items()) if isinstance(found, Mapping) else str(found)
