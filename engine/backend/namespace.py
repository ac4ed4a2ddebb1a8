"""What op texts call xp: an array library's standard functions, the kernels of a set over the reference kernels, and shims."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from dlengine.kernels import reference
from dlengine.kernels.late import importing
from dlengine.kernels.registry import KERNELS, KernelSet, declaration

from ..errors import DTypeError
from . import shims
from .dispatch import Chosen, fallbacks, picker
from .library import CUPY, Library, gpu_count, known

NO_GENERATOR = -1
"""For namespaces whose ops are computed by their definitions alone."""

GENERATORS = {("numpy", "jit"): 0, ("cupy", "cuda"): 1, ("numpy", "cuda"): 2}
"""Library and kernel set -> the place of the generator in dlengine.recording.generators."""


class Namespace:
    """What an op text calls xp. Names are resolved on first use: kernel, then shim, then library function."""

    def __init__(self, library: Library, kernels: KernelSet | None) -> None:
        self.library = library
        self.kernels = kernels
        self.several = library is CUPY and gpu_count() > 1
        """Whether arrays may be on different GPUs, so that one must look before computing."""
        self.generator = GENERATORS.get((library.name, kernels.name if kernels else ""), NO_GENERATOR)
        """Which generator makes kernels from ops' definitions (dlengine.recording.generators)."""
        self.generates = self.generator == 0
        """Whether that is the one of machine code."""
        self._to_native: dict[Any, Any] = {}
        self._from_native: dict[Any, Any] = {}

    def __repr__(self) -> str:
        return f"<namespace {self.library.name} + {self.kernels.name if self.kernels else 'reference'}>"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        with importing:
            value = self._found(name)
        self.__dict__[name] = value  # the next look-up is one dict hit
        return value

    def _found(self, name: str) -> Any:
        # Matmul has no kernel in the reference: that is the library's own.
        if name in KERNELS and (self.library.ours or name in reference.SET.declared):
            return self._kernel(name)
        if name in self.library.shims:
            return self._function(name, self.library.shims[name])
        if name in shims.GENERIC:
            return self._function(name, partial(shims.GENERIC[name], self))
        return self._function(name, getattr(self.library.load(), name))

    def _function(self, name: str, function: Any) -> Any:
        """A function of the library, or machine code over it where there is some."""
        if self.kernels is not None and self.library is CUPY and name == "sum":
            from dlengine.kernels.cuda.sums import sums

            return sums(function, self.kernels.launches)
        if not self.generates or self.kernels is None:
            return function
        from dlengine.kernels.jit.copying import COPYING, copying
        from dlengine.kernels.jit.functions import FUNCTIONS, LinearAlgebra, answered
        from dlengine.kernels.jit.generated.plain import REDUCED, plain

        if name == "fft":
            from dlengine.kernels.jit.transforms import FourierTransforms

            return FourierTransforms(function, self.kernels.launches)
        if name == "linalg":
            return LinearAlgebra(function, self.kernels.launches)
        if name in COPYING:
            return copying(name, function, self.kernels.launches)
        if name in FUNCTIONS:
            return answered(name, function, self.kernels.launches)
        return plain(name, function, self.kernels.launches) if name in REDUCED else function

    def _kernel(self, name: str) -> Callable[..., Any]:
        if name in reference.SET.declared:
            fallback: Callable[..., Any] = partial(reference.SET.load(name), self)
        else:
            fallback = getattr(self.library.load(), name)
        chosen = self.kernels
        if declaration(name).arrays:
            return self._picker(name, fallback)
        if chosen is None:
            return counted(reference.SET, name, fallback)
        if name not in chosen.declared:
            return counted_fallback(f"{chosen.name}:{name}", fallback)
        return counted(chosen, name, chosen.load(name))

    def _picker(self, name: str, fallback: Callable[..., Any]) -> Callable[..., Any]:
        """The function that looks at all arrays of a call and picks the kernel or the reference."""
        kernels = self.kernels
        if kernels is None:
            chosen = Chosen(("*",), lambda: fallback, reference.SET.launches, fallback, "", False)
        else:
            dtypes, load = kernels.declared.get(name, ()), partial(kernels.load, name)
            chosen = Chosen(dtypes, load, kernels.launches, fallback, f"{kernels.name}:{name}", kernels.name == "jit")
        picked = picker(self, name, self.library.array_type(), chosen)
        if kernels is not None and self.generates and KERNELS[name] == "activation":
            from dlengine.kernels.jit.activation import direct

            return direct(name, kernels.load(name), picked)
        return picked

    def dtype(self, dtype: Any) -> Any:
        """dlengine's dtype (a numpy.dtype, or its name) as the library's own, which stays as it is."""
        dtype = known(dtype)
        if self.library.native_dtypes or dtype is None:
            return np.dtype(dtype) if type(dtype) is str else dtype
        if type(dtype) is type(self.library.load().float64):
            return dtype
        if dtype not in self._to_native:
            name = np.dtype(dtype).name
            if not hasattr(self.library.load(), name):
                raise DTypeError(f"dtype {name} does not exist in {self.library.name}; use one of the array API standard")
            self._to_native[dtype] = getattr(self.library.load(), name)
        return self._to_native[dtype]


def counted(kernels: KernelSet, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    launches = kernels.launches

    def run(*args: Any, **kwargs: Any) -> Any:
        launches[name] += 1
        return function(*args, **kwargs)

    return run


def counted_fallback(label: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        fallbacks[label] += 1
        return function(*args, **kwargs)

    return run


NAMESPACES: dict[tuple[Library, str], Namespace] = {}


def namespace_of(library: Library, kernels: KernelSet | None) -> Namespace:
    """The one namespace of a library and kernel set."""
    key = (library, kernels.name if kernels else "")
    if key not in NAMESPACES:
        NAMESPACES[key] = Namespace(library, kernels)
    return NAMESPACES[key]
