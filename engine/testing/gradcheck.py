"""gradcheck: derivatives against central differences in float64, of first and higher order.

For y = f(x), a random cotangent u and a random direction v, <vjp(u), v> must equal the derivative of <u, f> along v. The
second order is the same check of the vjp, recorded with create_graph, as a function of x and u. So the op's definition
called with tensors is also compared with the definition called with arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from .. import backend
from .._tensor import Tensor
from ..autograd.base import enable_grad
from ..autograd.derivatives import gradients
from ..autograd.promotion import is_inexact
from ..errors import DTypeError, GradientError
from ..ops.conversion import asarray
from . import places
from .calls import consts, default_dtype, differentiates, draw, flat, host, seeded, tensors, widened
from .table import Case

SEARCHED = 400
"""To locate a wrong derivative, up to this many elements are perturbed one by one."""

# Fourth-order central differences: truncation STEP^4 and rounding 1e-16 / STEP are both near 1e-12, below any tolerance.
STEP = 1e-4
STENCIL = ((1, 2 / 3), (-1, -2 / 3), (2, -1 / 12), (-2, 1 / 12))

_ORDINALS = {1: "first", 2: "second", 3: "third"}

Function: TypeAlias = Callable[[Sequence[Any], bool], list[Any]]
"""A function of tensors that returns tensors; the flag says whether its result will be differentiated again."""


@dataclass(frozen=True)
class Settings:
    """How derivatives are compared; see gradcheck for the first five.

    kinks: where the one-sided differences disagree, the derivative must only be finite.
    """

    directions: int = 2
    rtol: float = 1e-6
    atol: float = 1e-8
    symmetric: bool = False
    seed: int = 0
    kinks: bool = False


def gradcheck(
    f: Callable[..., Any],
    *args: Tensor | Any,
    order: int = 2,
    directions: int = 2,
    rtol: float = 1e-6,
    atol: float = 1e-8,
    symmetric: bool = False,
    seed: int = 0,
) -> None:
    """Compare the derivatives of a function with central differences in float64.

    Parameters
    ----------
    f : callable
        A function that returns a tensor or (nested) tuples of tensors; integer outputs are ignored.
    *args : Tensor or object
        The arguments of ``f``. Derivatives are checked for the tensors that require a gradient, or for all floating tensors if
        none does.
    order : int
        The highest order of the derivatives.
    directions : int
        The number of random directions per argument and order.
    rtol : float
        The relative tolerance, of the size of the sums compared.
    atol : float
        The absolute tolerance.
    symmetric : bool
        Perturb square arguments that equal their conjugate transpose only by such matrices, for functions that read one
        triangle.
    seed : int
        The seed of the random directions.

    Raises
    ------
    GradientError
        At the first derivative that is wrong; the message says where.
    DTypeError
        If no argument is a floating tensor.

    Notes
    -----
    For complex tensors a gradient is defined as in PyTorch: ``dL = Re <conj(gradient), dx>``.

    Examples
    --------
    >>> x = dl.asarray([0.5, -2.0], dtype="float64").requires_grad_()
    >>> dl.testing.gradcheck(lambda x: dl.sum(x**3), x)
    >>> dl.testing.gradcheck(lambda x: x.detach() * x, x)
    Traceback (most recent call last):
    dlengine.errors.GradientError: gradcheck, first order: along a random direction of argument 0 ...
    """
    wanted = [i for i, a in enumerate(args) if isinstance(a, Tensor) and a.requires_grad]
    wanted = wanted or [i for i, a in enumerate(args) if isinstance(a, Tensor) and is_inexact(a.array)]
    if not wanted:
        raise DTypeError("gradcheck: no argument is a floating tensor, so there is nothing to differentiate")

    def inner(values: Sequence[Any]) -> list[Any]:
        full = list(args)
        for i, v in zip(wanted, values, strict=True):
            full[i] = v
        with seeded():
            y = flat(f(*full))
        return [v for v in y if isinstance(v, Tensor) and is_inexact(v.array)]

    names = [f"argument {i}" for i in wanted]
    points = [widened(host(args[i])) for i in wanted]
    check_derivatives(inner, names, points, order, Settings(directions, rtol, atol, symmetric, seed))


def check_derivatives(
    f: Callable[[Sequence[Any]], list[Any]],
    names: list[str],
    points: list[Any],
    order: int,
    settings: Settings,
) -> None:
    """gradcheck of a function from a list of tensors to a list of tensors, at NumPy points with names for messages."""
    rng = np.random.default_rng(settings.seed)

    def function(values: Sequence[Any], create_graph: bool) -> list[Any]:
        return f(values)

    current: Function = function
    for level in range(1, order + 1):
        _check_level(current, names, points, level, settings, rng)
        if level < order:
            cotangents = _cotangents(current, points, rng)
            if not cotangents:
                return
            current = _vjp(current, len(points))
            names = names + [f"cotangent {i}" for i in range(len(cotangents))]
            points = points + cotangents


def _leaves(points: Sequence[Any]) -> list[Any]:
    """Tensors of the points that require a gradient."""
    return [asarray(p).requires_grad_() for p in points]


def _vjp(f: Function, count: int) -> Function:
    """The function from (x, u) to the gradients of <u, f(x)> with respect to x."""

    def call(values: Sequence[Any], create_graph: bool) -> list[Any]:
        xs, us = values[:count], values[count:]
        with enable_grad():
            inner = [x if x.requires_grad else x.detach().requires_grad_() for x in xs]
            ys = [y for y in f(inner, True) if y.requires_grad]
            return gradients(ys, inner, list(us), create_graph=create_graph)

    return call


def _cotangents(f: Function, points: Sequence[Any], rng: np.random.Generator) -> list[Any]:
    """Random cotangents of the outputs that require a gradient."""
    return [_normal(y.array.shape, _kind(y), rng) for y in f(_leaves(points), True) if y.requires_grad]


def _kind(t: Any) -> str:
    return str(t.dtype.kind)


def _normal(shape: tuple[int, ...], kind: str, rng: np.random.Generator) -> Any:
    """Random values with 0.5 <= abs(x) < 1: small enough to cross no kink, and large enough that every element counts."""
    x = rng.choice([-1.0, 1.0], shape) * rng.uniform(0.5, 1.0, shape)
    if kind == "c":
        return x + 1j * rng.choice([-1.0, 1.0], shape) * rng.uniform(0.5, 1.0, shape)
    return np.asarray(x)


def _inner(u: Any, y: Any) -> float:
    """The real part of the inner product of two arrays."""
    return float(np.sum(np.real(np.conj(u) * y)))


def _check_level(
    f: Function, names: Sequence[str], points: list[Any], level: int, settings: Settings, rng: np.random.Generator
) -> None:
    """Check the first derivatives of f, which is the vjp of order level - 1."""
    xs = _leaves(points)
    ys = f(xs, True)
    tracked = [i for i, y in enumerate(ys) if y.requires_grad]
    us = {i: _normal(ys[i].array.shape, _kind(ys[i]), rng) for i in tracked}
    found = gradients([ys[i] for i in tracked], xs, [asarray(us[i]) for i in tracked]) if tracked else []
    analytic = [host(g) for g in found] or [np.zeros_like(p) for p in points]
    plain = [host(y) for y in f([asarray(p) for p in points], False)]
    for i, (y, p) in enumerate(zip(ys, plain, strict=True)):
        if not np.allclose(host(y), p, rtol=1e-9, atol=1e-11, equal_nan=True):
            place = tuple(int(k) for k in np.unravel_index(int(np.nanargmax(np.abs(host(y) - p))), p.shape))
            raise GradientError(
                f"gradcheck, {_ordinal(level)} order: output {i} read with tensors differs from the one read with "
                f"arrays: {places.at(place, host(y), p)}{places.inputs(points, place, p.shape)}"
            )
    for n, x in enumerate(points):
        if not np.all(np.isfinite(analytic[n])):
            place = tuple(int(k) for k in np.argwhere(~np.isfinite(analytic[n]))[0])
            raise GradientError(
                f"gradcheck, {_ordinal(level)} order: the derivative for {names[n]} is not finite, at {list(place)} "
                f"got {analytic[n][place]!s}{places.inputs(points, place, x.shape)}"
            )
        for _ in range(settings.directions if x.size > 1 else 1):
            v = _normal(x.shape, x.dtype.kind, rng)
            if settings.symmetric and x.ndim >= 2 and np.allclose(x, np.conj(np.swapaxes(x, -1, -2))):
                v = (v + np.conj(np.swapaxes(v, -1, -2))) / 2
            numeric, size = _difference(f, points, n, v, us)
            exact = _inner(analytic[n], v)
            tolerance = settings.atol + settings.rtol * max(size, float(np.sum(np.abs(analytic[n] * v))))
            if not abs(exact - numeric) <= tolerance and not (settings.kinks and _kink(f, points, n, v, us)):
                raise GradientError(
                    f"gradcheck, {_ordinal(level)} order: along a random direction of {names[n]} (shape {x.shape}) "
                    f"central differences give {numeric:.10g} but the pullback gives {exact:.10g} "
                    f"(difference {abs(exact - numeric):.3g}, tolerated {tolerance:.3g})"
                    f"{_located(f, points, n, us, analytic[n])}"
                )


def _located(f: Function, points: list[Any], n: int, us: dict[int, Any], analytic: Any) -> str:
    """Describe where an argument's derivative differs most from central differences: index, both values, inputs there."""
    x, worst = points[n], (0.0, (), 0.0)
    for place in list(np.ndindex(x.shape))[:SEARCHED]:
        v = np.zeros_like(x)
        v[place] = 1.0
        numeric, _ = _difference(f, points, n, v, us)
        gap = abs(float(np.real(analytic[place])) - numeric)
        if not gap <= worst[0]:
            worst = (gap, place, numeric)
    gap, place, numeric = worst
    if not gap:
        return ""
    values = f"; at {list(place)} got {analytic[place]!s}, wanted {numeric:.12g}"
    return values + places.inputs(points, place, x.shape)


def _difference(f: Function, points: list[Any], n: int, v: Any, us: dict[int, Any]) -> tuple[float, float]:
    """The derivative of <u, f> along v at argument n, and the largest absolute term of that sum."""
    moved = [asarray(p) for p in points]
    change: dict[int, Any] = {i: 0.0 for i in us}
    for step, weight in STENCIL:
        moved[n] = asarray(points[n] + (step * STEP) * v)
        ys = f(moved, False)
        for i in us:
            change[i] = change[i] + weight * widened(host(ys[i])) / STEP
    total = sum(_inner(u, change[i]) for i, u in us.items())
    size = max((float(np.max(np.abs(u * change[i]), initial=0.0)) for i, u in us.items()), default=0.0)
    return total, size


def _kink(f: Function, points: list[Any], n: int, v: Any, us: dict[int, Any]) -> bool:
    """Whether the one-sided derivatives of <u, f> along v at argument n differ, or depend on the step."""

    def value(step: float) -> float:
        moved = [asarray(p + step * v if i == n else p) for i, p in enumerate(points)]
        ys = f(moved, False)
        return sum(_inner(u, widened(host(ys[i]))) for i, u in us.items())

    here = value(0.0)
    slopes = [(value(s * STEP) - here) / (s * STEP) for s in (1.0, 0.5, -0.5, -1.0)]
    return not max(slopes) - min(slopes) <= 0.02 * (1.0 + max(map(abs, slopes)))


def _ordinal(level: int) -> str:
    return _ORDINALS.get(level, f"{level}th")


def check_gradients(row: Case, name: str = "numpy", *, order: int | None = None, kinks: bool = False) -> None:
    """Check the derivatives of every sample of a row on a backend.

    Parameters
    ----------
    row : Case
        The row.
    name : str
        The backend.
    order : int or None
        The highest order; None is 2, or 1 for a row without second derivatives.
    kinks : bool
        Require only a finite derivative at points where the function is not differentiable.

    Raises
    ------
    GradientError
        At the first derivative that is wrong; the message names the row and the sample.

    Examples
    --------
    >>> (row,) = dl.testing.rows("tanh")
    >>> dl.testing.check_gradients(row)
    """
    for number in range(len(row.samples)):
        check_sample(row, number, name, order=order, kinks=kinks)


def check_sample(row: Case, number: int, name: str = "numpy", *, order: int | None = None, kinks: bool = False) -> None:
    """check_gradients for one sample of a row; does nothing if the sample has no derivative."""
    sample = row.samples[number]
    if not differentiates(row, sample):
        return
    with backend.use_backend(name), default_dtype("float64"):
        args, leaves = tensors(sample, draw(row, number, "float64"), grad=True)
        if not leaves:
            return
        f = OpCall(row.op, args, leaves, consts(sample))
        names = [f"argument {i}" for i in range(len(leaves))]
        points, symmetric = [host(t) for t in leaves], "symmetric" in row.tags
        levels = order or (2 if row.second_order else 1)
        try:
            check_derivatives(f, names, points, levels, Settings(symmetric=symmetric, seed=number, kinks=kinks))
        except GradientError as error:
            raise GradientError(f"{row.name}, sample {number}: {error}") from error


class OpCall:
    """An op as a function of the leaves among its arguments."""

    def __init__(
        self, op: Callable[..., Any], args: list[Any], leaves: list[Any], constants: Mapping[str, Any]
    ) -> None:
        self.op, self.args, self.leaves, self.constants = op, args, leaves, constants

    def __call__(self, values: Sequence[Any]) -> list[Any]:
        new = {id(t): v for t, v in zip(self.leaves, values, strict=True)}
        with seeded():
            outputs = flat(self.op(*_placed(self.args, new), **self.constants))
        return [y for y in outputs if isinstance(y, Tensor) and is_inexact(y.array)]


def _placed(args: list[Any], new: dict[int, Any]) -> list[Any]:
    """The arguments with tensors replaced, by identity."""
    return [_placed(a, new) if isinstance(a, list) else new.get(id(a), a) for a in args]
