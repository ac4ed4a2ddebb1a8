"""What decides about the last bits of a training besides its seeds: saved with its state, and compared when it is continued."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import backend


def arithmetic() -> dict[str, Any]:
    """The current backend, and what decides how its sums are split: for Numba the number of threads and the vector width, for
    CUDA the card and which of several kernels was chosen for each shape.
    """
    name = backend.get_backend()
    if name.split(":")[0] == "cuda":
        from dlengine.kernels.cuda.machine import choice

        kernels = dict(choice.timing_cache().chosen)
        return {"backend": name, "card": choice.card(backend.policy().creation.gpu), "kernels": kernels}
    if name != "numba":
        return {"backend": name}
    import numba

    from dlengine.kernels.jit.machine.vector import VECTOR_BYTES

    return {"backend": name, "threads": int(numba.get_num_threads()), "vector bits": 8 * int(VECTOR_BYTES)}


def continue_with(found: Mapping[str, Any] | None) -> None:
    """Choose among kernels as the training did of which this is the arithmetic(); otherwise speed would decide anew."""
    kernels = {} if found is None else found.get("kernels", {})
    if isinstance(kernels, Mapping) and kernels:
        from dlengine.kernels.cuda.machine import choice

        choice.timing_cache().pin({str(k): str(v) for k, v in kernels.items()})


def without_kernels(found: Mapping[str, Any]) -> dict[str, Any]:
    """The result of arithmetic() as far as it can differ once continue_with was called."""
    return {k: v for k, v in found.items() if k != "kernels"}


def describe_arithmetic(found: object) -> str:
    """The result of arithmetic() in words."""
    return ", ".join(f"{k} {v}" for k, v in found.items()) if isinstance(found, Mapping) else str(found)
