"""Two backends that live in tests: strict finds what only NumPy has, readonly finds writes to inputs."""

from __future__ import annotations

from importlib.util import find_spec

from dlengine import backend
from dlengine.backend import shims


def register() -> None:
    """Enter both among the backends that use_backend knows."""
    if find_spec("array_api_strict"):
        import array_api_strict

        strict = backend.Library("array_api_strict", "array_api_strict", "cpu", {}, native_dtypes=False)
        array_type = type(array_api_strict.asarray(0))
        backend.register(backend.Backend("strict", strict, lambda: None, lambda: None), array_type)
    # Its arrays are NumPy's, so ops find the ordinary namespace; only new tensors come from here, and cannot be written.
    library = backend.Library("readonly", "readonly_numpy", "cpu", shims.NUMPY)
    fast = backend.BACKENDS["numba" if backend.BACKENDS["numba"].unavailable() is None else "numpy"]
    backend.BACKENDS["readonly"] = backend.Backend("readonly", library, fast.kernels, lambda: None)
