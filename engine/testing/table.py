"""The op table's vocabulary: one row per op feeds parity, gradient, layout and error tests, and `dlengine parity`.

    case(
        ops.matmul,
        sample(normal(3, 4), normal(4, 5)),
        sample(normal(2, 0, 3), normal(3, 7)),
        error(ShapeError, "K=4", normal(3, 4), normal(5, 6)),
        bound=forward_error(terms=lambda a, b: a.shape[-1]),
        kernels=("matmul",),
    )

Floating arguments take the dtype under test. Values are drawn from a generator seeded with the row's name, so every run
and every backend sees the same numbers.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

Draw = Callable[[np.random.Generator], Any]


@dataclass(frozen=True)
class Arg:
    """One array argument: how to draw it, and whether it takes the dtype under test and may get a gradient."""

    draw: Draw
    floating: bool = True
    grad: bool = True

    def values(self, rng: np.random.Generator, dtype: Any) -> Any:
        """What is drawn; a kind of argument whose values depend on the dtype under test overrides this."""
        return np.asarray(self.draw(rng))

    def without_grad(self) -> Arg:
        """The same argument, never differentiated (a target, a running statistic ...)."""
        return Arg(self.draw, self.floating, False)


def normal(*shape: int, scale: float = 1.0, shift: float = 0.0) -> Arg:
    """Standard normal values, times scale plus shift."""
    return Arg(lambda r: r.standard_normal(shape) * scale + shift)


def uniform(low: float, high: float, *shape: int) -> Arg:
    """Uniform values in [low, high)."""
    return Arg(lambda r: r.uniform(low, high, shape))


def distinct(*shape: int) -> Arg:
    """Values at least 0.01 apart in random order: no ties, so max, sort and median have derivatives."""
    size = int(np.prod(shape))
    return Arg(lambda r: (r.permutation(size).reshape(shape) - size / 2) * 0.01 + 0.005)


def off_zero(*shape: int, gap: float = 0.1) -> Arg:
    """Normal values pushed at least gap away from 0, for functions with a kink there."""

    def draw(r: np.random.Generator) -> Any:
        x = r.standard_normal(shape)
        return np.where(x < 0, x - gap, x + gap)

    return Arg(draw)


def positive(*shape: int) -> Arg:
    """Values in [0.1, 3)."""
    return uniform(0.1, 3.0, *shape)


def definite(n: int, *batch: int) -> Arg:
    """Symmetric positive definite matrices (*batch, n, n)."""

    def draw(r: np.random.Generator) -> Any:
        a = r.standard_normal((*batch, n, n))
        return a @ np.swapaxes(a, -1, -2) + n * np.eye(n)

    return Arg(draw)


def integers(low: int, high: int, *shape: int, dtype: str = "int64") -> Arg:
    """Integers in [low, high)."""
    return Arg(lambda r: r.integers(low, high, shape).astype(dtype), floating=False, grad=False)


def booleans(*shape: int) -> Arg:
    """True and False."""
    return Arg(lambda r: r.integers(0, 2, shape).astype(bool), floating=False, grad=False)


def given(values: Any, *, dtype: str | None = None, grad: bool = True) -> Arg:
    """These very values; with a dtype they keep it, without they take the one under test."""
    return Arg(lambda r: np.array(values, dtype=dtype or "float64"), floating=dtype is None, grad=grad and dtype is None)


def complex_normal(*shape: int) -> Arg:
    """Complex normal values; complex64 when float32 is under test."""
    return Arg(lambda r: r.standard_normal(shape) + 1j * r.standard_normal(shape))


@dataclass(frozen=True)
class Sample:
    """One call of the op."""

    args: tuple[Any, ...]
    consts: Mapping[str, Any]
    grad: bool = True
    label: str = ""

    def arrays(self, seed: str, dtype: Any) -> list[Any]:
        """The arguments as NumPy arrays (lists stay lists), floating ones rounded to dtype."""
        rng = np.random.default_rng(zlib.crc32(seed.encode()))
        return [_drawn(a, rng, np.dtype(dtype)) for a in self.args]


def _drawn(a: Any, rng: np.random.Generator, dtype: np.dtype[Any]) -> Any:
    if isinstance(a, (list, tuple)):
        return [_drawn(b, rng, dtype) for b in a]
    if not isinstance(a, Arg):
        return a
    x = a.values(rng, dtype)
    if not a.floating:
        return x
    if x.dtype.kind == "c":
        return x.astype("complex128" if dtype == np.float64 else "complex64")
    return x.astype(dtype)


def sample(*args: Any, grad: bool = True, label: str = "", **consts: Any) -> Sample:
    """One call of the op: Args, scalars, None or lists of them, and constants. grad=False: compare values only."""
    return Sample(args, consts, grad, label)


@dataclass(frozen=True)
class ErrorSample:
    """A call that must raise: the class, a fragment of its message, and the call."""

    error: type[Exception]
    match: str
    args: tuple[Any, ...]
    consts: Mapping[str, Any]


def error(kind: type[Exception], match: str, *args: Any, **consts: Any) -> ErrorSample:
    """A call that must raise kind with a message containing match."""
    return ErrorSample(kind, match, args, consts)


@dataclass(frozen=True)
class Bound:
    """How far a result may be from the oracle, the reference in float64 from the same rounded inputs.

    kind "exact": equal. "ulp": factor units in the last place of the oracle. "forward": factor(sample arrays) * eps *
    magnitude, where the magnitude is the op of absolute inputs (absolute=True: sums of products) or the largest
    absolute value of the oracle's output.
    """

    kind: str
    factor: Callable[..., float] = lambda *a: 0.0
    absolute: bool = False

    def describe(self) -> str:
        """For tables and documents."""
        return {"exact": "exact", "ulp": f"{self.factor():g} ulp"}.get(self.kind, "forward error")


exact = Bound("exact")
"""Shapes, dtypes, integers, comparisons, masks, permutations: equal."""


def ulp(n: float) -> Bound:
    """Elementwise functions: n units in the last place."""
    return Bound("ulp", lambda *a: n)


def forward_error(terms: int | Callable[..., float] = 1, c: float = 4.0, *, absolute: bool = False) -> Bound:
    """Sums of terms: c sqrt(terms) eps magnitude (random rounding); terms may be computed from the sample's arrays."""
    count = terms if callable(terms) else (lambda *a: terms)
    return Bound("forward", lambda *a: c * max(1.0, float(count(*a))) ** 0.5, absolute)


@dataclass(frozen=True)
class Case:
    """One row: an op, its samples and error samples, bounds of value and gradient, and the kernels that must answer."""

    name: str
    op: Callable[..., Any]
    samples: tuple[Sample, ...]
    errors: tuple[ErrorSample, ...]
    bound: Bound
    grad_bound: Bound
    kernels: tuple[str, ...]
    dtypes: tuple[str, ...]
    differentiable: bool
    second_order: bool
    tags: frozenset[str] = field(default_factory=frozenset)
    reference: Callable[..., Any] | None = None
    properties: Callable[..., Any] | None = None
    reason: str = ""
    unplanted: str = ""

    @property
    def independent(self) -> bool:
        """Whether something that is not the op's own code says what it must give."""
        return self.reference is not None or self.properties is not None


CASES: dict[str, Case] = {}
"""Every row by name."""


def unplanted(reason: str, *names: str) -> None:
    """Plant no special values into the samples of these rows (see special.py), because mathematics gives them no meaning."""
    for name in names:
        CASES[name] = replace(CASES[name], unplanted=reason)


def case(
    op: Callable[..., Any],
    *rows: Sample | ErrorSample,
    bound: Bound,
    grad_bound: Bound | None = None,
    kernels: Sequence[str] = (),
    dtypes: Sequence[str] = ("float32", "float64"),
    differentiable: bool = True,
    second_order: bool = True,
    name: str | None = None,
    tags: Sequence[str] = (),
    reference: Callable[..., Any] | None = None,
    properties: Callable[..., Any] | None = None,
    reason: str = "",
) -> Case:
    """Add a row to the table. name defaults to the op's; a second row of one op needs a name of its own.

    reference: an independent text of the op on NumPy arrays in float64 (NumPy, SciPy, mpmath or loops, never the op's own
    code), called as the op is: arrays, then constants as keywords. properties: where the answer is not unique (singular
    vectors), a function of (outputs, *arrays, **constants) that returns pairs (got, wanted), which must agree. reason: why a
    row has neither (a layer whose ops have rows of their own, and what else proves it).
    kernels: those that must answer wherever a set declares them. tags: "symmetric" (gradcheck moves symmetric arguments
    only among symmetric ones, for ops that read one triangle), "layer" (not an op: tests of ops alone leave it out).
    """
    row = Case(
        name or op.__name__,
        op,
        tuple(r for r in rows if isinstance(r, Sample)),
        tuple(r for r in rows if isinstance(r, ErrorSample)),
        bound,
        grad_bound or (forward_error(16) if bound.kind != "forward" else Bound("forward", lambda *a: 4 * bound.factor(*a))),
        tuple(kernels),
        tuple(dtypes),
        differentiable,
        second_order,
        frozenset(tags),
        reference,
        properties,
        reason,
    )
    if row.name in CASES:
        raise ValueError(f"the table has a row {row.name!r} already; give this one a name")
    CASES[row.name] = row
    return row
