"""The CUDA activation kernels, through their launchers on the emulator, against the reference."""

from __future__ import annotations

from typing import Any

import array_api_compat.numpy as xp
import numpy as np
import pytest
from ml_dtypes import finfo

from dlengine.kernels.cuda import FLOATS, activation, emulator
from dlengine.kernels.cuda.machine import launch
from dlengine.kernels.reference import activation as reference
from dlengine.kernels.registry import KERNELS

pytestmark = pytest.mark.skipif(emulator.available() is not None, reason=str(emulator.available()))

SCALARS: dict[str, tuple[float, ...]] = {"leaky_relu": (0.2,), "softplus": (2.0,)}
NAMES = [name for name, family in KERNELS.items() if family == "activation" and not name.endswith("_grad") and name != "add_relu"]
DTYPES = pytest.mark.parametrize("dtype", FLOATS)
SPECIAL = (-90.0, -20.0, -0.0, 0.0, 20.0, 90.0, np.nan, np.inf, -np.inf)
ULPS = {"sigmoid": 4, "silu": 8, "softplus": 8}


def values(shape: tuple[int, ...], dtype: str) -> Any:
    x = np.random.default_rng(0).standard_normal(shape)
    x.reshape(-1)[: len(SPECIAL)] = SPECIAL[: x.size]
    return x.astype(dtype)


def close(found: Any, expected: Any, name: str) -> None:
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    eps = ULPS.get(name, 2) * float(finfo(found.dtype).eps)
    np.testing.assert_allclose(found, expected, rtol=eps, atol=eps if name == "silu" else float(finfo(found.dtype).tiny))


def check(name: str, x: Any) -> None:
    gy = np.full(x.shape, 0.75, x.dtype)
    more = SCALARS.get(name, ())
    with np.errstate(all="ignore"):
        if name != "tanh":
            close(getattr(activation, name)(x, *more), getattr(reference, name)(xp, x, *more), name)
        grad = f"{name}_grad"
        close(getattr(activation, grad)(gy, x, *more), getattr(reference, grad)(xp, gy, x, *more), name)


@DTYPES
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(0, 3), (), (1,), (7, 13), (3, 5, 70)])
def test_against_reference(name: str, shape: tuple[int, ...], dtype: str) -> None:
    check(name, values(shape, dtype))


@DTYPES
@pytest.mark.parametrize("name", NAMES)
def test_views_and_few_blocks_checked(name: str, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What begins at no multiple of 16 bytes is read one by one; the ends are neither missed nor passed."""
    monkeypatch.setattr(launch, "MAX_BLOCKS", 1)
    x = values((1037,), dtype)
    with emulator.checked():
        for view in (x, x[1:], x[::3], x[::-1]):
            check(name, view)


@DTYPES
def test_sums_of_a_residual_block(dtype: str) -> None:
    a, b = values((7, 13), dtype), np.random.default_rng(1).standard_normal((7, 13)).astype(dtype)
    with emulator.checked(), np.errstate(all="ignore"):
        for x, y in ((a, b), (a[1:, ::2], b[1:, ::2])):
            found = activation.add_relu(x, y)
            close(found, reference.add_relu(xp, x, y), "add_relu")
