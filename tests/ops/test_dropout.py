"""Dropout: one mask on every backend, never kept, the same again in the backward."""

from __future__ import annotations

from typing import Any

import array_api_compat.numpy as xp
import numpy as np
import pytest

import dlengine as dl
from dlengine.kernels import reference as reference_set
from dlengine.kernels.cuda import FLOATS, emulator
from dlengine.kernels.cuda import dropout as cuda
from dlengine.kernels.cuda.machine import launch
from dlengine.kernels.reference import dropout as reference
from dlengine.kernels.reference.random import random_bernoulli

KEY = 0x123456789ABCDEF0
WRAPS = (7 << 64) | ((1 << 64) - 2)
SHAPES = pytest.mark.parametrize(("shape", "inner"), [((0, 3), 1), ((1,), 1), ((1031,), 1), ((3, 5, 7), 7), ((2, 6, 4), 12)])
needs_emulator = pytest.mark.skipif(emulator.available() is not None, reason=str(emulator.available()))


def values(shape: tuple[int, ...], dtype: str) -> Any:
    kind = pytest.importorskip("ml_dtypes").bfloat16 if dtype == "bfloat16" else dtype
    return np.random.default_rng(0).standard_normal(shape).astype(kind)


def same(found: Any, expected: Any) -> None:
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    assert found.tobytes() == expected.tobytes()


@SHAPES
@pytest.mark.parametrize("counter", [0, WRAPS])
def test_sets_are_bit_equal(shape: tuple[int, ...], inner: int, counter: int) -> None:
    for dtype in ("float32", "float64"):
        x = values(shape, dtype)
        expected = reference.dropout(xp, x, KEY, counter, 0.3, inner)
        if emulator.available() is None:
            same(cuda.dropout(x, KEY, counter, 0.3, inner), expected)
        jit = pytest.importorskip("dlengine.kernels.jit.dropout", exc_type=ImportError)
        same(jit.dropout(x, KEY, counter, 0.3, inner), expected)


def test_jit_without_compiling() -> None:
    jit = pytest.importorskip("dlengine.kernels.jit.dropout", exc_type=ImportError)
    from dlengine.kernels.jit.machine.compile import interpreted

    for shape, inner in (((37,), 1), ((5, 6), 3)):
        x = values(shape, "float32")
        with interpreted():
            same(jit.dropout(x, KEY, 3, 0.5, inner), reference.dropout(xp, x, KEY, 3, 0.5, inner))


@needs_emulator
@SHAPES
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision(shape: tuple[int, ...], inner: int, dtype: str) -> None:
    x = values(shape, dtype)
    same(cuda.dropout(x, KEY, 5, 0.3, inner), reference.dropout(xp, x, KEY, 5, 0.3, inner))


@needs_emulator
@pytest.mark.parametrize("dtype", FLOATS)
def test_views_that_begin_anywhere(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "MAX_BLOCKS", 1)
    x = values((2050,), dtype)
    for view in (x[1:], x[:2049], x[::2]):
        with emulator.checked():
            same(cuda.dropout(view, KEY, 5, 0.3, 1), reference.dropout(xp, view, KEY, 5, 0.3, 1))


def test_the_mask_is_bernoulli() -> None:
    x = np.ones((4, 3), "float32")
    keep = random_bernoulli(xp, KEY, 9, 12, 0.75).reshape(4, 3)
    np.testing.assert_array_equal(reference.dropout(xp, x, KEY, 9, 0.25, 1), np.where(keep, np.float32(4 / 3), 0))


@pytest.mark.backends("numpy", "numba", "cuda", "strict")
def test_backward_takes_the_same_mask(backend: str) -> None:
    dl.manual_seed(3)
    x = dl.ones((50, 40)).requires_grad_()
    y = dl.dropout(x, 0.4)
    y.sum().backward()
    assert (x.grad == y).all()
    assert 0.5 < float((y != 0).astype("float32").mean()) < 0.7


def test_whole_channels_and_odd_masks() -> None:
    x = dl.ones((4, 6, 5, 5))
    with dl.use_backend("numpy"):
        before = dict(reference_set.SET.launches)
        channels = dl.dropout(x, 0.5, mask_shape=(4, 6, 1, 1)).numpy()
        assert reference_set.SET.launches["dropout"] == before.get("dropout", 0) + 1  # one pass here too
    assert ((channels == 0).all((2, 3)) | (channels == 2).all((2, 3))).all()
    columns = dl.dropout(x, 0.5, mask_shape=(1, 6, 1, 5)).numpy()
    assert (columns == columns[:1, :, :1]).all()
    assert 0 < (columns == 0).mean() < 1


def test_words_are_reserved_once() -> None:
    g = dl.Generator(5)
    dl.dropout(dl.ones((3, 7)), 0.5, generator=g)
    assert g.counter == 6  # 21 words in blocks of 4
    dl.dropout(dl.ones((3, 7)), 0.5, generator=g, mask_shape=(3, 1))
    assert g.counter == 7
    dl.dropout(dl.ones((3, 7)), 0.0, generator=g)
    assert g.counter == 7


def test_no_mask_is_kept() -> None:
    """The pullback holds numbers only."""
    y = dl.dropout(dl.ones((5, 6)).requires_grad_(), 0.5)
    held = [cell.cell_contents for cell in y.node.pull[0].__closure__]
    assert held
    assert not [value for value in held if isinstance(value, np.ndarray)]
