"""The CUDA embedding kernels, through their launchers on the emulator, against the reference in float64."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
from ml_dtypes import finfo
from reference_namespaces import NUMPY, run

from dlengine.kernels.cuda import FLOATS, embedding, emulator
from dlengine.kernels.cuda.machine import launch

pytestmark = pytest.mark.skipif(emulator.available() is not None, reason=str(emulator.available()))

DTYPES = pytest.mark.parametrize("dtype", FLOATS)
# rows, features, shape of the ids
SHAPES = {
    "plain": (11, 5, (4, 3)),
    "one row again and again": (1, 7, (50,)),
    "many features": (4, 70, (9,)),
    "most rows unused": (40, 32, (6,)),
    "one id": (3, 1, ()),
    "no ids": (3, 7, (0,)),
    "no features": (3, 0, (4,)),
}
NAMES = pytest.mark.parametrize("name", SHAPES)


def arrays(name: str, dtype: str) -> tuple[Any, Any, Any, int]:
    rows, size, shape = SHAPES[name]
    rng = np.random.default_rng(0)
    made = [rng.standard_normal(s).astype(dtype) for s in ((rows, size), (*shape, size))]
    ids = np.asarray(rng.integers(0, rows, shape))
    for array in (*made, ids):
        array.flags.writeable = False
    return made[0], made[1], ids, rows


def agree(name: str, dtype: str) -> None:
    weight, gy, ids, rows = arrays(name, dtype)
    y = embedding.embedding(weight, ids)
    assert y.dtype == dtype
    np.testing.assert_array_equal(y, weight[ids])
    gw = embedding.embedding_grad(gy, ids, rows)
    exact, magnitude = (run(NUMPY, "embedding_grad", g.astype("f8"), ids, rows) for g in (gy, abs(gy)))
    assert gw.dtype == dtype
    assert gw.shape == exact.shape
    assert (abs(gw - exact) <= 4 * finfo(dtype).eps * magnitude).all()


@pytest.fixture(params=["sort", "scan"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways to a row's items."""
    monkeypatch.setattr(embedding, "FEW", 1 << 40 if request.param == "scan" else -1)


@DTYPES
@NAMES
def test_agrees_with_the_reference(name: str, dtype: str) -> None:
    agree(name, dtype)


def test_both_ways_are_bit_equal(monkeypatch: pytest.MonkeyPatch) -> None:
    """How many rows and items there are must not show in the numbers."""
    for name in SHAPES:
        _, gy, ids, rows = arrays(name, "float32")
        found = []
        for few in (-1, 1 << 40):
            monkeypatch.setattr(embedding, "FEW", few)
            found.append(embedding.embedding_grad(gy, ids, rows).tobytes())
        assert found[0] == found[1]


@pytest.mark.parametrize("kind", ["i1", "u2", "i4", ">i8"])
def test_ids_of_any_integer_dtype(kind: str) -> None:
    weight, gy, ids, rows = arrays("plain", "float32")
    np.testing.assert_array_equal(embedding.embedding(weight, ids.astype(kind)), weight[ids])
    expected = embedding.embedding_grad(gy, ids, rows)
    np.testing.assert_array_equal(embedding.embedding_grad(gy, ids.astype(kind), rows), expected)


def test_strided_views() -> None:
    weight, gy, ids, rows = arrays("plain", "float32")
    np.testing.assert_array_equal(embedding.embedding(weight[::-1, ::2], ids.T), weight[::-1, ::2][ids.T])
    one = np.broadcast_to(np.float32(1), gy.shape)
    counts = np.bincount(ids.ravel(), minlength=rows)
    np.testing.assert_array_equal(embedding.embedding_grad(one, ids, rows), np.repeat(counts[:, None], 5, axis=1))
    turned = np.asfortranarray(gy)
    np.testing.assert_array_equal(embedding.embedding_grad(turned, ids, rows), embedding.embedding_grad(gy, ids, rows))


def test_id_outside_gives_nan_and_reads_nothing() -> None:
    ids = np.array([0, 3, -1, 2])
    with emulator.checked():
        y = embedding.embedding(np.ones((3, 2), "f4"), ids)
        gw = embedding.embedding_grad(np.ones((4, 2), "f4"), ids, 3)
    np.testing.assert_array_equal(np.isnan(y).all(axis=1), [False, True, True, False])
    np.testing.assert_array_equal(gw[:, 0], [1, 0, 1])


def test_nan_stays_in_its_row() -> None:
    weight, gy, ids, rows = (np.array(a) if isinstance(a, np.ndarray) else a for a in arrays("plain", "float32"))
    gy[1, 2, 3] = np.nan
    bad = np.isnan(embedding.embedding_grad(gy, ids, rows))
    assert bad[ids[1, 2], 3]
    assert bad.sum() == 1


def test_order_of_the_sum_is_fixed() -> None:
    """Shuffling items of different ids changes nothing; items of one id are added in their order."""
    rng = np.random.default_rng(0)
    gy, ids = rng.standard_normal((200, 3)).astype("f4"), rng.integers(0, 4, 200)
    order = np.argsort(ids, kind="stable")
    found = embedding.embedding_grad(gy, ids, 4)
    assert found.tobytes() == embedding.embedding_grad(gy[order], ids[order], 4).tobytes()


def test_few_blocks_stride_over_the_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "MAX_BLOCKS", 1)
    agree("many features", "float32")
    agree("plain", "float32")


def test_one_checked_launch_of_each_kernel() -> None:
    with emulator.checked():
        agree("plain", "float32")


@pytest.mark.slow
@pytest.mark.parametrize("order", ["reverse", "random"])
@DTYPES
@NAMES
def test_checked(name: str, dtype: str, order: str) -> None:
    with emulator.checked(order):
        agree(name, dtype)


@pytest.mark.parametrize(("rows", "count"), [(3, 50), (300, 5000), (70_000, 2500), (1 << 20, 7), (5, 0)])
def test_ids_are_sorted_stably(rows: int, count: int) -> None:
    ids = np.random.default_rng(0).integers(-2, rows + 2, count)
    known = np.where((ids < 0) | (ids > rows), rows, ids)
    with emulator.checked() if count < 100 else nullcontext():
        keys, order = embedding.sorted_ids(ids, rows)
    assert np.array_equal(order, np.argsort(known, kind="stable"))
    assert np.array_equal(keys, known[order])
