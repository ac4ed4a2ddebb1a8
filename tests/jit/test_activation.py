"""The jit kernels of activation functions against the reference in float64, compiled and as plain Python."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest
from array_api_compat import numpy as xp

pytest.importorskip("numba")

from numba import prange

from dlengine import backend
from dlengine.kernels.jit import SET, activation
from dlengine.kernels.jit.machine.compile import interpreted, jit
from dlengine.kernels.reference import activation as reference
from dlengine.kernels.registry import KERNELS, declaration

NAMES = [name for name in SET.declared if KERNELS[name] == "activation"]
EDGES = np.array([0.0, -0.0, np.nan, np.inf, -np.inf, 1e-30, -100.0, 100.0, 88.0, -88.0, 3e38, -3e38])


def arguments(name: str, rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[list[np.ndarray], tuple[float, ...]]:
    scalars = (0.5,) if name.startswith(("leaky", "softplus")) else ()
    arrays = sum(argument.is_array for argument in declaration(name).arguments)
    return [rng.standard_normal(shape) * 5 for _ in range(arrays)], scalars


@pytest.mark.parametrize("plain", [False, True], ids=["compiled", "interpreted"])
@pytest.mark.parametrize("name", NAMES)
def test_matches_the_reference(name: str, plain: bool) -> None:
    rng = np.random.default_rng(0)
    for dtype in SET.declared[name]:
        for shape in ((3, 5), (), (0, 2), (40,)) + (() if plain else ((90, 401),)):
            arrays, scalars = arguments(name, rng, shape)
            arrays = [a.astype(dtype) for a in arrays]
            with interpreted() if plain else nullcontext():
                y = getattr(activation, name)(*arrays, *scalars)
            expected = getattr(reference, name)(xp, *[a.astype(np.float64) for a in arrays], *scalars)
            assert (y.dtype, y.shape, y.flags.c_contiguous) == (np.dtype(dtype), shape, True)
            assert np.allclose(y, expected, rtol=2e-6, atol=1e-6)  # where the gradient changes sign, terms cancel


@pytest.mark.parametrize("name", NAMES)
def test_nan_and_infinities_are_those_of_the_reference(name: str) -> None:
    arrays, scalars = arguments(name, np.random.default_rng(0), EDGES.shape)
    arrays = [np.ones_like(EDGES, np.float32)] * (len(arrays) - 1) + [EDGES.astype(np.float32)]
    with np.errstate(all="ignore"):
        expected = getattr(reference, name)(xp, *arrays, *scalars)
    assert np.allclose(getattr(activation, name)(*arrays, *scalars), expected, rtol=1e-5, atol=1e-37, equal_nan=True)


@pytest.mark.parametrize("name", NAMES)
def test_takes_views_and_read_only_arrays(name: str) -> None:
    arrays, scalars = arguments(name, np.random.default_rng(0), (6, 8))
    whole = [a.astype(np.float32) for a in arrays]
    views = [a[::2, ::-2].T for a in whole]
    for view in views:
        view.flags.writeable = False
    before = [a.copy() for a in whole]
    kernel = getattr(activation, name)
    assert np.array_equal(kernel(*views, *scalars), kernel(*[np.ascontiguousarray(v) for v in views], *scalars))
    assert all(np.array_equal(a, b) for a, b in zip(whole, before, strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_calls_of_an_op_text_give_the_kernel_s_bits(name: str) -> None:
    """What a namespace has: the first call of a dtype is looked at, the next ones go straight to the code; others never do."""
    run = getattr(backend.fastest_host(), name)
    arrays, scalars = arguments(name, np.random.default_rng(0), (7, 9))
    for dtype in ("float32", "float64"):
        given = [a.astype(dtype) for a in arrays]
        expected = getattr(activation, name)(*given, *scalars)
        before = SET.launches[name]
        for count in (1, 2, 3):
            assert np.array_equal(run(*given, *scalars), expected)
            assert SET.launches[name] >= before + count
        assert np.array_equal(run(*[a[::-1, ::2] for a in given], *scalars), expected[::-1, ::2])
        with interpreted():
            assert np.allclose(run(*given, *scalars), expected, rtol=1e-6, atol=1e-6)
    if len(arrays) == 2:
        with pytest.raises(ValueError, match="shape"):
            run(arrays[0][:3], arrays[1], *scalars)
    halves = [a.astype(np.float16) for a in arrays]
    assert run(*halves, *scalars).dtype == np.float16


def test_one_share_of_work_is_computed_without_waking_threads() -> None:
    """The serial form answers, and agrees bit for bit with the parallel form given one share."""
    x, y = np.linspace(-3, 3, 37, dtype=np.float32), np.empty(37, np.float32)
    kernel = jit()(doubled)
    kernel(x, y, 1)
    assert kernel._serial is not None
    assert not kernel.dispatcher.signatures
    np.testing.assert_array_equal(y, 2 * x)
    kernel(x, y, 2)
    assert kernel.dispatcher.signatures
    np.testing.assert_array_equal(y, 2 * x)


def doubled(x: np.ndarray, y: np.ndarray, threads: int) -> None:
    for t in prange(threads):
        for i in range(t * x.size // threads, (t + 1) * x.size // threads):
            y[i] = x[i] + x[i]
