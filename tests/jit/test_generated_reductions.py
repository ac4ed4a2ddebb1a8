"""Generated kernels that reduce a formula over trailing axes: against NumPy, exact sums, and what the entry point refuses."""

from __future__ import annotations

from collections import Counter
from math import fsum
from typing import Any

import numba
import numpy as np
import pytest

pytest.importorskip("numba")

import dlengine as dl
from dlengine.kernels import jit
from dlengine.kernels.generated.expression import apply, argument, cast, where
from dlengine.kernels.jit.generated.reduction import Reduction
from dlengine.kernels.jit.generated.reductions import PART, finished
from dlengine.kernels.jit.machine.compile import interpreted
from dlengine.kernels.jit.machine.vector import VECTOR_BYTES
from dlengine.recording import generating

SHAPES = [
    ((5,), 0), ((33,), 0), ((PART,), 0), ((3 * PART + 7,), 0), ((7, 1000), 1), ((3, 4, 50), 2), ((3, 4, 50), 1), ((3, 4, 50), 3),
    ((2, 2 * PART + 1), 1), ((400, 3), 1), ((), 0), ((1, 1), 1),
]  # fmt: skip
KINDS = {**dict.fromkeys(("float32", "float64", "int32", "uint8"), "sum max min"), "bool": "any all sum"}


def reduction(root: Any, kind: str, finish: Any = None) -> Reduction:
    return Reduction("test", root, kind, finish, Counter())


@pytest.mark.parametrize(("dtype", "kind"), [(d, k) for d, kinds in KINDS.items() for k in kinds.split()])
def test_against_numpy(dtype: str, kind: str) -> None:
    r = reduction(argument(0, dtype), kind)
    rng = np.random.default_rng(0)
    for shape, kept in SHAPES:
        drawn = rng.standard_normal(shape) * 50
        x = np.asarray(drawn > 0 if dtype == "bool" else np.abs(drawn) if dtype == "uint8" else drawn).astype(dtype)
        got = r([x], shape, kept)
        wide = x.astype("longdouble") if dtype.startswith("float") else x
        want = getattr(np, kind)(wide, axis=tuple(range(kept, len(shape))))
        assert got.shape == shape[:kept]
        close = {"float32": 0.02, "float64": 1e-11}.get(dtype, 0) if kind == "sum" else 0
        assert np.allclose(got, np.asarray(want, got.dtype), rtol=0, atol=close)
    assert r.launches["test"] == len(SHAPES)


def test_sums_are_exact_for_any_number_of_threads() -> None:
    rng = np.random.default_rng(1)
    for dtype in ("float32", "float64"):
        x = (rng.standard_normal(300_007) * np.exp(rng.uniform(-20, 20, 300_007))).astype(dtype)
        entry = reduction(argument(0, dtype), "sum").compile("f")
        found = []
        for threads in (1, 2, 3, 7):
            out = np.zeros(())
            assert entry(x, out, threads, 1, x.size) is True
            found.append(float(out))
        assert len(set(found)) == 1
        unit = 2e-16 if dtype == "float64" else 1.2e-7
        assert abs(found[0] - fsum(x)) <= unit * np.sum(np.abs(x), dtype=np.longdouble)


@pytest.mark.parametrize("threads", [1, 3])
def test_products_have_the_range_of_float64(threads: int) -> None:
    """Four factors are multiplied in float32 only where no product of two leaves its middle."""
    entry = reduction(argument(0, "float32"), "prod").compile("f")
    rng = np.random.default_rng(6)

    def product(x: np.ndarray) -> float:
        out = np.zeros(())
        assert entry(x, out, threads, 1, x.size) is True
        return float(out)

    lanes = VECTOR_BYTES // 2
    sizes = (1e30, 1e19, 3e15, 6e4, 1.0, 2e-5, 3e-16, 1e-20, 1e-30, 1e-37)
    for four in ((a, b, c, d) for a in sizes for b in sizes[:5] for c in (1e20, 1.0, 1e-20) for d in (1.0, -1e12)):
        with np.errstate(over="ignore"):
            x = np.exp(rng.standard_normal(8 * lanes + 5) * 0.05).astype("f4")
            x[3 : 4 * lanes : lanes] = rng.permutation(four)  # what is multiplied in float32
            x[4 * lanes + 2 : 8 * lanes : lanes] = 1 / x[3 : 4 * lanes : lanes]
        want = np.prod(x.astype("f8")[rng.permutation(x.size)])
        assert product(x) == pytest.approx(want, rel=2e-5)
    for n in (4, 100, PART + 200):
        for special in (0.0, np.inf, np.nan):
            x = np.full(n, 1.0001, "f4")
            x[n // 2] = special
            assert np.array_equal(product(x), special, equal_nan=True)
        x[n // 3 : n // 2 + 1 : n // 2 - n // 3] = 0.0, np.inf
        assert np.isnan(product(x))


@pytest.mark.parametrize("n", [3, 2 * PART])
def test_special_values(n: int) -> None:
    r = reduction(argument(0, "float64"), "sum")
    big, inf, nan = np.finfo("f8").max, np.inf, np.nan
    for values, want in (((inf, 1.0), inf), ((inf, -inf), nan), ((nan, 1.0), nan), ((big, big), inf), ((-inf, 2.0), -inf)):
        x = np.zeros(n)
        x[:1], x[-1:] = values
        assert np.array_equal(r([x], x.shape, 0), want, equal_nan=True)
    top = reduction(argument(0, "float32"), "max")
    x = np.full(n, -inf, "f4")
    assert top([x], x.shape, 0) == -inf
    x[n // 2] = nan
    assert np.isnan(top([x], x.shape, 0))


def test_a_body_and_what_follows_the_sum_are_one_kernel() -> None:
    p, t, n = argument(0, "float32"), argument(1, "float32"), argument(2, "float64")
    d = p - t
    loss = reduction(d * d, "sum", cast(finished("sum", "float32") / n, "float32"))
    rng = np.random.default_rng(2)
    for shape in ((9,), (50, 400), (3, PART)):
        a, b = rng.standard_normal((2, *shape)).astype("f4")
        got = loss([a, b, np.asarray(float(a.size))], shape, 0)
        assert got.dtype == "float32"
        assert got == pytest.approx(np.mean((a.astype("f8") - b) ** 2), rel=2e-7)
    assert loss.launches["test"] == 3


def test_rows_columns_and_single_numbers_broadcast() -> None:
    x, row, column, other = (argument(i, "float64") for i in range(4))
    r = reduction(where(apply("gt", x, row), x * column, other), "sum", finished("sum", "float64") * column)
    rng = np.random.default_rng(3)
    full, middle, left = rng.standard_normal((6, 5, 7)), rng.standard_normal((5, 7)), rng.standard_normal((6, 1, 1))
    half, one = np.asarray(0.5), np.ones((1, 1, 1))
    for given in ((full, middle, left, half), (full[:, ::-1], middle, left, one), (full, full[:, :1], left, left)):
        want = np.sum(np.where(given[0] > given[1], given[0] * given[2], given[3]), axis=(1, 2)) * left[:, 0, 0]
        assert np.allclose(r(given, (6, 5, 7), 1), want, rtol=1e-13)
        with interpreted():
            assert np.allclose(r(given, (6, 5, 7), 1), want, rtol=1e-13)
    assert r.launches["test"] == 3
    assert np.array_equal(r((full[:0], middle, left[:0], half), (0, 5, 7), 1), np.zeros(0))
    assert reduction(x, "sum")([np.zeros((4, 0))], (4, 0), 1).tolist() == [0.0] * 4


def test_the_entry_point_refuses_what_it_cannot_read() -> None:
    entry = reduction(apply("exp", argument(0, "float32")), "sum").compile("f")
    x, out = np.ones((4, 6), "f4"), np.zeros(4)
    assert entry(x, out, 1, 4, 6) is True
    assert np.allclose(out, 6 * np.e)
    read_only = out.copy()
    read_only.flags.writeable = False
    wrong: list[tuple[Any, ...]] = [
        (), (x, out, 1), (x, out, 1, 4), (x, out, 0, 4, 6), (x, out, 1, 0, 6), (x, out, 1, 4, 0), (x, out, 1, 6, 4),
        (x, out, 1, 4, 5), (x, out, 1, -4, -6), (x, out[:3], 1, 4, 6), (x, read_only, 1, 4, 6), (x, out.astype("f4"), 1, 4, 6),
        (x[:, ::2], out, 1, 4, 3), (x, out, 1, 4, 2**61), (x, out, 1, 2**61, 6), (x, out, 1, 4, 6.0), (x, None, 1, 4, 6),
    ]  # fmt: skip
    for arguments in wrong:
        assert entry(*arguments) is False


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "var", "std", "prod"])
def test_reductions_of_a_namespace(name: str, dtype: str) -> None:
    """What ops call under these names is answered over trailing axes, of any layout, and left to NumPy over others."""
    if dtype == "bfloat16":
        pytest.importorskip("ml_dtypes")
    drawn = np.random.default_rng(4).standard_normal((9, 30, 11)).astype("f4")
    x = (1 + drawn * 1e-3 if name == "prod" else drawn + 10).astype(dtype)
    f, label = getattr(dl, name), f"generated:{name}"
    with dl.use_backend("numba"):
        for axis in (None, -1, 2, (1, 2), (-1, 1), (0, 1, 2), 0, 1, (0, 2)):
            answered = axis not in (0, 1, (0, 2))
            for given in (x, x.transpose(2, 1, 0), x[:, ::2]):
                for keepdims in (False, True):
                    before = jit.SET.launches[label]
                    got = f(dl.asarray(given), axis=axis, keepdims=keepdims)
                    if axis != (0, 2) or name not in ("sum", "mean"):  # whose last axes are answered, if there are enough
                        assert (jit.SET.launches[label] > before) == answered
                    want = getattr(np, name)(given.astype("f8"), axis=axis, keepdims=keepdims)
                    assert (got.shape, got.dtype) == (want.shape, dtype)
                    rtol = {"float16": 2e-3, "bfloat16": 1e-2, "float32": 1e-6, "float64": 1e-13}[dtype]
                    rtol *= 10 if (name, dtype) == ("prod", "float32") else 1  # of which a few are multiplied in float32
                    assert np.allclose(got.numpy_copy().astype("f8"), want, rtol=rtol)
        assert dl.var(dl.asarray(x.astype("f8")), correction=1) == pytest.approx(np.var(x.astype("f8"), ddof=1), rel=1e-13)
        before = jit.SET.launches[label]
        with generating("off"):
            f(dl.asarray(x))
        assert jit.SET.launches[label] == before


def test_errors_and_empty_arrays_are_numpy_s() -> None:
    with dl.use_backend("numba"):
        assert dl.sum(dl.zeros((0, 3)), axis=1).shape == (0,)
        with pytest.raises(dl.errors.ShapeError):
            dl.max(dl.zeros((0,)))
        with pytest.raises(dl.errors.DLEngineError, match="axis"):
            dl.sum(dl.zeros((3, 4)), axis=2)
        assert dl.sum(dl.asarray([1, 2], dtype="int8")).dtype == "int64"
        assert np.isnan(dl.var(dl.ones((1,)), correction=1).numpy())


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", ["sum", "prod", "mean", "max", "min"])
def test_totals_of_any_size_are_answered_alike_at_once_and_later(name: str, threads: int) -> None:
    """After some calls a total is asked for directly; what is not floats in order goes the general way."""
    numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
    rng = np.random.default_rng(5)
    f, label = getattr(dl, name), f"generated:{name}"
    try:
        with dl.use_backend("numba"):
            for dtype in ("float32", "float64"):
                x = (1 + rng.standard_normal((30, 3000)) * 1e-3).astype(dtype)
                given = [x, x[:1], x.T, x[:, ::2], x[:, :0], x.astype(">" + np.dtype(dtype).str[1:])]
                given = given if name in ("sum", "prod") else given[:4] + given[5:]
                want = [f(dl.asarray(a)).numpy_copy() for a in given]
                for _ in range(40):
                    f(dl.asarray(x))
                before = jit.SET.launches[label]
                assert [f(dl.asarray(a)).numpy_copy().tobytes() for a in given] == [w.tobytes() for w in want]
                assert jit.SET.launches[label] - before == 4  # not those without elements or of foreign bytes
    finally:
        numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("axis", [None, 1])
def test_norms_of_any_size_lose_nothing(dtype: str, axis: Any) -> None:
    """Squares leave the range of the dtype long before the norm does."""
    rng = np.random.default_rng(7)
    drawn = rng.standard_normal((6, 2000))
    sizes = (1e-45, 1e-38, 3e-22, 1e-12, 1e-3, 1.0, 1e15, 1e19, 1e25, 1e38 / 50) if dtype == "float32" else (
        5e-324, 1e-300, 1e-162, 1e-150, 1e-20, 1.0, 1e140, 1e153, 1e160, 1e306
    )  # fmt: skip
    with dl.use_backend("numba"):
        for size in sizes:
            for rows in (slice(None), slice(2, 3)):  # all of that size, or one row among others
                x = drawn.copy()
                x[rows] *= size
                x = x.astype(dtype)
                got = dl.linalg.vector_norm(dl.asarray(x), axis=axis).numpy_copy()
                want = np.sqrt(np.sum(x.astype("longdouble") ** 2, axis=axis))
                unit = 5e-7 if dtype == "float32" else 2e-15
                assert np.all(np.abs(got - want) <= want * unit + np.finfo(dtype).smallest_subnormal)
        for special in (np.inf, np.nan):
            x = drawn.astype(dtype)
            x[1, 3] = special
            got = np.atleast_1d(dl.linalg.vector_norm(dl.asarray(x), axis=axis).numpy_copy())
            assert np.array_equal(got[axis or 0], np.asarray(special, dtype), equal_nan=True)
            assert axis is None or np.all(np.isfinite(got[[0, 2, 3, 4, 5]]))
        assert dl.linalg.vector_norm(dl.zeros((4, 30), dtype=dtype), axis=axis).sum() == 0
