"""The CUDA random kernels on the emulator give the bits of the reference kernels."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import array_api_compat.numpy as xp
import numpy as np
import pytest

from dlengine.kernels import cuda, philox
from dlengine.kernels.cuda import emulator
from dlengine.kernels.cuda.machine import launch
from dlengine.kernels.cuda.random import REALS
from dlengine.kernels.reference import random as reference
from dlengine.kernels.registry import KERNELS

pytestmark = pytest.mark.skipif(emulator.available() is not None, reason=str(emulator.available()))

KEY = 0x123456789ABCDEF0
emulated = SimpleNamespace(**{name: cuda.EMULATED.load(name) for name in KERNELS if name.startswith("random_")})
COUNTERS = pytest.mark.parametrize(
    "counter", [0, (7 << 64) | ((1 << 64) - 2), (1 << 128) - 1], ids=["zero", "wraps", "last"]
)
SIZES = pytest.mark.parametrize("n", [0, 1, 3, 4, 5, 1027])


def same(found: Any, expected: Any) -> None:
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    assert found.tobytes() == expected.tobytes()


def dtype_of(name: str) -> Any:
    return np.dtype(pytest.importorskip("ml_dtypes").bfloat16 if name == "bfloat16" else name)


@COUNTERS
@SIZES
def test_bits(counter: int, n: int) -> None:
    same(emulated.random_bits(KEY, counter, n), reference.random_bits(xp, KEY, counter, n))


def test_bits_known_answer() -> None:
    """The test vector of the authors' Random123 for counter and key of all ones."""
    words = emulated.random_bits((1 << 64) - 1, (1 << 128) - 1, 4)
    assert [f"{word:08x}" for word in words] == ["408f276d", "41c83b0e", "a20bc7c6", "6d5451fd"]


@COUNTERS
@SIZES
@pytest.mark.parametrize("dtype", REALS)
@pytest.mark.parametrize("kernel", ["random_uniform", "random_normal"])
def test_reals(kernel: str, dtype: str, counter: int, n: int) -> None:
    kind = dtype_of(dtype)
    found = getattr(emulated, kernel)(KEY, counter, n, kind)
    same(found, getattr(reference, kernel)(xp, KEY, counter, n, kind))


def counter_that_gives(words: tuple[int, int, int, int], key: int) -> int:
    """Philox is a permutation of counters for each key: run its rounds backwards."""
    x0, x1, x2, x3 = words
    for r in reversed(range(philox.ROUNDS)):
        k0, k1 = (key + r * philox.WEYL_0) & philox.MASK32, ((key >> 32) + r * philox.WEYL_1) & philox.MASK32
        y0 = x3 * pow(philox.MULTIPLIER_0, -1, 1 << 32) & philox.MASK32
        y2 = x1 * pow(philox.MULTIPLIER_1, -1, 1 << 32) & philox.MASK32
        x0, x1, x2, x3 = y0, x0 ^ (philox.MULTIPLIER_1 * y2 >> 32) ^ k0, y2, x2 ^ (philox.MULTIPLIER_0 * y0 >> 32) ^ k1
    return x0 | x1 << 32 | x2 << 64 | x3 << 96


ONES = philox.MASK32
FAR = [
    (0, 0, ONES, ONES),
    (1, 0, ONES - 1, 7),
    (31, 1 << 31, ONES - 32, 12345),
    (0, 1 << 9, 1 << 8, 0),
    (1 << 31, 0, (1 << 31) - 1, ONES),
]


@pytest.mark.parametrize("words", FAR)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_normal_in_the_tails_and_at_the_middle(dtype: str, words: tuple[int, int, int, int]) -> None:
    """The largest numbers there are, and those about 0; chance would take 10^11 draws to come by the far branch."""
    counter = counter_that_gives(words, KEY)
    assert emulated.random_bits(KEY, counter, 4).tolist() == list(words)
    n = 2 if dtype == "float64" else 4
    found = emulated.random_normal(KEY, counter, n, np.dtype(dtype))
    same(found, reference.random_normal(xp, KEY, counter, n, np.dtype(dtype)))
    assert np.isfinite(found).all()


def test_normal_many() -> None:
    n = 50_000
    found = emulated.random_normal(KEY, 0, n, np.dtype("float64"))
    same(found, reference.random_normal(xp, KEY, 0, n, np.dtype("float64")))
    np.testing.assert_allclose([found.mean(), found.std()], [0, 1], atol=0.02)


@pytest.mark.parametrize("p", [0.0, 2.0**-32, 0.3, 0.5, 1.0])
@SIZES
def test_bernoulli(p: float, n: int) -> None:
    found = emulated.random_bernoulli(KEY, 5, n, p)
    same(found, reference.random_bernoulli(xp, KEY, 5, n, p))
    assert p not in (0.0, 1.0) or (found == bool(p)).all()


@COUNTERS
@SIZES
def test_permutation(counter: int, n: int) -> None:
    found = emulated.random_permutation(KEY, counter, n)
    same(found, reference.random_permutation(xp, KEY, counter, n))
    assert sorted(found.tolist()) == list(range(n))


def test_few_blocks_stride_over_the_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "MAX_BLOCKS", 1)
    n = 5000
    same(emulated.random_bits(KEY, 0, n), reference.random_bits(xp, KEY, 0, n))
    same(emulated.random_bernoulli(KEY, 0, n, 0.5), reference.random_bernoulli(xp, KEY, 0, n, 0.5))
    for kernel in ("random_uniform", "random_normal"):
        found = getattr(emulated, kernel)(KEY, 0, n, np.dtype("float64"))
        same(found, getattr(reference, kernel)(xp, KEY, 0, n, np.dtype("float64")))


def test_emulated_set_makes_host_arrays() -> None:
    same(cuda.EMULATED.load("random_bits")(KEY, 0, 9), reference.random_bits(xp, KEY, 0, 9))
    assert cuda.EMULATED.load("conv2d") is cuda.SET.load("conv2d")
    assert cuda.EMULATED.launches is cuda.SET.launches


def test_dtype_without_a_version_is_refused() -> None:
    with pytest.raises(
        TypeError, match="random_uniform: no version for int32; there is float16, bfloat16, float32, float64"
    ):
        emulated.random_uniform(KEY, 0, 3, np.dtype("int32"))


@pytest.mark.slow
@pytest.mark.parametrize("order", ["reverse", "random"])
@SIZES
def test_checked(order: str, n: int) -> None:
    with emulator.checked(order):
        same(emulated.random_bits(KEY, 3, n), reference.random_bits(xp, KEY, 3, n))
        same(emulated.random_bernoulli(KEY, 3, n, 0.25), reference.random_bernoulli(xp, KEY, 3, n, 0.25))
        for dtype in (np.float16, np.float32, np.float64):
            for kernel in ("random_uniform", "random_normal"):
                found = getattr(emulated, kernel)(KEY, 3, n, np.dtype(dtype))
                same(found, getattr(reference, kernel)(xp, KEY, 3, n, np.dtype(dtype)))
