"""What decides about the last bits of a training besides its seeds: kept with its state, and compared when it goes on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import backend


def arithmetic() -> dict[str, Any]:
    """The backend in force, and for Numba its threads and vector width, by which sums are split up."""
    name = backend.get_backend()
    if name != "numba":
        return {"backend": name}
    import numba

    from dlengine.kernels.jit.vector import VECTOR_BYTES

    return {"backend": name, "threads": int(numba.get_num_threads()), "vector bits": 8 * int(VECTOR_BYTES)}


def described(found: Any) -> str:
    """What arithmetic() gave, in words."""
    return ", ".join(f"{k} {v}" for k, v in found.items()) if isinstance(found, Mapping) else str(found)
