"""Derivatives of elementwise rows at their special points, compared with differences on both sides.

If the two sides agree, the gradient must equal them. If not, the function has a kink there, and the gradient must lie
between them, so that no row needs to list its kinks. Steps are absolute (1e-4), or relative to the point if those leave the
domain or the range (the largest numbers, log near 0). If the differences do not converge (sqrt at 0, sin of the largest
number, an overflow), the gradient must not be NaN where the value is finite. Second derivatives are the same check of the
gradient, where the gradient is finite and there is no kink.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import backend
from ..autograd.derivatives import gradients
from ..ops.conversion import asarray
from . import places
from .calls import consts, default_dtype, draw, host, tensors
from .gradcheck import OpCall
from .table import Case

STEP = 1e-4
SETTLED = 1e-4
"""The largest difference of two estimates of a derivative with different steps, relative to it (or to 1)."""

FAR = 1e30
"""Above this size one side is enough, since the other may be out of range."""

Values = Callable[[Sequence[Any]], Any]


def check_pointwise(row: Case, number: int, order: int) -> list[str]:
    """Check the derivatives of one sample of an elementwise row in float64 on numpy; returns what is wrong."""
    sample = row.samples[number]
    arrays = draw(row, number, "float64")
    with backend.use_backend("numpy"), default_dtype("float64"), np.errstate(all="ignore"):
        args, leaves = tensors(sample, arrays, grad=True)
        if not leaves:
            return []
        f = OpCall(row.op, args, leaves, consts(sample))
        points = [host(t) for t in leaves]

        def value(xs: Sequence[Any]) -> Any:
            return host(f([asarray(x) for x in xs])[0])

        def gradient(n: int) -> Values:
            def at(xs: Sequence[Any]) -> Any:
                ts = [asarray(x).requires_grad_() for x in xs]
                y = f(ts)[0]
                if not y.requires_grad:
                    return np.zeros_like(xs[n])
                return host(gradients([y], [ts[n]], [asarray(np.ones(y.shape))])[0])

            return at

        if not all(y.array.dtype.kind == "f" for y in f([asarray(p) for p in points])) or not f([asarray(p) for p in points]):
            return []
        found = [_compare(value, gradient(n)(points), points, n) for n in range(len(points))]
        smooth = ~np.any([kink for _, kink in found], axis=0)
        for n, (wrong, _) in enumerate(found):
            elsewhere = np.any([kink for m, (_, kink) in enumerate(found) if m != n] or [np.zeros(smooth.shape, bool)], axis=0)
            if np.any(wrong[0] & ~elsewhere):
                return [_message("first", f"argument {n}", (wrong[0] & ~elsewhere, *wrong[1:]), points)]
        for n in range(len(points)) if order > 1 else ():
            for m in range(len(points)):
                ts = [asarray(x).requires_grad_() for x in points]
                g = gradients([f(ts)[0]], [ts[n]], [asarray(np.ones(smooth.shape))], create_graph=True)[0]
                second = np.zeros(smooth.shape)
                if g.requires_grad:
                    second = host(gradients([g], [ts[m]], [asarray(np.ones(smooth.shape))])[0])
                wrong, _ = _compare(gradient(n), second, points, m)
                bad = wrong[0] & smooth & np.isfinite(host(g))
                if np.any(bad):
                    return [_message("second", f"arguments {n} and {m}", (bad, *wrong[1:]), points)]
    return []


def _compare(f: Values, found: Any, points: list[Any], n: int) -> tuple[tuple[Any, Any, Any], Any]:
    """Where a derivative is wrong, its value and the expected one, and where f has a kink or no derivative."""
    x = points[n]
    start = f(points)
    known, alone = np.zeros(x.shape, bool), np.zeros(x.shape, bool)
    low, high = np.full(x.shape, np.nan), np.full(x.shape, np.nan)
    for step in (np.where(np.abs(x) < 10, STEP, np.nan), np.abs(x) * STEP):
        sides = [_side(f, points, n, start, sign * step) for sign in (1.0, -1.0)]
        alone |= np.isnan(sides[0][2]) & np.isnan(sides[1][2]) & (step > 0)
        settled = [ok for _, ok, _ in sides]
        left, right = (np.where(ok, d, other) for (d, ok, _), (other, _, _) in zip(sides, sides[::-1], strict=True))
        new = ~known & (settled[0] | settled[1])
        # Near the ends of the range one side is enough; elsewhere a side that does not converge is a singularity.
        new &= (settled[0] & settled[1]) | ((np.abs(x) > FAR) & np.any(found != 0))
        low, high = np.where(new, np.minimum(left, right), low), np.where(new, np.maximum(left, right), high)
        known |= new
    slack = SETTLED * np.maximum(1.0, np.maximum(np.abs(low), np.abs(high)))
    inside = (found >= low - slack) & (found <= high + slack)
    kink = ~known | (high - low > 2 * slack)
    wrong = np.where(known, ~inside, np.isfinite(start) & np.isnan(found) & ~alone)
    return (wrong, found, (low + high) / 2), kink


def _side(f: Values, points: list[Any], n: int, start: Any, step: Any) -> tuple[Any, Any, Any]:
    """The one-sided derivative, whether two steps agree on it, and a value on that side."""
    found = []
    for part in (1.0, 0.5):
        near, far = (f([p + k * part * step if i == n else p for i, p in enumerate(points)]) for k in (1, 2))
        found.append((4 * (near - start) - (far - start)) / (2 * part * step))
    wide, narrow = found
    settled = np.isfinite(wide) & np.isfinite(narrow) & np.isfinite(start)
    extreme = np.abs(step) != STEP  # a relative step, so the derivative itself may be very small
    floor = np.where(extreme, 0.0, 1.0)
    settled &= (np.abs(wide - narrow) <= SETTLED * np.maximum(floor, np.abs(narrow))) & ~(extreme & (near == start))
    return narrow, settled, near


def _message(order: str, what: str, wrong: tuple[Any, Any, Any], points: list[Any]) -> str:
    """A message with the first wrong place."""
    place = tuple(int(i) for i in np.argwhere(wrong[0])[0])
    return (
        f"{order} order, for {what}: {places.at(place, wrong[1], wrong[2])} by differences on both sides"
        f"{places.inputs(points, place, wrong[0].shape)}"
    )
