"""Calling one sample of a row: tensors from its arrays, the op, random cotangents, and all of it back as arrays."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..autograd.base import TensorBase
from ..autograd.promotion import get_default_dtype, is_inexact, set_default_dtype
from ..autograd.transforms import gradients
from ..errors import GradientError
from ..generator import default_generator
from ..ops.creation import asarray
from .table import Arg, Case, Sample

SEED = 20_817
"""Of the default generator during every call, so that an op that draws numbers draws the same ones each time."""


@dataclass
class Outcome:
    """What a call gave: outputs (arrays and plain Python values, nested tuples spread out), and a gradient per leaf.

    drew: whether it took random numbers.
    """

    outputs: list[Any] = field(default_factory=list)
    grads: list[Any] = field(default_factory=list)
    drew: bool = False


@contextmanager
def seeded() -> Iterator[None]:
    """The default generator in one known state inside the block, and as it was after it."""
    state = default_generator.state_dict()
    default_generator.manual_seed(SEED)
    try:
        yield
    finally:
        default_generator.load_state_dict(state)


@contextmanager
def default_dtype(dtype: Any) -> Iterator[None]:
    """Another default dtype inside the block, where new tensors must have the one under test."""
    before = get_default_dtype()
    set_default_dtype(dtype)
    try:
        yield
    finally:
        set_default_dtype(before)


def draw(row: Case, number: int, dtype: Any) -> list[Any]:
    """The arrays of a row's sample, floating ones rounded to dtype. The same in every run and for every backend."""
    return row.samples[number].arrays(f"{row.name}/{number}", dtype)


def change(sample: Sample, arrays: Sequence[Any], f: Callable[[Any], Any]) -> list[Any]:
    """The arrays with f applied to those that take the dtype under test."""

    def each(spec: Any, value: Any) -> Any:
        if isinstance(spec, (list, tuple)):
            return [each(s, v) for s, v in zip(spec, value, strict=True)]
        return f(value) if isinstance(spec, Arg) and spec.floating else value

    return [each(s, v) for s, v in zip(sample.args, arrays, strict=True)]


def widened(x: Any) -> Any:
    """An array in float64 or complex128."""
    return x.astype("complex128" if x.dtype.kind == "c" else "float64")


def tensors(sample: Sample, arrays: Sequence[Any], *, grad: bool, share: bool = False) -> tuple[list[Any], list[Any]]:
    """The call's arguments with arrays as tensors, and those of them that require a gradient.

    share: the tensors use the very arrays (host arrays only), so their strides and flags are what the op gets.
    """
    leaves = []

    def each(spec: Any, value: Any) -> Any:
        if isinstance(spec, (list, tuple)):
            return [each(s, v) for s, v in zip(spec, value, strict=True)]
        if not isinstance(spec, Arg):
            return value
        t = asarray(value, copy=False if share else None)
        if grad and spec.grad and spec.floating and is_inexact(t._array):
            leaves.append(t.requires_grad_())
        return t

    return [each(s, v) for s, v in zip(sample.args, arrays, strict=True)], leaves


def flat(y: Any) -> list[Any]:
    """The outputs of a call with tuples and lists spread out."""
    return [v for part in y for v in flat(part)] if isinstance(y, (tuple, list)) else [y]


def host(value: Any) -> Any:
    """A tensor as a NumPy array; anything else as it is."""
    return value.numpy_copy() if isinstance(value, TensorBase) else value  # type: ignore[attr-defined]


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
    """The outputs that a gradient flows through, numbered."""
    found = [(i, y) for i, y in enumerate(outputs) if isinstance(y, TensorBase) and y._requires_grad]
    if not found:
        raise GradientError(f"{row.name}: the row says that it is differentiable, but no output requires a gradient")
    return found


def run(
    row: Case, sample: Sample, arrays: Sequence[Any], dtype: Any, *, share: bool = False, positive: bool = False
) -> Outcome:
    """Call the op on the backend in force; gradients along the cotangents of dtype where the sample has them."""
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
    """The sample's constants, arrays among them (indices) as tensors."""
    return {k: asarray(v) if isinstance(v, np.ndarray) else v for k, v in sample.consts.items()}


def scopes(*managers: Any) -> ExitStack:
    """Several context managers as one."""
    stack = ExitStack()
    for m in managers:
        stack.enter_context(m)
    return stack
