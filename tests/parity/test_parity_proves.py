"""`parity` sees a wrong formula and a wrong gradient by itself, and says where: op, sample, index, both values, the inputs."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dlengine.autograd.op import op
from dlengine.kernels import jit
from dlengine.testing import Cell, normal, parity, report, rows, sample, table


def compared(monkeypatch: pytest.MonkeyPatch, name: str, **changes: Any) -> list[Cell]:
    """The cells of a row that was changed."""
    monkeypatch.setitem(table.CASES, name, replace(rows(name)[0], **changes))
    return parity(name, backends=["numpy"])


@op(promotes="float", name="test_doubled_elu")
def doubled_elu(xp: Any, x: Any, /, *, alpha: float = 1.0) -> Any:
    below = xp.where(x > 0, 0, x)
    return xp.where(x > 0, x, alpha * xp.expm1(below)), lambda gy: 2 * xp.where(x > 0, gy, gy * (alpha * xp.exp(below)))


@op(promotes="float", name="test_wrong_softsign")
def wrong_softsign(xp: Any, x: Any, /) -> Any:
    d = 1 + 0.5 * xp.abs(x)
    return x / d, lambda gy: gy / (d * d)


def test_a_doubled_gradient_fails_with_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = compared(monkeypatch, "elu", op=doubled_elu)
    assert len(cells) == 2
    for cell in cells:
        assert cell.verdict == "fail"
        found = re.search(r"at \[(\d), (\d)\] got (\S+), wanted (\S+); inputs there: (\S+);", cell.message)
        assert found, cell.message
        assert "sample 0: gradcheck, first order" in cell.message
        x = rows("elu")[0].samples[0].arrays("elu/0", "float64")[0]
        assert float(found[5]) == x[int(found[1]), int(found[2])]
        assert float(found[3]) == pytest.approx(2 * float(found[4]))


def test_a_wrong_formula_with_its_own_gradient_fails_with_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = compared(monkeypatch, "softsign", op=wrong_softsign, reference=lambda x: x / (1 + np.abs(x)))
    assert all(cell.verdict == "fail" for cell in cells)
    found = re.search(r"sample 0.*output 0: at \[0, 0\] got (\S+), wanted (\S+) .*; inputs there: (\S+);", cells[0].message)
    assert found, cells[0].message
    x = float(found[3])
    assert float(found[1]) == pytest.approx(x / (1 + abs(x) / 2))
    assert float(found[2]) == pytest.approx(x / (1 + abs(x)))
    assert len(report.complaints(cells)) == 1, "the cells of one wrong op share a line"


def test_without_a_reference_the_formula_goes_unseen_and_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not rows("softsign")[0].kernels, "the op of this test must have no kernel of its own"
    cells = compared(monkeypatch, "softsign", op=wrong_softsign, reference=None)
    assert all(cell.ok and cell.alone and not cell.reason for cell in cells)
    assert "2 compare an op with itself (2 without a reason)" in report.summaries(cells)[0].line()
    cells = compared(monkeypatch, "softsign", reference=None, reason="its ops have rows of their own")
    assert "2 compare an op with itself;" in report.summaries(cells)[0].line()


def test_counts_of_oracles_and_kernels() -> None:
    views, relu = parity("reshape", backends=["numpy", "numba"]), parity("relu", backends=["numpy", "numba"])
    assert all(c.independent and not c.answered for c in views)
    answered = {(c.backend, c.dtype) for c in relu if c.answered}
    assert answered == {("numba", "float32"), ("numba", "float64")}, "on numpy no kernel but the reference's"
    summary = report.summaries(views + relu)[1]
    assert (summary.cells, summary.answered) == (sum(c.backend == "numba" for c in views + relu), 2)


def test_a_backend_that_is_off_says_where(monkeypatch: pytest.MonkeyPatch) -> None:
    right = jit.SET.load("relu")

    def load(self: Any, kernel: str) -> Any:
        if self is not jit.SET or kernel != "relu":
            return original(self, kernel)
        return lambda x: right(x) + (np.arange(x.size).reshape(x.shape) == 7).astype(x.dtype)

    original = type(jit.SET).load
    monkeypatch.setattr(type(jit.SET), "load", load)
    from dlengine import backend

    monkeypatch.setattr(backend.namespace, "NAMESPACES", {})
    monkeypatch.setitem(backend.BACKENDS, "bent", replace(backend.BACKENDS["numba"], name="bent"))
    cell = parity("relu", backends=["bent"], dtypes=["float32"])[0]
    assert cell.verdict == "fail"
    assert re.search(r"sample 0, output 0: .*at \[1, 2\] got \S+, wanted \S+; inputs there: \S+; arguments: ", cell.message)


def test_an_argument_is_named_by_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    @op(promotes="join", name="test_wrong_second")
    def wrong_second(xp: Any, a: Any, b: Any, /) -> Any:
        return a * b, (lambda gy: gy * b, lambda gy: gy * a * 1.01)

    one = (sample(normal(2, 3), normal(3)),)
    cells = compared(monkeypatch, "multiply", op=wrong_second, samples=one, reference=np.multiply)
    assert re.search(r"argument 1 .*; at \[\d\] got \S+, wanted \S+;", cells[0].message), cells[0].message


def test_the_reference_set_is_no_kernel_set() -> None:
    cells = parity("softmax", backends=["numpy"])
    assert all(c.launches and not c.answered for c in cells)


# ------------------------------------------------------------------------------------------------- special points
def test_a_second_derivative_that_is_wrong_only_at_zero_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """The samples avoid 0; the points derived from them do not."""

    @op(promotes="float", name="test_cube")
    def cube(xp: Any, x: Any, /) -> Any:
        return x * x * x + x * x, lambda gy: gy * (3 * x * x + 2 * xp.where(x == 0, 0, x))

    cells = compared(monkeypatch, "square", op=cube, samples=(sample(normal(3)),), reference=lambda x: x * x * x + x * x)
    assert all("special points" in c.message and "second order" in c.message for c in cells), cells[0].message
    assert "at [0] got 0.0, wanted 2." in cells[0].message


def test_a_wrong_value_at_infinity_or_nan_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    @op(promotes="float", name="test_lost_nan")
    def lost_nan(xp: Any, x: Any, /) -> Any:
        return xp.where(x > 0, x, x * 0), lambda gy: xp.where(x > 0, gy, 0)

    def right(x: Any) -> Any:
        return np.where(x <= 0, 0.0, x)

    cells = compared(monkeypatch, "relu", op=lost_nan, samples=(sample(normal(3)),), reference=right, kernels=())
    assert "special points, Inf and NaN" in cells[0].message
    assert "got nan, wanted 0.0" in cells[0].message
    assert "inputs there: -inf" in cells[0].message


def test_kinks_need_no_names() -> None:
    """At a kink the gradient must lie between those of the two sides."""
    for name in ("relu", "abs", "hardtanh", "maximum", "clip", "softshrink"):
        assert all(c.ok for c in parity(name, backends=["numpy"]))


def test_a_gradient_outside_of_its_kink_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    @op(promotes="float", name="test_steep")
    def steep(xp: Any, x: Any, /) -> Any:
        return xp.abs(x), lambda gy: gy * xp.where(x == 0, 1.5, xp.sign(x))

    cells = compared(monkeypatch, "abs", op=steep, samples=(sample(normal(3)),), reference=np.abs)
    assert "special points): gradcheck, first order" in cells[0].message
    assert "at [0] got 1.5" in cells[0].message


def test_which_rows_are_elementwise() -> None:
    from dlengine.testing.special import elementwise, special

    assert all(elementwise(rows(n)[0]) for n in ("tanh", "add", "where", "pow", "clip", "isnan", "gelu"))
    assert not any(elementwise(rows(n)[0]) for n in ("softmax", "cumulative_sum", "flip", "sum", "matmul", "sort", "dropout"))
    planted = special(rows("softmax")[0])
    assert planted is not None
    values = planted.samples[1].arrays("softmax/1", "float32")[0]
    assert np.isinf(values).sum() == 1
    smallest = planted.samples[0].arrays("softmax/0", "float32")[0]
    assert np.any(smallest == np.finfo(np.float32).smallest_subnormal)
