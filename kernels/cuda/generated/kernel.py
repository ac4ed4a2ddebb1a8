"""A formula as a function of CuPy arrays, or of NumPy arrays through the emulator."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...generated.expression import Expression, in_places, inputs_of
from ...types import Array
from ..machine.launch import Kernel as CudaKernel
from ..machine.launch import blocks_for, contiguous, device_library, empty, library_of
from ..machine.source import written
from ..machine.span import address_of, is_plain, span_of
from .code import lowered, per_read, text
from .layout import layout_of


class Kernel:
    """A formula to be called with its inputs.

    Parameters
    ----------
    name : str
        Under which its calls are counted.
    root : Expression
        The formula. Its inputs have any numbers; the call takes one array for each, in the order of the numbers.
    launches : Counter
        Calls are added up here.
    by_numpy : bool
        Not used: CuPy's own kernels are no faster.

    Raises
    ------
    NoExpansion
        For a function that has no text in CUDA.
    """

    __slots__ = ("dtype", "dtypes", "kernels", "launches", "name", "root", "several", "takes")

    entry = None
    """There is no entry point that callers could use past this class."""

    def __init__(self, name: str, root: Expression, launches: Counter[str], by_numpy: bool = False) -> None:
        placed, self.takes = in_places(root)
        self.name, self.launches, self.dtype = name, launches, root.dtype
        self.dtypes = tuple(e.dtype for e in inputs_of(placed))
        self.root = lowered(placed)
        self.several = per_read([*self.dtypes, self.dtype])
        self.kernels: dict[str, CudaKernel] = {}

    def compile(self) -> None:
        """Nothing: a text is compiled when a card is first given it."""

    def kernel(self, kind: str) -> CudaKernel:
        """The kernel for arrays that lie alike ("flat"), or for any ("strided")."""
        found = self.kernels.get(kind)
        if found is None:
            name = f"{re.sub(r'[^a-zA-Z0-9]+', '_', self.name)}_{kind}"
            file = written(text(name, list(self.dtypes), self.root, kind))
            found = self.kernels[kind] = CudaKernel(file, name, listed=False)
        return found

    def __call__(self, *arrays: Array) -> Array:
        """The formula's value. Raises ValueError for shapes that do not broadcast."""
        first = arrays[0]
        kind, shape = type(first), first.shape
        if not shape or hasattr(kind, "__generated__"):  # NumPy's own functions give a scalar for an array without axes
            return self._general(arrays)
        for a, dtype in zip(arrays, self.dtypes, strict=True):
            if type(a) is not kind or a.shape != shape or a.dtype != dtype:
                return self._general(arrays)
            if not a.flags.c_contiguous or address_of(a) % dtype.itemsize:
                return self._general(arrays)
        y = empty(library_of(first), shape, self.dtype)
        return self._launched("flat", arrays, y, -(-y.size // self.several), y.size, 0)

    def _launched(self, kind: str, arrays: Sequence[Array], y: Array, threads: int, *numbers: Any) -> Array:
        kernel = self.kernel(kind)
        kernel[blocks_for(threads, kernel.threads)](*arrays, y, *numbers)
        self.launches[self.name] += 1
        return y

    def _general(self, arrays: Sequence[Array]) -> Array:
        """Arrays of any shapes, strides and dtypes, or NumPy's scalars."""
        for a in arrays:
            if hasattr(a, "__generated__"):  # an array of a step that is recorded, which notes the call
                return a.__generated__(self, arrays)
        library = np if isinstance(arrays[0], (np.ndarray, np.generic)) else device_library()
        given = [library.asarray(a, dtype=d) for a, d in zip(arrays, self.dtypes, strict=True)]
        shape = np.broadcast_shapes(*[a.shape for a in given])
        y = empty(library, shape, self.dtype)
        if not y.size:
            return self._launched("flat", [a.reshape(-1) for a in given], y, 0, 0, 0)
        given = [a if is_plain(a) else contiguous(a) for a in given]
        lies = tuple([(a.shape, tuple([s // a.dtype.itemsize for s in a.strides])) for a in given])
        spans = [span_of(a) for a in given]
        passed = [a for a, _ in spans]
        aligned = all(address_of(a) % (a.dtype.itemsize * self.several) == 0 for a in [*passed, y])
        layout = layout_of(shape, lies, tuple([first for _, first in spans]), self.several if aligned else 1)
        if layout.flat:
            return self._launched("flat", passed, y, -(-y.size // self.several), y.size, layout.single)
        if layout.struct is None:  # more axes than a kernel walks through
            full = [library.ascontiguousarray(library.broadcast_to(a, shape)) for a in given]
            return self._launched("flat", full, y, -(-y.size // self.several), y.size, 0)
        return self._launched("strided", passed, y, layout.units, layout.struct)
