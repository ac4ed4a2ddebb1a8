"""Generated code for half precision, integers and booleans."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")

import dlengine as dl
from dlengine.kernels import jit
from dlengine.kernels.generated.evaluate import evaluate
from dlengine.kernels.generated.expression import apply, argument, cast, where
from dlengine.kernels.jit.generated.kernel import Kernel
from dlengine.recording import generating

INTEGERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]


@pytest.fixture(autouse=True)
def always() -> Iterator[None]:
    with dl.use_backend("numba"), generating("always"):
        yield


def half(name: str) -> Any:
    if name == "bfloat16":
        pytest.importorskip("ml_dtypes")
    return np.dtype(name)


def launches(name: str) -> int:
    return jit.SET.launches[f"generated:{name}"]


@dl.op(needs="x", promotes="float")
def wave(xp: Any, x: Any, /) -> Any:
    return xp.sin(x) * x + 300 * x * x / (1 + 300 * x * x), lambda gy: gy * (xp.sin(x) + x * xp.cos(x))


@dl.op(needs="")
def between(xp: Any, x: Any, low: Any, high: Any, /) -> Any:
    return (x > low) & ~(x >= high), None


@dl.op(needs="")
def mixed(xp: Any, x: Any, y: Any, /) -> Any:
    return xp.maximum(x * 3 - y, xp.abs(y)) + xp.where(x > y, x, y) * 2 + xp.sign(x) - xp.square(y), None


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("f", [wave, dl.gelu, dl.nn.functional.hardswish, dl.mish, dl.erf])
def test_half_precision_is_rounded_once(f: Any, dtype: str) -> None:
    """Value and gradient are those of float32, rounded; also past what the half dtype can hold inside."""
    kind = half(dtype)
    x = np.random.default_rng(0).standard_normal((37, 5)).astype("f4").astype(kind) * kind.type(2)
    gy = np.random.default_rng(1).standard_normal((37, 5)).astype("f4").astype(kind)
    before = launches(f.__name__), launches(f"{f.__name__}_grad")
    t = dl.asarray(x).requires_grad_()
    y = f(t)
    y.backward(dl.asarray(gy))
    assert (launches(f.__name__), launches(f"{f.__name__}_grad")) == (before[0] + 1, before[1] + 1)
    wide = dl.asarray(x.astype("f4")).requires_grad_()
    z = f(wide)
    z.backward(dl.asarray(gy.astype("f4")))
    assert (y.dtype, t.grad.dtype) == (kind, kind)
    assert np.array_equal(y.numpy_copy(), z.numpy_copy().astype(kind))
    assert np.array_equal(t.grad.numpy_copy(), wide.grad.numpy_copy().astype(kind))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_every_half_is_read_and_written_as_numpy_does(dtype: str) -> None:
    kind = half(dtype)
    every = np.arange(65536, dtype=np.uint16).view(kind)
    assert np.array_equal(
        Kernel("t", cast(argument(0, kind), "float32"), Counter())(every), every.astype("f4"), equal_nan=True
    )
    bits = np.random.default_rng(2).integers(0, 2**32, 100_001, dtype=np.uint32)
    x = np.concatenate([bits.view("f4"), np.array([0.0, -0.0, 3.4e38, 1e-45, 65519.0, 65520.0, -65520.0], "f4")])
    with np.errstate(all="ignore"):
        got, want = Kernel("t", cast(argument(0, "float32"), kind), Counter())(x).astype("f4"), x.astype(kind).astype("f4")
    assert np.array_equal(got, want, equal_nan=True)
    assert np.array_equal(np.signbit(got[got == 0]), np.signbit(want[want == 0]))


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integers_wrap_around_as_numpy_s(dtype: str) -> None:
    bounds = np.iinfo(dtype)
    rng = np.random.default_rng(3)
    x = rng.integers(bounds.min, bounds.max, (41, 7), dtype=dtype, endpoint=True)
    y = rng.integers(bounds.min, bounds.max, 7, dtype=dtype, endpoint=True)
    for f, given in ((mixed, (x, y)), (between, (x, y, 9)), (mixed, (x[::2, ::-1], x[::2]))):
        before = launches(f.__name__)
        arguments = [dl.asarray(a) if isinstance(a, np.ndarray) else a for a in given]
        got = f(*arguments).numpy()
        assert launches(f.__name__) == before + 1
        with generating("off"):
            want = f(*arguments).numpy()
        assert got.dtype == want.dtype
        assert np.array_equal(got, want)


def test_masks_of_floats() -> None:
    x = np.array([-1.0, -0.0, 0.0, 0.5, 2.0, np.nan, np.inf] * 30, "f4")
    before = launches("between")
    assert np.array_equal(between(dl.asarray(x), 0.0, 1.5).numpy(), (x > 0) & ~(x >= 1.5))
    assert launches("between") == before + 1


@pytest.mark.parametrize("dtype", INTEGERS)
def test_shifts_are_numpys(dtype: str) -> None:
    """Also by more places than there are, and by fewer than none."""
    bounds, rng = np.iinfo(dtype), np.random.default_rng(6)
    x = rng.integers(bounds.min, bounds.max, 999, dtype=dtype, endpoint=True)
    by = rng.integers(max(bounds.min, -9), bounds.bits + 9, 999).astype(dtype)
    a, b = argument(0, dtype), argument(1, dtype)
    for kind, function in (("shl", np.left_shift), ("shr", np.right_shift)):
        root = apply(kind, a, b)
        y = Kernel("shift", root, Counter())(x, by)
        assert y.dtype == dtype
        np.testing.assert_array_equal(y, function(x, by))
        np.testing.assert_array_equal(evaluate(root, [x, by]), y)
    with pytest.raises(TypeError, match="shl of float32"):
        apply("shl", argument(0, "float32"), argument(1, "float32"))


def test_integers_that_do_not_fit_are_refused_as_before() -> None:
    with pytest.raises(dl.errors.DLEngineError, match="out of bounds"):
        mixed(dl.asarray([1, 2], dtype="int8"), 300)


def test_a_mask_chooses_between_integers_and_casts() -> None:
    mask, n, x = argument(0, "bool"), argument(1, "int32"), argument(2, "float32")
    rng = np.random.default_rng(4)
    arrays = [rng.random(99) > 0.5, rng.integers(-9, 9, 99, dtype="int32"), rng.standard_normal(99).astype("f4")]
    for root in (
        where(mask, cast(n, "float32") * x, x), cast(mask, "int32") + n, cast(n, "int8"), cast(n, "uint64"), cast(n, "bool"),
        cast(x, "bool"), apply("div", n, 4), apply("xor", n, 5), cast(cast(mask, "float64") + n, "float32"),
    ):  # fmt: skip
        used = [a for i, a in enumerate(arrays) if any(e.value == i for e in _inputs(root))]
        k = Kernel("t", root, Counter())
        got = k(*used)
        want = evaluate(root, arrays)
        assert (k.launches["t"], got.dtype) == (1, want.dtype)
        assert np.array_equal(got, want)


def _inputs(root: Any) -> Any:
    from dlengine.kernels.generated.expression import inputs_of

    return inputs_of(root)
