"""Fourier transforms of NumPy arrays: SciPy's, in the precision of their argument and a cache line at a time.

An fftn of 256 x 512 complex64 values takes NumPy 9 ms or more, since it walks down columns one value after the other, and
SciPy 0.6. Without SciPy, and for what it does not know, the array API's namespace answers.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_OURS = frozenset(("fft", "ifft", "fftn", "ifftn", "rfft", "irfft", "rfftn", "irfftn", "hfft", "ihfft"))


class Transforms:
    """What op texts call xp.fft. Functions are looked up when they are first called."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        own = getattr(import_module("array_api_compat.numpy").fft, name)
        function = own
        if name in _OURS:
            try:
                better = getattr(import_module("scipy.fft"), name)
            except ImportError:
                pass
            else:
                function = _chosen(own, better)
        self.__dict__[name] = function
        return function


def _chosen(own: Any, better: Any) -> Any:
    def transform(x: Any, /, **options: Any) -> Any:
        known = x.size and x.dtype.kind in "fc" and x.dtype.itemsize // (2 if x.dtype.kind == "c" else 1) in (4, 8)
        return (better if known else own)(x, **options)

    return transform
