"""Calling one sample of a row: makes tensors, calls the op, computes gradients, and returns everything as arrays."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .._tensor import Tensor
from ..autograd.derivatives import gradients
from ..autograd.promotion import is_inexact
from ..default_dtype import use_default_dtype
from ..errors import GradientError
from ..generator import default_generator
from ..ops.conversion import asarray
from .arguments import Arg
from .table import Case, Sample

default_dtype = use_default_dtype

SEED = 20_817
"""The seed of the default generator during every call, so that random ops give the same numbers each time."""


@dataclass
class Outcome:
    """The result of a call: the outputs, flattened, as arrays and Python values, and one gradient per leaf.

    drew: whether it used random numbers.
    """

    outputs: list[Any] = field(default_factory=list)
    grads: list[Any] = field(default_factory=list)
    drew: bool = False


@contextmanager
def seeded() -> Iterator[None]:
    """Seed the default generator inside a with block, and restore its state afterwards."""
    state = default_generator.state_dict()
    default_generator.manual_seed(SEED)
    try:
        yield
    finally:
        default_generator.load_state_dict(state)


def draw(row: Case, number: int, dtype: Any) -> list[Any]:
    """Draw the arrays of a row's sample, floating ones rounded to dtype; the same in every run and on every backend."""
    return row.samples[number].arrays(f"{row.name}/{number}", dtype)


def change(sample: Sample, arrays: Sequence[Any], f: Callable[[Any], Any]) -> list[Any]:
    """Apply f to the arrays that take the dtype under test."""

    def each(spec: Any, value: Any) -> Any:
        if isinstance(spec, (list, tuple)):
            return [each(s, v) for s, v in zip(spec, value, strict=True)]
        return f(value) if isinstance(spec, Arg) and spec.floating else value

    return [each(s, v) for s, v in zip(sample.args, arrays, strict=True)]


def widened(x: Any) -> Any:
    """An array in float64 or complex128."""
    return x.astype("complex128" if x.dtype.kind == "c" else "float64")


def tensors(sample: Sample, arrays: Sequence[Any], *, grad: bool, share: bool = False) -> tuple[list[Any], list[Any]]:
    """Make tensors of the arrays of a call; returns the arguments, and the tensors that require a gradient.

    share: the tensors share the memory of the arrays (on the CPU), so that the op gets their strides and flags.
    """
    leaves = []

    def each(spec: Any, value: Any) -> Any:
        if isinstance(spec, (list, tuple)):
            return [each(s, v) for s, v in zip(spec, value, strict=True)]
        if not isinstance(spec, Arg):
            return value
        t = asarray(value, copy=False if share else None)
        if grad and spec.grad and spec.floating and is_inexact(t.array):
            leaves.append(t.requires_grad_())
        return t

    return [each(s, v) for s, v in zip(sample.args, arrays, strict=True)], leaves


def flat(y: Any) -> list[Any]:
    """Flatten nested tuples and lists."""
    return [v for part in y for v in flat(part)] if isinstance(y, (tuple, list)) else [y]


def host(value: Any) -> Any:
    """A tensor as a NumPy array; any other value unchanged."""
    return value.numpy_copy() if isinstance(value, Tensor) else value


def differentiates(row: Case, sample: Sample) -> bool:
    """Whether the sample's gradients are compared."""
    return row.differentiable and sample.grad


def cotangent(number: int, y: Any, dtype: Any, positive: bool = False) -> Any:
    """A random cotangent of output number, rounded to dtype; the same for every backend. positive: absolute values."""
    rng = np.random.default_rng(zlib.crc32(b"cotangent") + number)
    g = rng.standard_normal(y.shape)
    if y.dtype.kind == "c":
        wide = np.dtype(dtype).itemsize == 8
        g = (g + 1j * rng.standard_normal(y.shape)).astype("complex128" if wide else "complex64")
    else:
        g = g.astype(dtype)
    return np.asarray(np.abs(g) if positive else g).astype(y.dtype)


def roots(row: Case, outputs: Sequence[Any]) -> list[tuple[int, Any]]:
    """The outputs that require a gradient, with their numbers."""
    found = [(i, y) for i, y in enumerate(outputs) if isinstance(y, Tensor) and y.requires_grad]
    if not found:
        raise GradientError(f"{row.name}: the row says that it is differentiable, but no output requires a gradient")
    return found


def run(
    row: Case, sample: Sample, arrays: Sequence[Any], dtype: Any, *, share: bool = False, positive: bool = False
) -> Outcome:
    """Call the op on the current backend, and compute gradients if the sample has them, with cotangents of dtype."""
    args, leaves = tensors(sample, arrays, grad=differentiates(row, sample), share=share)
    with seeded():
        outputs = flat(row.op(*args, **consts(sample)))
        out = Outcome([host(y) for y in outputs], drew=default_generator.counter > 0)
        if leaves:
            ends = roots(row, outputs)
            gys = [asarray(cotangent(i, y, dtype, positive)) for i, y in ends]
            out.grads = [host(g) for g in gradients([y for _, y in ends], leaves, gys)]
    return out


def consts(sample: Sample) -> Mapping[str, Any]:
    """The sample's constants; arrays, such as indices, become tensors."""
    return {k: asarray(v) if isinstance(v, np.ndarray) else v for k, v in sample.consts.items()}


def scopes(*managers: Any) -> ExitStack:
    """Several context managers as one."""
    stack = ExitStack()
    for m in managers:
        stack.enter_context(m)
    return stack
