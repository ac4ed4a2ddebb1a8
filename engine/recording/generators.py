"""What makes kernels of formulas: a generator for each kernel set that can.

A namespace says with a number which generator it has (`Namespace.generator`), and an op keeps its readings under the same number
(`Op.readings`). The last number is that of namespaces without a generator, under which an op has None.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from dlengine.kernels import cuda, jit
from dlengine.kernels.generated.expression import DTYPES, Expression
from dlengine.kernels.registry import KernelSet

from .recorded import Recorded

FEWEST = 16
"""So many elements never have generated code answer on the host, if not at every size: callers of ops need not ask."""

SMALL = 1024
"""Fewer elements than this, divided by a formula's steps, are left to the definition where compiling takes 0.1 s and more, once
on a machine for all later processes, for which loading takes 1 ms. 128 elements of gelu, in 8 steps, take NumPy 7 us and machine
code 2, so that some ten thousand calls pay for it.

The size of the call alone decides. Counting what was computed, or using what lies on disk, would let a run that is repeated, or
resumed, change from one to the other at another step, and differ in its last bits.
"""


WIDE = 65_536
"""Elements from which on machine code with several threads answers functions that NumPy alone computes as fast: EXACT ones, so
that results do not depend on the number of threads. With one thread the square of 131,072 float32 values takes it 13 us, NumPy
18. It also pays where an array has one number for each row of another: NumPy divides 420 x 315 numbers by 420 x 1 in 29 us, one
thread of generated code in 18."""


@dataclass(frozen=True)
class Generator:
    """How one backend makes kernels of formulas.

    Attributes
    ----------
    name : str
        The backend.
    kernels : KernelSet
        The set with the kernels written by hand, whose counter counts generated ones too.
    dtypes : frozenset of str
        The dtypes of arrays that it takes.
    small : int
        Fewer elements than this, divided by a formula's steps, are left to the definition.
    array_types : callable
        Gives the classes of its arrays.
    kernel_type : callable
        Gives the class of its kernels, which are made from a name, a formula and a counter. `compile` of one raises NoExpansion
        for a formula that it cannot compute; `takes` are the numbers of the inputs that it is called with.
    update_type : callable or None
        Gives the class of its kernels that renew the arrays of many tensors, if it has one.
    """

    name: str
    kernels: KernelSet
    dtypes: frozenset[str]
    small: int
    array_types: Callable[[], frozenset[type]]
    kernel_type: Callable[[], Any]
    update_type: Callable[[], Any] | None = None

    def kernel(self, name: str, root: Expression, by_numpy: bool = False) -> Any:
        """The kernel of a formula. by_numpy: whether NumPy has faster code for it."""
        return self.kernel_type()(name, root, self.kernels.launches, by_numpy)

    def least(self, steps: int) -> int:
        """From how many elements on it answers formulas of so many steps."""
        return 1 if self.small <= 1 else max(FEWEST + 1, self.small // max(1, steps))


ARRAYS = frozenset((np.ndarray, Recorded))
"""The array types whose ops generated code answers on the host: NumPy's, and recorded ones, whose kernel calls are noted."""


def _host_arrays() -> frozenset[type]:
    return ARRAYS


def _device_arrays() -> frozenset[type]:
    import cupy

    return frozenset((cupy.ndarray,))


def _jit_kernel() -> Any:
    from dlengine.kernels.jit.generated.kernel import Kernel

    return Kernel


def _cuda_kernel() -> Any:
    from dlengine.kernels.cuda.generated.kernel import Kernel

    return Kernel


def _cuda_update() -> Any:
    from dlengine.kernels.cuda.generated.update import Update

    return Update


FLOATS = frozenset(("float32", "float64", "float16", "bfloat16", "bool"))

GENERATORS = (
    Generator("numba", jit.SET, frozenset(DTYPES), SMALL, _host_arrays, _jit_kernel),
    # One launch takes the place of several, and compiling one kernel that of compiling CuPy's own.
    Generator("cuda", cuda.SET, FLOATS, 1, _device_arrays, _cuda_kernel, _cuda_update),
    Generator("cuda-emulate", cuda.EMULATED, FLOATS, SMALL, _host_arrays, _cuda_kernel, _cuda_update),
)
