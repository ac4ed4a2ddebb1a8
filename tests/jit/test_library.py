"""NumPy's own loops inside generated kernels: its bits, whoever computes them and however many threads share them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")

from dlengine.kernels.generated.evaluate import VECTOR_LIBRARY, function_of
from dlengine.kernels.generated.expression import apply, argument
from dlengine.kernels.jit.generated import kernel as kernels
from dlengine.kernels.jit.generated import library as libraries
from dlengine.kernels.jit.generated.kernel import Kernel

EDGES = [0.0, -0.0, np.nan, np.inf, -np.inf, 1e-40, -1e-40, 0.5, 1.0, -1.0, 2.0, 1e5, 3e38, -3e38]
CASES = [(kind, f"float{8 * size}") for size, kinds in VECTOR_LIBRARY.items() for kind in sorted(kinds)]


def formula(kind: str, dtype: str = "float32") -> Any:
    return apply(kind, *[argument(i, dtype) for i in range(2 if kind == "atan2" else 1)])


def made(kind: str, dtype: str) -> Kernel:
    return Kernel("test", formula(kind, dtype), Counter(), by_numpy=True)


def numbers(n: int, dtype: str, seed: int = 0) -> Any:
    x = np.random.default_rng(seed).standard_normal(n)
    x[: len(EDGES)] = np.roll(EDGES, seed)[:n]
    with np.errstate(over="ignore"):
        return x.astype(dtype)


def bits(x: Any) -> Any:
    return x.view(f"u{x.itemsize}")


@pytest.mark.parametrize(("kind", "dtype"), CASES)
def test_bits_of_numpy_on_any_number_of_threads(monkeypatch: pytest.MonkeyPatch, kind: str, dtype: str) -> None:
    k = made(kind, dtype)
    assert k.library is not None
    for n in (1, 63, 1000, 40_009):
        given = [numbers(n, dtype, seed) for seed in range(len(k.dtypes))]
        with np.errstate(all="ignore"):
            expected = function_of(formula(kind))(*given)
        for threads in (1, 2, 5):
            monkeypatch.setattr(kernels, "thread_count", lambda units, threads=threads: min(threads, max(1, units)))
            before = k.launches["test"]
            y = k(*given)
            assert (y.dtype, k.launches["test"]) == (np.dtype(dtype), before + 1)
            np.testing.assert_array_equal(bits(y), bits(expected))


def test_one_number_for_all() -> None:
    k = made("atan2", "float32")
    x, one = numbers(30_000, "float32"), np.float32([[0.3]])
    for given in ((x, one[0]), (one[0], x), (x.reshape(3, -1), one)):
        y = k(*given)
        np.testing.assert_array_equal(bits(y), bits(np.arctan2(*given)))
    assert k.launches["test"] == 3


def test_other_layouts_are_numpys() -> None:
    k = made("log", "float32")
    x = np.abs(numbers(60_000, "float32"))
    with np.errstate(divide="ignore"):
        for given in (x[::2], x.reshape(200, 300).T, x[:0], x.astype(">f4")):
            np.testing.assert_array_equal(k(given), np.log(given))


@pytest.mark.parametrize("kind", ["log", "atan2"])
def test_no_loop_is_found(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """NumPy's function computes the formula where its loop is of another kind, and where its struct is not as expected."""
    x, found = argument(0, "float32"), libraries.library.__wrapped__
    assert found(apply("log", x)) is not None
    assert found(apply("log", x + 1.0)) is None
    assert found(apply("atan2", x, x)) is None
    monkeypatch.setattr(libraries, "function_of", lambda kind: np.frompyfunc(max, 2, 1))
    assert found(apply("atan2", x, argument(1, "float32"))) is None
    monkeypatch.setattr(libraries, "function_of", function_of)
    for field in ("nin", "ntypes", "name", "types"):
        with monkeypatch.context() as patch:
            patch.setattr(libraries._Ufunc, field, {"name": b"other", "types": [b"?"] * 99}.get(field, 7))
            assert found(apply("log", x)) is None
            patch.setattr(kernels, "library", found)
            k = made(kind, "float32")
            given = [numbers(1000, "float32", seed) for seed in range(len(k.dtypes))]
            with np.errstate(all="ignore"):
                np.testing.assert_array_equal(k(*given), function_of(formula(kind))(*given))
