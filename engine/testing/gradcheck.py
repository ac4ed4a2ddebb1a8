"""gradcheck: derivatives against central differences in float64, of first and higher order.

For y = f(x), a random cotangent u and a random direction v, the pullback's <vjp(u), v> must equal the change of <u, f>
along v. Second order is the same check of the vjp itself, recorded with create_graph, as a function of x and u: so the
text read with tensors is checked against the text read with arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .. import backend
from ..autograd.base import TensorBase, enable_grad
from ..autograd.promotion import is_inexact
from ..autograd.transforms import gradients
from ..errors import DTypeError, GradientError
from ..ops.creation import asarray
from . import places
from .calls import consts, default_dtype, differentiates, draw, flat, host, seeded, tensors, widened
from .table import Case

SEARCHED = 400
"""Where a derivative is wrong is found by moving elements one by one, up to this many."""

# Fourth-order central differences: truncation STEP^4 and rounding 1e-16 / STEP meet near 1e-12, below any tolerance.
STEP = 1e-4
STENCIL = ((1, 2 / 3), (-1, -2 / 3), (2, -1 / 12), (-2, 1 / 12))

_ORDINALS = {1: "first", 2: "second", 3: "third"}

Function = Callable[..., list[Any]]


def gradcheck(
    f: Callable[..., Any],
    *args: Any,
    order: int = 2,
    directions: int = 2,
    rtol: float = 1e-6,
    atol: float = 1e-8,
    symmetric: bool = False,
    seed: int = 0,
) -> None:
    """Check the derivatives of f at args, up to an order; raises GradientError at the first that is wrong.

    f: a function of args returning a tensor or (nested) tuples of tensors; its integer outputs are ignored.
    args: tensors that require a gradient are checked, in float64 (all floating tensors if none does); others are passed
    on. directions: random directions per argument and order. rtol, atol: tolerated difference, relative to the size of
    the sums compared. symmetric: perturb square arguments that equal their conjugate transpose only by such matrices,
    for functions that read one triangle. Complex tensors follow PyTorch's convention: dL = Re <conj(gradient), dx>.
    """
    wanted = [i for i, a in enumerate(args) if isinstance(a, TensorBase) and a._requires_grad]
    wanted = wanted or [i for i, a in enumerate(args) if isinstance(a, TensorBase) and is_inexact(a._array)]
    if not wanted:
        raise DTypeError("gradcheck: no argument is a floating tensor, so there is nothing to differentiate")

    def inner(values: Sequence[Any]) -> list[Any]:
        full = list(args)
        for i, v in zip(wanted, values, strict=True):
            full[i] = v
        with seeded():
            y = flat(f(*full))
        return [v for v in y if isinstance(v, TensorBase) and is_inexact(v._array)]

    names = [f"argument {i}" for i in wanted]
    points = [widened(host(args[i])) for i in wanted]
    check_derivatives(inner, names, points, order, directions, rtol, atol, symmetric, seed)


def check_derivatives(
    f: Callable[[Sequence[Any]], list[Any]],
    names: list[str],
    points: list[Any],
    order: int,
    directions: int = 2,
    rtol: float = 1e-6,
    atol: float = 1e-8,
    symmetric: bool = False,
    seed: int = 0,
    kinks: bool = False,
) -> None:
    """gradcheck of a function from a list of tensors to a list of tensors, at NumPy points with names.

    kinks: where the differences of the two sides of a point disagree, the derivative must only be finite.
    """
    rng = np.random.default_rng(seed)
    function: Function = lambda values, deeper: f(values)  # noqa: E731
    for level in range(1, order + 1):
        _first_order(function, names, points, level, directions, rtol, atol, symmetric, rng, kinks)
        if level < order:
            cotangents = _cotangents(function, points, rng)
            if not cotangents:
                return
            function = _vjp(function, len(points))
            names = names + [f"cotangent {i}" for i in range(len(cotangents))]
            points = points + cotangents


def _leaves(points: Sequence[Any]) -> list[Any]:
    return [asarray(p).requires_grad_() for p in points]


def _vjp(f: Function, count: int) -> Function:
    """The function from (x, u) to the gradients of <u, f(x)> for x."""

    def call(values: Sequence[Any], deeper: bool) -> list[Any]:
        xs, us = values[:count], values[count:]
        with enable_grad():
            inner = [x if x._requires_grad else x.detach().requires_grad_() for x in xs]
            ys = [y for y in f(inner, True) if y._requires_grad]
            return gradients(ys, inner, list(us), create_graph=deeper)  # type: ignore[no-any-return]

    return call


def _cotangents(f: Function, points: Sequence[Any], rng: np.random.Generator) -> list[Any]:
    """Random cotangents of the outputs that require gradients."""
    return [_normal(y._array.shape, _kind(y), rng) for y in f(_leaves(points), True) if y._requires_grad]


def _kind(t: Any) -> str:
    return str(t.dtype.kind)


def _normal(shape: tuple[int, ...], kind: str, rng: np.random.Generator) -> Any:
    """Values of either sign, none near 0 and none large: a direction that crosses no kink nearby and hides no element."""
    x = rng.choice([-1.0, 1.0], shape) * rng.uniform(0.5, 1.0, shape)
    if kind == "c":
        return x + 1j * rng.choice([-1.0, 1.0], shape) * rng.uniform(0.5, 1.0, shape)
    return np.asarray(x)


def _inner(u: Any, y: Any) -> float:
    return float(np.sum(np.real(np.conj(u) * y)))


def _first_order(
    f: Function, names: Sequence[str], points: list[Any], level: int, directions: int, rtol: float, atol: float,
    symmetric: bool, rng: np.random.Generator, kinks: bool,
) -> None:  # fmt: skip
    xs = _leaves(points)
    ys = f(xs, True)
    tracked = [i for i, y in enumerate(ys) if y._requires_grad]
    us = {i: _normal(ys[i]._array.shape, _kind(ys[i]), rng) for i in tracked}
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
        for _ in range(directions if x.size > 1 else 1):
            v = _normal(x.shape, x.dtype.kind, rng)
            if symmetric and x.ndim >= 2 and np.allclose(x, np.conj(np.swapaxes(x, -1, -2))):
                v = (v + np.conj(np.swapaxes(v, -1, -2))) / 2
            numeric, size = _difference(f, points, n, v, us)
            exact = _inner(analytic[n], v)
            scale = max(size, float(np.sum(np.abs(analytic[n] * v))))
            if not abs(exact - numeric) <= atol + rtol * scale and not (kinks and _kink(f, points, n, v, us)):
                raise GradientError(
                    f"gradcheck, {_ordinal(level)} order: along a random direction of {names[n]} (shape {x.shape}) "
                    f"central differences give {numeric:.10g} but the pullback gives {exact:.10g} "
                    f"(difference {abs(exact - numeric):.3g}, tolerated {atol + rtol * scale:.3g})"
                    f"{_located(f, points, n, us, analytic[n])}"
                )


def _located(f: Function, points: list[Any], n: int, us: dict[int, Any], analytic: Any) -> str:
    """Where an argument's derivative is furthest from central differences: the index, both values, the inputs there."""
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
    """The change of <u, f> along v at argument n per unit step, and the size of the largest term of that sum."""
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
    """Whether <u, f> along v at argument n changes differently to the two sides, or on one side not at all smoothly."""

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
    """gradcheck every sample of a row on a backend; raises GradientError naming row and sample.

    order: by default 2, or 1 if the row says that it has no second order. kinks: see check_derivatives.
    """
    for number in range(len(row.samples)):
        check_sample(row, number, name, order=order, kinks=kinks)


def check_sample(row: Case, number: int, name: str = "numpy", *, order: int | None = None, kinks: bool = False) -> None:
    """check_gradients for one sample of a row; nothing is done where it has no derivative."""
    sample = row.samples[number]
    if not differentiates(row, sample):
        return
    with backend.use_backend(name), default_dtype("float64"):
        args, leaves = tensors(sample, draw(row, number, "float64"), grad=True)
        if not leaves:
            return
        f = _Call(row.op, args, leaves, consts(sample))
        names = [f"argument {i}" for i in range(len(leaves))]
        points, symmetric = [host(t) for t in leaves], "symmetric" in row.tags
        levels = order or (2 if row.second_order else 1)
        try:
            check_derivatives(f, names, points, levels, symmetric=symmetric, seed=number, kinks=kinks)
        except GradientError as error:
            raise GradientError(f"{row.name}, sample {number}: {error}") from error


class _Call:
    """An op as a function of the tensors in the places of its leaves."""

    def __init__(
        self, op: Callable[..., Any], args: list[Any], leaves: list[Any], constants: Mapping[str, Any]
    ) -> None:
        self.op, self.args, self.leaves, self.constants = op, args, leaves, constants

    def __call__(self, values: Sequence[Any]) -> list[Any]:
        new = {id(t): v for t, v in zip(self.leaves, values, strict=True)}
        with seeded():
            outputs = flat(self.op(*_placed(self.args, new), **self.constants))
        return [y for y in outputs if isinstance(y, TensorBase) and is_inexact(y._array)]


def _placed(args: list[Any], new: dict[int, Any]) -> list[Any]:
    return [_placed(a, new) if isinstance(a, list) else new.get(id(a), a) for a in args]
