"""Which definitions are read as formulas, and why the others are not."""

from __future__ import annotations

import math
from time import perf_counter as now
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine.errors import DLEngineError
from dlengine.kernels.generated.expression import inputs_of
from dlengine.recording import NotPointwise, read
from dlengine.testing import rows

POINTWISE = {
    "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "celu", "clip", "cos", "cosh", "elu", "erf", "erfc", "exp",
    "expm1", "gelu", "gelu_tanh", "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "hypot", "log", "log10", "log1p",
    "log2", "logaddexp", "mish", "pow", "remainder", "sin", "sinh", "softshrink", "softsign", "step", "tan",
}  # fmt: skip


def reading(row: Any, dtype: str = "float32") -> Any:
    """The reading of the first sample that gives one."""
    last: Exception | None = None
    for s in row.samples:
        arrays = s.arrays(row.name, dtype)
        try:
            args, consts = row.op.op.bind(tuple(arrays), dict(s.consts))
            return read(row.op.op, [a.dtype if isinstance(a, np.ndarray) else a for a in args], consts)
        except (NotPointwise, DLEngineError) as error:
            last = error
    raise last or NotPointwise("no samples")


@pytest.mark.parametrize("name", sorted(POINTWISE))
def test_pointwise_ops_are_read(name: str) -> None:
    (row,) = rows(name)
    for dtype in ("float32", "float64"):
        found = reading(row, dtype)
        assert found.value.dtype == dtype
        assert [e.value for e in inputs_of(found.value)] == list(range(len(inputs_of(found.value))))
        assert any(p is not None for p in found.pullbacks)


SCALE = 2.0
TABLE = [2.0]


def defined(definition: Any, **options: Any) -> Any:
    return dl.op(**options)(definition).op


def refusal(definition: Any, count: int = 1, **options: Any) -> str:
    with pytest.raises(NotPointwise) as caught:
        read(defined(definition, **options), ["float32"] * count)
    return str(caught.value)


def test_what_is_not_pointwise_says_why() -> None:
    assert refusal(lambda xp, x, /: (xp.sum(x), lambda gy: gy)) == "calls xp.sum"
    assert refusal(lambda xp, x, /: (x[0], lambda gy: gy)) == "indexes its array"
    assert refusal(lambda xp, x, /: (x * x.ndim, lambda gy: gy)) == "uses the array's own ndim"
    assert refusal(lambda xp, x, /: (x * x.shape[0], lambda gy: gy)) == "asks for sizes"
    assert refusal(lambda xp, x, /: (x * 2 if x > 0 else x, lambda gy: gy)) == "asks for a value"
    assert refusal(lambda xp, x, /: (xp.reshape(x, (-1,)) * 2, lambda gy: gy)) == "flattens its array"
    assert refusal(lambda xp, x, /: (xp.reshape(x, (2, 2)), lambda gy: gy)) == "calls xp.reshape"
    assert refusal(lambda xp, x, /: (x * np.float64(2), lambda gy: gy)) == "computes with a numpy.float64"
    assert refusal(lambda xp, x, /: (np.exp(x), lambda gy: gy)).startswith("TypeError")
    assert refusal(lambda xp, a, b, /: (xp.exp(a), (lambda gy: gy, None)), 2) == "it lacks a pullback"
    assert "does not read" in refusal(lambda xp, a, b, /: (xp.exp(a) * xp.ones_like(b), (lambda gy: gy, lambda gy: gy)), 2)


def test_a_pullback_reads_only_what_the_op_guards() -> None:
    def tangent(xp: Any, x: Any, /) -> Any:
        y = xp.exp(x) + x
        return y, lambda gy: gy * (xp.exp(x) + 1)

    assert "needs=" in refusal(tangent, needs="y")
    assert read(defined(tangent, needs="x"), ["float32"]).pullbacks[0] is not None


def test_a_pullback_reads_the_value_instead_of_computing_it_again() -> None:
    def exponential(xp: Any, x: Any, /) -> Any:
        y = xp.exp(x) * 2
        return y, lambda gy: gy * y

    (pull,) = read(defined(exponential, needs="y"), ["float32"]).pullbacks
    assert pull is not None
    assert [e.value for e in inputs_of(pull)] == [1, 2]


def test_equal_parts_are_one() -> None:
    found = read(defined(lambda xp, x, /: (xp.exp(x) / (1 + xp.exp(x)), lambda gy: gy)), ["float64"])
    top, bottom = found.value.args
    assert bottom.args[1] is top


def test_numbers_beside_the_arguments_are_noted() -> None:
    local = 3.0
    found = read(defined(lambda xp, x, /: (xp.exp(x) * SCALE + local * math.pi, lambda gy: gy)), ["float32"])
    assert sorted(value for _, _, value in found.captured) == [2.0, 3.0]
    assert "TABLE" in refusal(lambda xp, x, /: (x * TABLE[0] + 1, lambda gy: gy))
    assert "now" in refusal(lambda xp, x, /: (x * now() + 1, lambda gy: gy))
    assert "random" in refusal(lambda xp, x, /: (x * np.random.rand() + 1, lambda gy: gy))
    assert "dl" in refusal(lambda xp, x, /: (x * float(dl.rand(())) + 1, lambda gy: gy))
    values = np.ones(2)
    assert "values" in refusal(lambda xp, x, /: (x * float(values[0]) + 1, lambda gy: gy))


def test_an_op_without_derivative_is_read_too() -> None:
    found = read(defined(lambda xp, x, /: (xp.exp(x), None)), ["float32"])
    assert (found.pulled, found.pullbacks) == (False, (None,))
    found = read(defined(lambda xp, x, y, /: ((x > 0) & (x < y), None)), ["int32", "int32"])
    assert (found.pulled, found.value.dtype) == (False, "bool")


def test_half_precision_is_computed_as_float32_and_rounded_once() -> None:
    found = read(dl.gelu.op, ["float16"])
    (pull,) = found.pullbacks
    assert (found.value.kind, found.value.dtype) == ("cast", "float16")
    assert found.value.args[0].dtype == "float32"
    assert pull is not None
    assert pull.dtype == "float16"
    with pytest.raises(NotPointwise, match="half precision beside"):
        read(dl.logaddexp.op, ["float16", "float32"])
    with pytest.raises(NotPointwise, match="how its arguments promote"):
        read(defined(lambda xp, x, /: (xp.astype(xp.exp(x), xp.float32), lambda gy: gy)), ["float16"])


def sigmoid(x: Any) -> Any:
    """A function of the module with the name of a function of xp."""
    return x


def test_names_of_functions_of_xp_are_no_names_of_the_module() -> None:
    assert read(defined(lambda xp, x, /: (xp.sigmoid(x) * 2, lambda gy: gy)), ["float32"]).captured == ()


@pytest.mark.parametrize(("dtype", "why"), [("complex64", "array of"), ("int64", "exp of int64"), (">f4", "array of")])
def test_other_dtypes_are_left(dtype: str, why: str) -> None:
    with pytest.raises(NotPointwise, match=why):
        read(dl.exp.op, [dtype])
