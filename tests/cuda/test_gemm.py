"""Our matrix product on the emulator: every kernel, in each precision, against float64; and what it does with odd operands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import ml_dtypes  # noqa: F401 - NumPy then knows bfloat16
import numpy as np
import pytest

from dlengine.kernels import precision
from dlengine.kernels.cuda import emulator, linear
from dlengine.kernels.cuda.machine import gemm, launch
from dlengine.kernels.cuda.machine.gemm import GemmShape

pytestmark = pytest.mark.skipif(emulator.available() is not None, reason=str(emulator.available()))

# What numbers are rounded to before they are multiplied: 2^-24 for float32 itself, 2^-11 for tf32, 2^-8 for bfloat16.
UNIT = {"float32": 2.0**-24, "float64": 2.0**-53, "float16": 2.0**-11, "bfloat16": 2.0**-8, "tf32": 2.0**-11}
SUM = {"float64": 2.0**-53}
SHAPES = {
    "tiles": (70, 45, 100),
    "one": (1, 1, 1),
    "a row": (1, 33, 20),
    "a column": (67, 1, 9),
    "aligned": (64, 72, 48),
    "even lines": (30, 34, 50),
    "odd": (65, 63, 31),
    "deep": (5, 6, 301),
    "no depth": (4, 3, 0),
}
KINDS = [("float32", "highest"), ("float32", "high"), ("float32", "medium")] + [
    (dtype, "highest") for dtype in ("float64", "float16", "bfloat16")
]
ids = [" ".join(kind) for kind in KINDS]


@pytest.fixture(autouse=True)
def short_splits(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(gemm, "SPLIT_DEPTH", 32)
    gemm._plan.cache_clear()
    yield
    gemm._plan.cache_clear()


@pytest.fixture
def use(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    dtype, word = request.param
    with precision.in_force(word):
        yield dtype, word


def operands(m: int, n: int, k: int, dtype: str, way: str = "nn", batch: tuple[int, ...] = ()) -> tuple[Any, Any]:
    rng = np.random.default_rng(m * n + k)
    a, b = (rng.standard_normal((*batch, *shape)).astype(dtype) for shape in ((m, k), (k, n)))
    turn = [
        np.ascontiguousarray(x.swapaxes(-1, -2)).swapaxes(-1, -2) if w == "t" else x for x, w in zip((a, b), way, strict=True)
    ]
    return turn[0], turn[1]


def assert_close(c: Any, a: Any, b: Any) -> None:
    """Within what rounding factors, sums and result can do."""
    dtype = str(a.dtype)
    exact, size = a.astype("f8") @ b.astype("f8"), abs(a.astype("f8")) @ abs(b.astype("f8"))
    rounded = precision.multiply_dtype(dtype)
    factors = 0.0 if dtype != "float32" or rounded == dtype else 2.01 * UNIT[rounded]
    # float16 and bfloat16 are multiplied exactly, and added in float32.
    bound = (factors + a.shape[-1] * SUM.get(dtype, 2.0**-24)) * size + 1.01 * UNIT[dtype] * abs(exact)
    assert c.dtype == a.dtype
    assert c.shape == exact.shape
    assert (abs(c.astype("f8") - exact) <= bound).all()


def variants(a: Any, way: str) -> Any:
    return gemm._variants(str(a.dtype), precision.multiply_dtype(str(a.dtype)), True, way)


def run(tiles: Any, way: str, a: Any, b: Any, split: bool = False) -> Any:
    (a_lying, _), (b_lying, _) = gemm._lying(a), gemm._lying(b)
    (m, k), n = a.shape[-2:], b.shape[-1]
    alignments = (gemm._alignment(a_lying), gemm._alignment(b_lying))
    g = GemmShape(1, m, n, k, 1, k, 1, 1, *alignments)
    if split:
        splits, depth = gemm._split(k, tiles.tiles_of(g), tiles.depth)
        g = replace(g, splits=splits, split_depth=depth)
    return tiles.run(a_lying, b_lying, None, way, g)[0]


@pytest.mark.parametrize("way", ["nn", "nt", "tn"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("use", KINDS, indirect=True, ids=ids)
def test_every_kernel(use: tuple[str, str], shape: str, way: str) -> None:
    a, b = operands(*SHAPES[shape], use[0], way)
    if gemm._lying(a)[1] != (way[0] == "t") or gemm._lying(b)[1] != (way[1] == "t"):
        return  # one line lies both ways
    for tiles in variants(a, way).values():
        c = run(tiles, way, a, b)
        assert_close(c, a, b)
        assert_close(run(tiles, way, a, b, split=True), a, b)
        np.testing.assert_array_equal(run(tiles, way, a, b), c)


@pytest.mark.parametrize("use", KINDS, indirect=True, ids=ids)
def test_precision_is_used(use: tuple[str, str]) -> None:
    """Not only within the bound, but as far from float32 as the precision says."""
    a, b = operands(64, 64, 64, use[0])
    error = float(np.median(abs(linear.matmul(a, b).astype("f8") - a.astype("f8") @ b.astype("f8"))))
    low, high = {
        "highest": (0, 1e-2 if use[0] in ("float16", "bfloat16") else 1e-6),
        "high": (1e-4, 5e-3),
        "medium": (3e-3, 5e-2),
    }[use[1]]
    assert low <= error < (0.1 if use[0] == "bfloat16" else high)


@pytest.mark.slow
@pytest.mark.parametrize("order", ["reverse", "random"])
@pytest.mark.parametrize("way", ["nn", "nt", "tn"])
@pytest.mark.parametrize("shape", ["tiles", "odd", "even lines", "aligned", "deep"])
@pytest.mark.parametrize("use", KINDS, indirect=True, ids=ids)
def test_checked(use: tuple[str, str], shape: str, way: str, order: str) -> None:
    a, b = operands(*SHAPES[shape], use[0], way)
    with emulator.checked(order):
        for tiles in variants(a, way).values():
            assert_close(run(tiles, way, a, b), a, b)
            assert_close(run(tiles, way, a, b, split=True), a, b)


@pytest.mark.parametrize("use", KINDS, indirect=True, ids=ids)
def test_one_checked_launch(use: tuple[str, str]) -> None:
    a, b = operands(33, 35, 50, use[0])
    with emulator.checked("random", seed=1):
        assert_close(linear.matmul(a, b), a, b)


@pytest.mark.parametrize(
    ("a_shape", "b_shape"),
    [
        ((3, 4), (4, 5)),
        ((4,), (4, 5)),
        ((3, 4), (4,)),
        ((4,), (4,)),
        ((2, 3, 4), (4, 5)),
        ((2, 3, 4), (2, 4, 5)),
        ((2, 1, 3, 4), (5, 4, 2)),
        ((3, 4), (2, 4, 5)),
        ((2, 3, 4), (1, 4, 5)),
        ((4,), (2, 4, 3)),
        ((2, 3, 4), (4,)),
        ((0, 4), (4, 5)),
        ((3, 0), (0, 5)),
        ((0, 3, 4), (4, 5)),
        ((0, 3, 4), (0, 4, 5)),
        ((2, 3, 4), (0, 1, 4, 5)),
        ((3, 2, 4), (2, 3, 4, 5)),
        ((6, 2, 3, 4), (2, 4, 5)),
        ((6, 1, 3, 4), (1, 2, 4, 5)),
        ((3, 4), (4, 0)),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_shapes_of_the_standard(a_shape: Any, b_shape: Any, dtype: str) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal(a_shape).astype(dtype), rng.standard_normal(b_shape).astype(dtype)
    c = linear.matmul(a, b)
    expected = a.astype("f8") @ b.astype("f8")
    assert c.shape == expected.shape
    assert c.dtype == dtype
    np.testing.assert_allclose(c.astype("f8"), expected, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("way", ["nn", "nt", "tn", "tt"])
def test_stacks(way: str) -> None:
    a, b = operands(9, 7, 13, "float32", way, batch=(4,))
    assert_close(linear.matmul(a, b), a, b)
    np.testing.assert_allclose(linear.matmul(a, b[1]), a @ b[1], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(linear.matmul(a[2], b), a[2] @ b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "cut", [(slice(None), slice(1, 20)), (slice(3, 20, 2), slice(None)), (slice(None, None, -1), slice(None))]
)
@pytest.mark.parametrize("use", KINDS[:4], indirect=True, ids=ids[:4])
def test_views(use: tuple[str, str], cut: Any) -> None:
    a, b = operands(24, 24, 24, use[0])
    kept = a.copy()
    a.flags.writeable = False
    view = a[cut]
    assert_close(linear.matmul(view, b[: view.shape[1]]), view, b[: view.shape[1]])
    np.testing.assert_array_equal(a, kept)


@pytest.mark.parametrize("offset", [1, 2, 4])
def test_operands_that_start_anywhere(offset: int) -> None:
    """Lines of 16 bytes, which begin elsewhere."""
    room, (_, b) = np.zeros(64 * 16 + offset, "f2"), operands(64, 16, 16, "float16")
    a = room[offset:].reshape(64, 16)
    a[...] = np.random.default_rng(0).standard_normal(a.shape)
    with emulator.checked():
        assert_close(linear.matmul(a, b), a, b)


@pytest.mark.parametrize("use", KINDS, indirect=True, ids=ids)
@pytest.mark.parametrize("k", [40, 300])
def test_bias(use: tuple[str, str], k: int) -> None:
    a, b = operands(20, 23, k, use[0])
    b *= np.asarray(k**-0.5, b.dtype)
    bias = np.linspace(-1, 1, 23).astype(use[0])
    z = a.astype("f8") @ b.astype("f8") + bias.astype("f8")
    tolerance = {"float64": 1e-12, "float16": 5e-3, "bfloat16": 4e-2}.get(use[0]) or {
        "highest": 1e-5,
        "high": 1e-2,
        "medium": 5e-2,
    }[use[1]]
    np.testing.assert_allclose(gemm.gemm(a, b, bias).astype("f8"), z, rtol=tolerance, atol=tolerance)


def test_nan_and_infinity_stay_in_their_lines() -> None:
    a, b = operands(40, 30, 20, "float32")
    a[3, 4], a[5, 6] = np.nan, np.inf
    for word in precision.NUMBERS:
        with precision.in_force(word):
            c = linear.matmul(a, b)
        assert np.isnan(c[3]).all()
        assert np.isinf(c[5]).all()
        assert np.isfinite(np.delete(c, (3, 5), 0)).all()


@pytest.mark.parametrize("use", KINDS[:2], indirect=True, ids=ids[:2])
def test_few_blocks_stride_over_the_grid(use: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """To the bit the same: which block makes a tile does not matter."""
    a, b = operands(200, 140, 70, use[0])
    many = linear.matmul(a, b)
    monkeypatch.setattr(launch, "MAX_BLOCKS", 2)
    np.testing.assert_array_equal(linear.matmul(a, b), many)


def test_tiles_and_splits_follow_the_shape() -> None:
    def chosen(m: int, n: int, k: int, batch: int = 1, multiprocessors: int = 132) -> str:
        g = GemmShape(batch, m, n, k, 1, k, batch, batch, 16, 16)
        return gemm._plan("float32", "float32", True, multiprocessors, "nn", g)[1]

    assert chosen(4096, 4096, 4096) == "large"
    assert chosen(512, 512, 64) == "small_split"
    assert chosen(1024, 1024, 64) == "small"
    assert chosen(100_000, 10, 64) == "small"  # large tiles would be mostly empty
    assert chosen(64, 64, 64, batch=500) == "small"
    assert gemm._split(100, 1, 16) == (3, 48)
    assert gemm._split(0, 1, 16) == (1, 0)
    assert gemm._split(4096, 1000, 16) == (1, 4096)


def test_other_dtypes_go_to_the_library() -> None:
    a = np.arange(6).reshape(2, 3)
    np.testing.assert_array_equal(linear.matmul(a, a.T), a @ a.T)
    mixed = linear.matmul(a.astype("f4"), a.T.astype("f8"))
    assert mixed.dtype == np.float64
