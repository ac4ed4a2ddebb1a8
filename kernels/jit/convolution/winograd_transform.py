"""The transforms of Winograd's F(m x m, r x r), for vectors whose lanes are channels.

All of them are T d T^T for one of five matrices, and done in two passes of one text: rows are combined to rows, those of d and
then those of the transpose. So few vectors are at work in a pass that they stay in registers.

The matrices come from points and infinity (Toom and Cook's way): filters and patches are polynomials, whose product is known from
its values at m + r - 1 points. A pair +-p shares its even and its odd part. The usual points 0, +-1, +-2 lose four times as much
to rounding as those here.

Source: B. Barabasz, A. Anderson, K. M. Soodhalter, D. Gregg, Error Analysis and Improving the Accuracy of Winograd Convolution
for Deep Neural Networks, ACM Transactions on Mathematical Software 46, 2020.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba.extending import overload

from ...types import Array
from ..machine.vector import Emitter, Value, emits, int64, lanes_of
from ..machine.views import Rows, row_of


class Form(NamedTuple):
    """F(out x out, taps x taps): a filter of so many taps, patches of side x side pixels, and the results that each gives."""

    out: int
    taps: int
    side: int


class TwoTaps(Form):
    """A type for each form, so that what is compiled for one has nothing of the others in it."""

    __slots__ = ()


class ThreeTaps(Form):
    __slots__ = ()


class FourTaps(Form):
    __slots__ = ()


class FiveTaps(Form):
    __slots__ = ()


FORMS: dict[int, Form] = {2: TwoTaps(4, 2, 5), 3: ThreeTaps(4, 3, 6), 4: FourTaps(3, 4, 6), 5: FiveTaps(2, 5, 6)}
"""By taps."""

FINITE = {5: (3 / 8, -3 / 8, 5 / 4, -5 / 4), 6: (0.0, 5 / 8, -5 / 8, 3 / 2, -3 / 2)}
"""Points by the side of patches."""


def matrices(form: Form) -> tuple[Array, Array, Array]:
    """B^T, G and A^T, of which the last point, infinity, has the leading coefficients."""
    out, taps, side = form
    points = FINITE[side]
    b_t, g, a_t = np.zeros((side, side)), np.zeros((side, taps)), np.zeros((out, side))
    g[-1, -1] = a_t[-1, -1] = 1
    b_t[-1] = np.poly(points)[::-1]
    for i, p in enumerate(points):
        others = points[:i] + points[i + 1 :]
        b_t[i, :-1] = np.poly(others)[::-1]
        g[i], a_t[:, i] = p ** np.arange(taps) / np.prod(p - np.array(others)), p ** np.arange(out)
    return b_t, g, a_t


def _sum(e: Emitter, factors: Array, values: list[Value]) -> Value:
    """The sum of values times factors, some of which are zero."""
    order = sorted(np.flatnonzero(factors), key=lambda k: abs(factors[k] - 1))
    first = order[0]
    total = values[first]
    if factors[first] != 1:
        total = e.b.fmul(_constant(e, factors[first]), total)
    for k in order[1:]:
        if abs(factors[k]) == 1:
            total = (e.b.fadd if factors[k] > 0 else e.b.fsub)(total, values[k])
        else:
            total = e.fma(_constant(e, factors[k]), values[k], total)
    return total


def _multiple(e: Emitter, factors: Array, values: list[Value]) -> tuple[float, Value]:
    """The same as a number and what it multiplies."""
    factor = float(factors[np.flatnonzero(factors)[-1]])
    return factor, _sum(e, factors / factor, values)


def _constant(e: Emitter, value: float) -> Value:
    return ir.Constant(e.type, [float(value)] * e.lanes)


def _pairs(matrix: Array) -> list[int]:
    """Rows that differ from the next one in signs only."""
    found: list[int] = []
    for i in range(len(matrix) - 1):
        if np.array_equal(abs(matrix[i]), abs(matrix[i + 1])) and i - 1 not in found:
            found.append(i)
    return found


def _apply(e: Emitter, matrix: Array, values: list[Value]) -> list[Value]:
    """matrix @ values. Of two rows that differ in signs only, the sums of equal and of opposite terms are made once; of two such
    columns, the sum and the difference of their values."""
    b = e.b
    across = _pairs(matrix.T)
    if across:
        matrix, values = matrix.copy(), list(values)
        for k in across:
            x, y = values[k : k + 2]
            values[k : k + 2] = b.fadd(x, y), b.fsub(x, y)
            same = matrix[:, k] == matrix[:, k + 1]
            matrix[:, k + 1], matrix[:, k] = np.where(same, 0, matrix[:, k]), np.where(same, matrix[:, k], 0)
        return [_sum(e, row, values) for row in matrix]
    down, results = _pairs(matrix), []
    for i, row in enumerate(matrix):
        if i in down:
            same = row == matrix[i + 1]
            x, (factor, y) = _sum(e, np.where(same, row, 0), values), _multiple(e, np.where(same, 0, row), values)
            results += [e.fma(_constant(e, f), y, x) for f in (factor, -factor)]
        elif i - 1 not in down:
            results.append(_sum(e, row, values))
    return results


def make_transform(matrix: Array, checked: bool = False) -> Callable[..., None]:
    """The transform by a matrix T. checked: it takes one more argument, a vector that turns NaN if a result is not finite."""
    rows, columns = matrix.shape

    def emit(e: Emitter, source: Rows, target: Rows, count: Value, ahead: Value, to: Value, *finite: Value) -> None:
        b = e.b
        inward, outward = (
            [b.mul(x.pitch, int64(r * e.size)) for r in range(n)] for x, n in ((source, columns), (target, rows))
        )

        def body(_: Value, carried: list[Value]) -> list[Value]:
            start, end, *check = carried
            results = _apply(e, matrix, [e.load(b.add(start, step)) for step in inward])
            for value, step in zip(results, outward, strict=True):
                e.store(value, b.add(end, step))
            if checked:  # plus 0 for finite values, NaN for others
                check = [e.fma(_sum(e, np.ones(rows), results), e.zero, check[0])]
            return [e.at(start, ahead), e.at(end, to), *check]

        last = e.loop(count, [e.start(source), e.start(target), *(e.load(x) for x in finite)], body)
        if checked:
            e.store(last[-1], finite[0])

    def twin(source: Rows, target: Rows, count: int, ahead: int, to: int, *finite: Array) -> None:
        lanes, dtype = lanes_of(source.data), source.data.dtype
        for n in range(count):
            here, there = source._replace(at=source.at + n * ahead), target._replace(at=target.at + n * to)
            results = (matrix @ np.array([row_of(here, r, lanes) for r in range(columns)])).astype(dtype)
            for r, result in enumerate(results):
                row_of(there, r, lanes)[:] = result
            for check in finite:
                check[:lanes] += np.sum(results * 0, axis=0)

    if checked:

        @emits(emit)
        def transform_checked(source: Rows, target: Rows, count: int, ahead: int, to: int, finite: Array) -> None:
            """The same, for results whose finiteness matters."""
            twin(source, target, count, ahead, to, finite)

        return transform_checked

    @emits(emit)
    def transform(source: Rows, target: Rows, count: int, ahead: int, to: int) -> None:
        """Rows of target = T times rows of source, one vector of each; then the vectors `ahead` and `to` elements after them,
        `count` >= 1 in all. All rows of source are read before any of target is written.
        """
        twin(source, target, count, ahead, to)

    return transform


Pick = Callable[[Array, Array, Array], Array]


def by_form(pick: Pick) -> Callable[..., None]:
    """The transform by the matrix that `pick` takes of B^T, G and A^T; it is given the form first."""
    made = {type(form): make_transform(pick(*matrices(form))) for form in FORMS.values()}

    def transform(form: Form, source: Rows, target: Rows, count: int, ahead: int, to: int) -> None:
        made[type(form)](source, target, count, ahead, to)

    @overload(transform, strict=False)
    def _transform(form: Any, source: Any, target: Any, count: Any, ahead: Any, to: Any) -> Any:
        chosen = made[form.instance_class]
        return lambda form, source, target, count, ahead, to: chosen(source, target, count, ahead, to)

    return transform


def by_form_checked(pick: Pick) -> Callable[..., None]:
    """The same for results whose finiteness matters."""
    made = {type(form): make_transform(pick(*matrices(form)), checked=True) for form in FORMS.values()}

    def transform(form: Form, source: Rows, target: Rows, count: int, ahead: int, to: int, finite: Array) -> None:
        made[type(form)](source, target, count, ahead, to, finite)

    @overload(transform, strict=False)
    def _transform(form: Any, source: Any, target: Any, count: Any, ahead: Any, to: Any, finite: Any) -> Any:
        chosen = made[form.instance_class]
        return lambda form, source, target, count, ahead, to, finite: chosen(source, target, count, ahead, to, finite)

    return transform


patches, filters = by_form(lambda b_t, g, a_t: b_t), by_form(lambda b_t, g, a_t: g)
grads, filter_grads = by_form(lambda b_t, g, a_t: a_t.T), by_form(lambda b_t, g, a_t: g.T)
outputs, outputs_checked = by_form(lambda b_t, g, a_t: a_t), by_form_checked(lambda b_t, g, a_t: a_t)
