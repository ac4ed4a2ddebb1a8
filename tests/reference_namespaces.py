"""Namespaces that the reference kernels are tested under: NumPy's and the strict one, with the engine's shims."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import array_api_compat.numpy as host
import array_api_strict as strict
import numpy as np

from dlengine.kernels.reference import SET


class Namespace:
    """An array API namespace with the kernels of the reference set as further functions."""

    def __init__(self, library: ModuleType) -> None:
        self.library = library

    def __getattr__(self, name: str) -> Any:
        if name in SET.declared:
            kernel: Callable[..., Any] = SET.load(name)
            return lambda *arguments: kernel(self, *arguments)
        return getattr(self.library, name)

    def scatter_add(self, x: Any, indices: Any, updates: Any) -> Any:
        total = np.array(x)
        np.add.at(total, np.asarray(indices), np.asarray(updates))
        return self.library.asarray(total)


NUMPY, STRICT = Namespace(host), Namespace(strict)
NAMESPACES = {"numpy": NUMPY, "strict": STRICT}


def run(xp: Namespace, kernel: str, *arguments: Any) -> Any:
    """Call a kernel under a namespace with NumPy arguments; results come back as NumPy arrays."""

    def enter(a: Any) -> Any:
        if isinstance(a, np.ndarray):
            return xp.asarray(a)
        return tuple(enter(item) for item in a) if isinstance(a, tuple) else a

    def leave(a: Any) -> Any:
        if isinstance(a, tuple):
            return tuple(leave(item) for item in a)
        return a if a is None else np.asarray(a)

    return leave(getattr(xp, kernel)(*(enter(a) for a in arguments)))


def close(actual: Any, expected: Any, tolerance: float = 1e-10) -> None:
    """Equal shapes and values within a tolerance, absolute and relative; NaN equals NaN."""
    np.testing.assert_allclose(np.asarray(actual), np.asarray(expected), rtol=tolerance, atol=tolerance)
