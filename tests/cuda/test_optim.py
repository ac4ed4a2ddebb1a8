"""The CUDA optimizer steps, through their launchers on the emulator, against the reference over several steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import array_api_compat.numpy as xp
import numpy as np
import pytest
from ml_dtypes import finfo

from dlengine.kernels.cuda import FLOATS, emulator, optim
from dlengine.kernels.cuda.machine import launch
from dlengine.kernels.reference import optim as reference
from dlengine.kernels.settings import AdamSettings, SGDSettings

pytestmark = pytest.mark.skipif(emulator.available() is not None, reason=str(emulator.available()))

DTYPES = pytest.mark.parametrize("dtype", FLOATS)
SHAPES = [(37,), (3, 5, 7), (), (0, 3), (600,)]
# momentum, dampening, weight_decay, nesterov
SGD = [
    (0.0, 0.0, 0.0, False),
    (0.0, 0.0, 0.1, False),
    (0.9, 0.0, 0.0, False),
    (0.9, 0.3, 0.1, False),
    (0.9, 0.0, 0.1, True),
]
# amsgrad, weight_decay, decoupled
ADAM = [(False, 0.0, False), (False, 0.1, False), (False, 0.1, True), (True, 0.0, False), (True, 0.1, True)]
OPTIONS = pytest.mark.parametrize("options", SGD + ADAM)
Make = Callable[[np.random.Generator], Any]


def steps(kernels: Any, first: tuple[Any, ...], make: Make, options: tuple[Any, ...], count: int = 4) -> list[Any]:
    """Parameter and state after a few steps from the same start."""
    rng = np.random.default_rng(0)
    p = make(rng)
    if len(options) == 4:
        momentum, *more = options
        state = [make(rng)] if momentum else []
        for k in range(count):
            kernels.sgd(*first, [p], [make(rng)], state if momentum else None, SGDSettings(0.1, momentum, *more, k == 0))
    else:
        amsgrad, *more = options
        state = [np.zeros_like(p) for _ in range(2 + amsgrad)]
        for k in range(count):
            m, v, *largest = [[a] for a in state]
            kernels.adam(*first, [p], [make(rng)], m, v, *(largest or [None]), AdamSettings(0.1, 0.9, 0.99, 1e-8, *more, k + 1))
    return [p, *state]


def compare(shape: tuple[int, ...], dtype: str, options: tuple[Any, ...], view: Any = None) -> None:
    def make(rng: np.random.Generator) -> Any:
        a = np.asarray(rng.standard_normal(shape).astype(dtype))
        return a if view is None else a[view]

    found = steps(optim, (), make, options)
    # Half precision rounds its state at each step: there the reference must do the same.
    wide = "float16" if dtype == "float16" else "float64"
    expected = steps(reference, (xp,), lambda rng: make(rng).astype(wide), options)
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == dtype
        np.testing.assert_allclose(a, b, rtol=0, atol=40 * finfo(dtype).eps * max(1, np.abs(b).max(initial=0)))


@OPTIONS
@pytest.mark.parametrize("shape", SHAPES)
@DTYPES
def test_steps(dtype: str, shape: tuple[int, ...], options: tuple[Any, ...]) -> None:
    compare(shape, dtype, options)


@OPTIONS
def test_views_are_updated_in_place(options: tuple[Any, ...]) -> None:
    for view in (np.s_[::2, ::-3], np.s_[:, 2:5]):
        compare((6, 10), "float32", options, view)


def test_rest_of_a_view_stays() -> None:
    whole = np.ones((4, 4), "f4")
    optim.sgd([whole[:, ::2]], [np.ones((4, 2), "f4")], None, SGDSettings(1.0, 0.0, 0.0, 0.0, False, True))
    np.testing.assert_array_equal(whole, np.tile([0, 1], (4, 2)))


@OPTIONS
def test_nan_and_inf_as_in_the_reference(options: tuple[Any, ...]) -> None:
    bad = [1.0, np.nan, np.inf, -np.inf, 2.0]
    ours = steps(optim, (), lambda rng: np.array(bad, "f4"), options, 2)
    with np.errstate(invalid="ignore"):
        expected = steps(reference, (xp,), lambda rng: np.array(bad, "f4"), options, 2)
    for a, b in zip(ours, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


def test_few_blocks_stride_over_the_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "MAX_BLOCKS", 1)
    for options in (SGD[-1], ADAM[-1]):
        compare((600,), "float32", options)


def test_one_checked_launch_of_each_kernel() -> None:
    with emulator.checked():
        compare((37,), "float32", SGD[-1])
        compare((37,), "float32", ADAM[-1])


@pytest.mark.slow
@OPTIONS
@pytest.mark.parametrize("order", ["reverse", "random"])
@DTYPES
def test_checked(dtype: str, order: str, options: tuple[Any, ...]) -> None:
    with emulator.checked(order):
        for shape in SHAPES:
            compare(shape, dtype, options)
