"""median and kthvalue of many numbers: one of the order is found as if all were sorted, the first of equal ones first."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dlengine.torch as own

torch = pytest.importorskip("torch")


def arrays(dtype: str) -> list[Any]:
    rng = np.random.default_rng(4)
    far, near = (100 * rng.standard_normal((40, 61))).astype(dtype), rng.integers(0, 4, (40, 61)).astype(dtype)
    return [far, near, near.T.copy().T, far[:, ::-1], np.zeros((40, 61), dtype), near.reshape(8, 5, 61)]


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "int32"])
def test_places_are_those_of_a_stable_order(dtype: str) -> None:
    for x in arrays(dtype):
        for dim in range(-x.ndim, x.ndim):
            n = x.shape[dim]
            order = np.argsort(x, axis=dim, kind="stable")
            for k in (1, 2, n // 2, n):
                values, places = own.kthvalue(own.tensor(x), k, dim=dim)
                wanted = np.take(order, k - 1, axis=dim)
                np.testing.assert_array_equal(places.numpy(), wanted)
                np.testing.assert_array_equal(values.numpy(), torch.kthvalue(torch.tensor(x.copy()), k, dim=dim)[0].numpy())
            values, places = own.median(own.tensor(x), dim, keepdim=True)
            np.testing.assert_array_equal(places.numpy(), np.take(order, [(n - 1) // 2], axis=dim))
            np.testing.assert_array_equal(values.numpy(), torch.median(torch.tensor(x.copy()), dim, keepdim=True)[0].numpy())
        assert own.median(own.tensor(x)).item() == torch.median(torch.tensor(x.copy())).item()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nan_and_infinity(dtype: str) -> None:
    x = arrays(dtype)[0]
    x[3, 5], x[4, :3], x[5, 7] = np.nan, np.inf, -np.inf
    for a in (x, x[4:]):
        values, places = own.median(own.tensor(a), 1)
        wanted = torch.median(torch.tensor(a.copy()), 1)
        np.testing.assert_array_equal(values.numpy(), wanted[0].numpy())
        np.testing.assert_array_equal(np.take_along_axis(a, places.numpy()[:, None], 1)[:, 0], wanted[0].numpy())
        np.testing.assert_array_equal(
            own.kthvalue(own.tensor(a), 61, dim=1)[0].numpy(), torch.kthvalue(torch.tensor(a.copy()), 61, dim=1)[0].numpy()
        )


def test_gradients_go_to_what_was_found() -> None:
    x = arrays("float32")[1]
    t = own.tensor(x).requires_grad_()
    values, places = own.median(t, 1)
    values.sum().backward()
    wanted = np.zeros_like(x)
    np.put_along_axis(wanted, places.numpy()[:, None], 1.0, 1)
    np.testing.assert_array_equal(t.grad.numpy(), wanted)
