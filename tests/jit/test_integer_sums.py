"""Sums of integers and booleans over neighbouring axes: the same numbers as NumPy's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import backend
from dlengine.kernels import jit

pytest.importorskip("numba")
from dlengine.kernels.jit import integer_sums

SHAPES = [(5000,), (60, 70), (2000, 3), (3, 2000), (20, 11, 13), (1, 4099), (4099, 1), (7, 1, 5, 101)]


def numbers(dtype: str, shape: tuple[int, ...]) -> Any:
    rng = np.random.default_rng(1)
    return rng.random(shape) < 0.5 if dtype == "bool" else rng.integers(-(1 << 63), 1 << 63, shape, dtype=dtype, endpoint=False)


def axes_of(rank: int) -> list[Any]:
    return [None, *range(-rank, rank), *[tuple(range(a, b)) for a in range(rank) for b in range(a + 1, rank + 1)]]


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("dtype", ["int64", "bool"])
def test_as_numpy(monkeypatch: pytest.MonkeyPatch, dtype: str, threads: int) -> None:
    """Wrapping around, any layout, axes kept or not."""
    monkeypatch.setattr(integer_sums, "threads_for", lambda units, ns: max(1, min(threads, units)))
    space = backend.namespace_of(backend.NUMPY, jit.SET)
    for shape in SHAPES:
        x = numbers(dtype, shape)
        fixed = x.copy()
        fixed.flags.writeable = False
        for a in (x, fixed, np.asfortranarray(x), x[..., ::-1], np.repeat(x, 2, 0)[::2]):
            for axis in axes_of(x.ndim):
                for keepdims in (False, True):
                    wanted = np.sum(a, axis, keepdims=keepdims)
                    for given in ({}, {"dtype": np.dtype("int64")}):
                        y = np.asarray(space.sum(a, axis=axis, keepdims=keepdims, **given))
                        assert (y.dtype, y.shape) == (wanted.dtype, wanted.shape)
                        np.testing.assert_array_equal(y, wanted)


def test_which_calls_are_answered() -> None:
    whole, some = numbers("int64", (60, 70)), numbers("bool", (60, 70))

    def answered(x: Any, **options: Any) -> int:
        before = jit.SET.launches["library:sum"]
        with dl.use_backend("numba"):
            y = dl.sum(dl.asarray(x), **options)
        np.testing.assert_array_equal(y.numpy(), np.sum(x, **options))
        assert y.numpy().dtype == np.sum(x, **options).dtype
        return jit.SET.launches["library:sum"] - before

    assert [answered(some), answered(some, axis=0), answered(whole, axis=1), answered(whole, axis=(-2,))] == [1, 1, 1, 1]
    assert answered(whole) == 0  # NumPy adds them as fast
    assert answered(some[:5, :7]) == answered(some[:0]) == 0
    assert answered(some.reshape(60, 7, 10), axis=(0, 2)) == 0
    assert answered(whole.astype("int32"), axis=0) == 0
    assert answered(some, axis=0, dtype="float32") == 0
    assert answered(some, axis=0, dtype="int32") == 0
    for axis in (2, (0, 0)):
        with pytest.raises(Exception, match="axis|axes|duplicate"):
            dl.sum(dl.asarray(whole), axis=axis)


def test_definition_of_booleans_with_another_dtype() -> None:
    x = dl.asarray(np.ones(4097, bool))
    assert dl.sum(x, dtype="float16").numpy().dtype == np.float16
    assert dl.sum(x).item() == 4097
