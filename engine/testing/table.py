"""The op table: one row per op, which parity, gradient, layout and error tests and `dlengine parity` run.

    case(
        ops.matmul,
        sample(normal(3, 4), normal(4, 5)),
        sample(normal(2, 0, 3), normal(3, 7)),
        error(ShapeError, "K=4", normal(3, 4), normal(5, 6)),
        bound=forward_error(terms=lambda a, b: a.shape[-1]),
        kernels=("matmul",),
    )

Floating arguments take the dtype under test. The random generator is seeded with the row's name, so every run and every
backend gets the same values.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypedDict, Unpack

import numpy as np

from .arguments import Arg
from .bounds import Bound, forward_error


@dataclass(frozen=True)
class Sample:
    """One call of an op: its arguments, its constants, whether gradients are compared, and a label for messages."""

    args: tuple[Any, ...]
    consts: Mapping[str, Any]
    grad: bool = True
    label: str = ""

    def arrays(self, seed: str, dtype: Any) -> list[Any]:
        """Draw the arguments as NumPy arrays (lists stay lists), floating ones rounded to dtype."""
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
    """Describe one call of an op.

    Parameters
    ----------
    *args : Arg or scalar or None or list
        The positional arguments.
    grad : bool
        Whether gradients are compared too.
    label : str
        A name for messages.
    **consts : object
        The keyword arguments.

    Returns
    -------
    Sample
        The call.

    Examples
    --------
    >>> call = dl.testing.sample(dl.testing.normal(2, 3), axis=1)
    >>> call.arrays("seed", "float32")[0].shape
    (2, 3)
    """
    return Sample(args, consts, grad, label)


@dataclass(frozen=True)
class ErrorSample:
    """A call that must raise an error: its class, a part of its message, and the call."""

    error: type[Exception]
    match: str
    args: tuple[Any, ...]
    consts: Mapping[str, Any]


def error(kind: type[Exception], match: str, *args: Any, **consts: Any) -> ErrorSample:
    """Describe a call that must raise an error.

    Parameters
    ----------
    kind : type
        The class of the error.
    match : str
        A part of the message.
    *args : Arg or scalar or None or list
        The positional arguments.
    **consts : object
        The keyword arguments.

    Returns
    -------
    ErrorSample
        The call.

    Examples
    --------
    >>> call = dl.testing.error(dl.errors.ShapeError, "K=4", dl.testing.normal(3, 4), dl.testing.normal(5, 6))
    >>> call.match
    'K=4'
    """
    return ErrorSample(kind, match, args, consts)


class RowOptions(TypedDict, total=False):
    """What ``case`` hands on to ``Case`` as it is."""

    dtypes: tuple[str, ...]
    differentiable: bool
    second_order: bool
    reference: Callable[..., Any] | None
    properties: Callable[..., Any] | None
    reason: str


@dataclass(frozen=True)
class Case:
    """A row of the op table; ``case`` makes it.

    Parameters
    ----------
    name : str
        The name of the row.
    op : callable
        The op.
    samples : tuple of Sample
        The calls to compare.
    errors : tuple of ErrorSample
        The calls that must raise an error.
    bound : Bound
        The largest error of values.
    grad_bound : Bound
        The largest error of gradients.
    kernels : tuple of str
        The kernels that must run on a backend that has them.
    dtypes : tuple of str
        The dtypes to test.
    differentiable : bool
        Whether the op has gradients.
    second_order : bool
        Whether it has second derivatives.
    tags : frozenset of str
        "symmetric" and "layer"; see ``case``.
    reference : callable or None
        An independent implementation in NumPy.
    properties : callable or None
        What must hold where the result is not unique.
    reason : str
        Why there is neither.
    unplanted : str
        Why no special values (NaN, infinity) are put into the samples; empty if they are.

    Examples
    --------
    >>> (row,) = dl.testing.rows("matmul")
    >>> row.name, row.bound.describe(), row.independent
    ('matmul', 'forward error', True)
    """

    name: str
    op: Callable[..., Any]
    samples: tuple[Sample, ...]
    errors: tuple[ErrorSample, ...]
    bound: Bound
    grad_bound: Bound
    kernels: tuple[str, ...] = ()
    dtypes: tuple[str, ...] = ("float32", "float64")
    differentiable: bool = True
    second_order: bool = True
    tags: frozenset[str] = field(default_factory=frozenset)
    reference: Callable[..., Any] | None = None
    properties: Callable[..., Any] | None = None
    reason: str = ""
    unplanted: str = ""

    @property
    def independent(self) -> bool:
        """Whether the results are checked by something else than the op's own code.

        Returns
        -------
        bool
            True with a reference or properties.
        """
        return self.reference is not None or self.properties is not None


CASES: dict[str, Case] = {}
"""All rows by name."""


def unplanted(reason: str, *names: str) -> None:
    """Put no special values into the samples of these rows (see special.py), since their results have no meaning there."""
    for name in names:
        CASES[name] = replace(CASES[name], unplanted=reason)


def case(
    op: Callable[..., Any],
    *rows: Sample | ErrorSample,
    bound: Bound,
    grad_bound: Bound | None = None,
    name: str | None = None,
    kernels: Sequence[str] = (),
    tags: Sequence[str] = (),
    **options: Unpack[RowOptions],
) -> Case:
    """Add a row to the op table.

    Parameters
    ----------
    op : callable
        The op.
    *rows : Sample or ErrorSample
        The calls to compare, and the calls that must raise an error.
    bound : Bound
        The largest error of values.
    grad_bound : Bound or None
        The largest error of gradients; None allows four times a forward bound, else the rounding of 16 terms.
    name : str or None
        The name of the row; None is that of the op. A second row of an op needs another one.
    kernels : sequence of str
        The kernels that must run on every backend that declares them.
    tags : sequence of str
        "symmetric": gradcheck perturbs symmetric arguments only by symmetric matrices, for ops that read one triangle.
        "layer": not an op, so tests of ops alone leave it out.
    **options
        What else ``Case`` holds. ``dtypes``: those to test. ``differentiable``: whether the op has gradients, and
        ``second_order`` second derivatives. ``reference``: an independent implementation on NumPy arrays in float64 (NumPy,
        SciPy, mpmath or loops, never the op's own code), called with the arrays and with the constants as keywords.
        ``properties``: for results that are not unique, such as singular vectors, a function of the outputs, the arrays and
        the constants that returns pairs of arrays which must agree. ``reason``: why the row has neither.

    Returns
    -------
    Case
        The row.

    Raises
    ------
    ValueError
        If the table has a row of that name.

    Examples
    --------
    >>> from dlengine.testing import case, normal, sample, table, ulp
    >>> def double(x):
    ...     return 2 * x
    >>> row = case(double, sample(normal(3)), bound=ulp(1), reference=lambda x: 2 * x)
    >>> dl.testing.check(row, "numpy", "float32").verdict
    'pass'
    >>> del table.CASES["double"]
    """
    row = Case(
        name or op.__name__,
        op,
        tuple(r for r in rows if isinstance(r, Sample)),
        tuple(r for r in rows if isinstance(r, ErrorSample)),
        bound,
        grad_bound or (forward_error(16) if bound.kind != "forward" else Bound("forward", lambda *a: 4 * bound.factor(*a))),
        tuple(kernels),
        tags=frozenset(tags),
        **options,
    )
    if row.name in CASES:
        raise ValueError(f"the table has a row {row.name!r} already; give this one a name")
    CASES[row.name] = row
    return row
