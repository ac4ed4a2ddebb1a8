"""A formula computed by NumPy, step by step: where no machine code may run, and what tests compare it with."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import numpy as np

from ..types import Array
from .expression import Expression, in_order


def _special(name: str) -> Callable[..., Any]:
    def apply(x: Any) -> Any:
        try:
            function = getattr(import_module("scipy.special"), name)
        except ImportError:
            function = np.vectorize(getattr(math, name), otypes=[np.float64])
        return np.asarray(function(x)).astype(x.dtype, copy=False)

    return apply


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "pow": np.power, "floordiv": np.floor_divide,
    "mod": np.remainder, "fmod": np.fmod, "neg": np.negative, "copy": np.positive, "max": np.maximum, "min": np.minimum,
    "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal, "eq": np.equal, "ne": np.not_equal,
    "and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor, "not": np.invert,
    "shl": np.left_shift, "shr": np.right_shift, "where": np.where, "erf": _special("erf"),
    "erfc": _special("erfc"), "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "asinh": np.arcsinh,
    "acosh": np.arccosh, "atanh": np.arctanh, "atan2": np.arctan2, "round": np.round,
}  # fmt: skip


VECTOR_LIBRARY = {
    4: frozenset("log log1p log2 log10 sin cos tan asin acos atan sinh cosh asinh acosh atanh atan2 tanh".split()),
    8: frozenset("log log1p log2 log10 sinh asinh acosh atanh tanh".split()),
}
"""By itemsize: functions for which NumPy calls a vector library where the CPU has AVX-512, which takes 0.4 to 0.9 of the time of
the code here; elsewhere it computes most of them number by number, in ten times that."""


def function_of(root: Expression) -> np.ufunc | None:
    """NumPy's function that a formula calls with its inputs, in their order; None where it is more than that."""
    if not root.args or any(e.kind != "input" or e.value != i for i, e in enumerate(root.args)):
        return None
    function = _FUNCTIONS.get(root.kind) or getattr(np, root.kind, None)
    return function if isinstance(function, np.ufunc) else None


def evaluate(root: Expression, arrays: Sequence[Array]) -> Array:
    """The value of a formula; input n of it is arrays[n].

    Parameters
    ----------
    root : Expression
        The formula, before it is expanded.
    arrays : sequence of numpy.ndarray
        Its inputs; their shapes broadcast.

    Returns
    -------
    numpy.ndarray
        The broadcast shape of the inputs that the formula uses, in the formula's dtype.
    """
    values: dict[Expression, Any] = {}
    with np.errstate(all="ignore"):
        for e in in_order([root]):
            args = [values[a] for a in e.args]
            if e.kind == "input":
                values[e] = np.asarray(arrays[e.value])
            elif e.kind == "const":
                values[e] = e.dtype.type(e.value)
            elif e.kind == "cast":
                values[e] = np.asarray(args[0]).astype(e.dtype)
            else:
                function = _FUNCTIONS.get(e.kind) or getattr(np, e.kind)
                values[e] = function(*args)
    return np.asarray(values[root], e.dtype)
