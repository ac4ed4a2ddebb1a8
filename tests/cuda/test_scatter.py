"""Gradients of indexing, take and gather on a GPU: the CPU's numbers, and no atomic sums of floats."""

from __future__ import annotations

from typing import Any

import fake_cupy
import numpy as np
import pytest

import dlengine as dl
from dlengine.backend import device_scatter
from dlengine.backend.shims import NUMPY
from dlengine.kernels.cuda import emulator

pytestmark = pytest.mark.skipif(emulator.available() is not None, reason=str(emulator.available()))

KEYS: dict[str, Any] = {
    "rows": (np.array([3, 0, 3, -1]),), "rows of two axes": (np.array([[3, 0], [3, 1]]),), "an array alone": np.array([1, 1, 2]),
    "a column": (slice(None), np.array([1, 1, 0])), "pairs": (np.array([0, 3, 0]), np.array([2, 2, 2])),
    "apart": (np.array([0, 3, 0]), slice(None), np.array([1, 1, 1])), "with a number": (2, np.array([0, 0])),
    "with an ellipsis": (..., np.array([1, 1, 2])), "with a new axis": (None, np.array([2, 2])),
    "a mask": (np.arange(20).reshape(4, 5) % 3 == 0,), "none": (np.array([], int),), "basic": (slice(1, 3), 2),
}  # fmt: skip


def on_device(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(on_device(v) for v in value)
    return fake_cupy.asarray(value) if isinstance(value, np.ndarray) else value


@pytest.fixture(autouse=True)
def no_float_atomics(machine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def only_integers(out: Any, places: Any, values: Any) -> None:
        assert out.dtype.kind in "iu"
        fake_cupy.scatter_add(out, places, values)

    monkeypatch.setattr(fake_cupy.cupyx, "scatter_add", only_integers)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "float64", "complex64", "int8", "int64"])
@pytest.mark.parametrize("name", KEYS)
def test_put_at(name: str, dtype: str) -> None:
    import ml_dtypes  # noqa: F401 - NumPy learns bfloat16

    shape, key = (4, 5, 3), KEYS[name]
    picked = np.zeros(shape)[key]
    gy = (np.arange(picked.size).reshape(picked.shape) % 7 - 3).astype(dtype)
    want = NUMPY["put_at"](gy, key=key, shape=shape)
    got = device_scatter.put_at(fake_cupy.asarray(gy), key=on_device(key), shape=shape).get()
    assert (got.dtype, got.shape) == (want.dtype, want.shape)
    assert np.array_equal(got, want)


@pytest.mark.parametrize("dtype", ["float32", "complex128", "int32"])
@pytest.mark.parametrize("shape", [(5,), (5, 3), (5, 2, 2)])
def test_scatter_add(shape: tuple[int, ...], dtype: str) -> None:
    x, ids = np.arange(np.prod(shape)).reshape(shape).astype(dtype), np.array([[0, 4, 0], [-1, 2, 0]])
    updates = (np.arange(ids.size * x[0].size).reshape(*ids.shape, *shape[1:]) % 5).astype(dtype)
    want = NUMPY["scatter_add"](x, ids, updates)
    got = device_scatter.scatter_add(*[fake_cupy.asarray(a) for a in (x, ids, updates)]).get()
    assert got.dtype == want.dtype
    assert np.array_equal(got, want)


def test_an_index_out_of_range_shows() -> None:
    x, updates = (fake_cupy.asarray(np.ones((3, 2), "float32")) for _ in range(2))
    assert np.isnan(device_scatter.scatter_add(x, fake_cupy.asarray(np.array([0, 3, 1])), updates).get()).all()


def test_gradients_of_ops() -> None:
    x = dl.asarray(np.arange(12.0, dtype="float32").reshape(4, 3)).requires_grad_()
    (dl.take(x, dl.asarray([1, 1, 3]), axis=0).sum() + (x[dl.asarray([0, 1])] * 2.0).sum()).backward()
    assert x.grad.array.get().tolist() == [[2.0] * 3, [4.0] * 3, [0.0] * 3, [1.0] * 3]
