"""The CUDA attention kernels, through their launchers on the emulator, against the reference in float64."""

from __future__ import annotations

from typing import Any

import array_api_compat.numpy as xp
import numpy as np
import pytest
from ml_dtypes import finfo

import dlengine as dl
from dlengine.kernels import cuda
from dlengine.kernels.cuda import FLOATS, attention, emulator
from dlengine.kernels.cuda.machine import launch
from dlengine.kernels.reference import attention as reference

pytestmark = pytest.mark.skipif(emulator.available() is not None, reason=str(emulator.available()))

SHAPES = [
    (2, 3, 70, 101, 33, 17), (1, 1, 130, 130, 16, 16), (1, 2, 5, 3, 1, 2), (1, 2, 3, 5, 8, 80), (1, 1, 9, 70, 70, 130),
    (1, 1, 3, 0, 4, 4), (1, 1, 3, 4, 0, 4), (1, 1, 3, 4, 3, 0), (0, 1, 3, 4, 3, 2), (1, 1, 0, 4, 3, 2),
]  # fmt: skip


def drawn(dtype: Any, b: int, h: int, queries: int, keys: int, depth: int, width: int) -> list[Any]:
    """q, k, v and a cotangent."""
    rng = np.random.default_rng(queries)
    shapes = (b, h, queries, depth), (b, h, keys, depth), (b, h, keys, width), (b, h, queries, width)
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


def wide(*arrays: Any) -> list[Any]:
    return [a if a is None else a.astype(np.float64) for a in arrays]


def both(module: Any, space: tuple[Any, ...], q: Any, k: Any, v: Any, gy: Any, mask: Any, *rest: Any) -> list[Any]:
    """What the forward kernel returns first, and the gradients."""
    out = module.attention(*space, q, k, v, mask, *rest)
    return [out[0], *module.attention_grad(*space, gy, q, k, v, mask, *out, *rest)]


def check(q: Any, k: Any, v: Any, gy: Any, mask: Any = None, causal: bool = False, hides: bool = False) -> None:
    scale = 0.3
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        wanted = both(reference, (xp,), *wide(q, k, v, gy, mask), scale, causal, hides)
    for got, want in zip(both(attention, (), q, k, v, gy, mask, scale, causal, hides), wanted, strict=True):
        assert got.dtype == q.dtype
        assert got.flags.c_contiguous
        assert got.shape == want.shape
        bound = (64 if q.itemsize > 2 else 6) * float(finfo(q.dtype).eps) * np.abs(want).max(initial=1)
        np.testing.assert_allclose(got.astype(np.float64), want, rtol=0, atol=bound)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("causal", [False, True])
def test_shapes(shape: tuple[int, ...], dtype: Any, causal: bool) -> None:
    check(*drawn(dtype, *shape), causal=causal)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("shape", [(70, 71), (2, 3, 70, 71), (2, 1, 1, 71), (3, 70, 1), (1, 1)])
@pytest.mark.parametrize(("causal", "hides"), [(False, False), (True, False), (False, True), (True, True)])
def test_masks(shape: tuple[int, ...], dtype: Any, causal: bool, hides: bool) -> None:
    rng = np.random.default_rng(3)
    mask = np.where(rng.random(shape) < 0.3, -np.inf, 0 if hides else rng.standard_normal(shape)).astype(dtype)
    mask[..., : min(2, shape[-2] - 1), :] = -np.inf  # queries that see nothing
    check(*drawn(dtype, 2, 3, 70, 71, 9, 17), mask=mask, causal=causal, hides=hides)


def planted(values: dict[tuple[int, tuple[int, ...]], float]) -> list[Any]:
    arrays = drawn(np.float32, 1, 1, 150, 150, 4, 3)
    for (which, place), value in values.items():
        arrays[which][place] = value
    return arrays


@pytest.mark.parametrize("which", range(4))
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("causal", [False, True])
def test_nan_and_infinity_are_where_the_reference_has_them(which: int, value: float, causal: bool) -> None:
    """Also where a tile of keys that is hidden from all queries of a block would not have to be looked at."""
    arrays = planted({(which, (0, 0, 149, 1)): value})
    rest = None, 0.3, causal, False
    with np.errstate(invalid="ignore"):
        wanted = both(reference, (xp,), *wide(*arrays), *rest)
    for got, want in zip(both(attention, (), *arrays, *rest), wanted, strict=True):
        np.testing.assert_array_equal(np.isnan(got), np.isnan(want))


def test_hidden_scores_that_are_not_numbers() -> None:
    mask = np.zeros((150, 150), np.float32)
    mask[:, 7] = -np.inf
    q, k, v, _ = planted({(1, (0, 0, 7, 0)): np.nan})
    rest = 0.3, False, True
    y = attention.attention(q, k, v, mask, *rest)[0]
    np.testing.assert_allclose(y, reference.attention(xp, *wide(q, k, v, mask), *rest)[0], atol=1e-5)
    assert np.isnan(attention.attention(q, k, v, mask, 0.3, False, False)[0]).all()


@pytest.mark.parametrize(("dtype", "large"), [("float32", 1e9), ("float16", 3e4), ("bfloat16", 1e9)])
def test_large_scores_that_are_equal_share_alike(dtype: str, large: float) -> None:
    """Next to a large score the logarithm of the sum would round away; a half largest score is rounded itself."""
    q, k = np.full((1, 1, 2, 1), large).astype(dtype), np.ones((1, 1, 4, 1), dtype)
    v = np.arange(4).astype(dtype).reshape(1, 1, 4, 1)
    gy = np.ones((1, 1, 2, 1), dtype)
    y, top, total = attention.attention(q, k, v, None, 1.0, False, False)
    np.testing.assert_array_equal(y, np.array(1.5, dtype))
    if dtype == "float32":
        gv = attention.attention_grad(gy, q, k, v, None, y, top, total, 1.0, False, False)[2]
        np.testing.assert_array_equal(gv, 0.5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_weights_of_halves_add_up_to_one_backward(dtype: str) -> None:
    """Though the largest score, about 21.3, is kept in half precision, where its neighbours are up to 0.125 away."""
    rng = np.random.default_rng(4)
    q = np.full((1, 1, 8, 4), 2.3).astype(dtype)
    k = (2.3 + rng.standard_normal((1, 1, 40, 4)) * 0.2).astype(dtype)
    v, gy = np.ones((1, 1, 40, 1), dtype), np.ones((1, 1, 8, 1), dtype)
    y, top, total = attention.attention(q, k, v, None, 1.0, False, False)
    gv = attention.attention_grad(gy, q, k, v, None, y, top, total, 1.0, False, False)[2]
    assert abs(gv.astype("float64").sum() / 8 - 1) < 2 * float(finfo(dtype).eps)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_layouts_checked_with_few_blocks(dtype: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Heads beside each other, as a layer's projection leaves them, one projection for all, and arrays turned around."""
    monkeypatch.setattr(launch, "MAX_BLOCKS", 3)
    arrays = drawn(dtype, 2, 2, 35, 69, 9, 17)
    turned = [np.ascontiguousarray(a.transpose(2, 0, 1, 3)).transpose(1, 2, 0, 3) for a in arrays]
    backward = [a[:, ::-1, :, ::-1] for a in arrays]
    one = np.random.default_rng(5).standard_normal((2, 35, 2, 3, 9)).astype(dtype)
    packed = [one[..., i, :].swapaxes(1, 2) for i in range(3)]
    with emulator.checked("random", seed=1):
        for given in (arrays, turned, backward, [*packed, packed[0]]):
            for a in given:
                a.flags.writeable = False
            for causal in (False, True):
                check(*given, causal=causal)


def test_the_same_bits_every_time() -> None:
    arrays = drawn(np.float32, 2, 2, 130, 140, 20, 70)
    first = both(attention, (), *arrays, None, 0.3, True, False)
    with emulator.checked("reverse"):
        second = both(attention, (), *arrays, None, 0.3, True, False)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_does_not_fit_is_refused() -> None:
    q, k, v, _ = drawn(np.float32, 1, 2, 3, 4, 5, 6)
    with pytest.raises(ValueError, match="mask must broadcast to"):
        attention.attention(q, k, v, np.zeros((2, 4), np.float32), 1.0, False, False)


@pytest.mark.parametrize("dtype", FLOATS)
def test_the_op_uses_them(dtype: str) -> None:
    before = cuda.SET.launches.copy()
    with dl.use_backend("cuda-emulate"):
        q, k, v = (dl.asarray(a).requires_grad_() for a in drawn(dtype, 1, 2, 5, 5, 4, 4)[:3])
        y = dl.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        y.sum().backward()
    assert cuda.SET.launches["attention"] == before["attention"] + 1
    assert cuda.SET.launches["attention_grad"] == before["attention_grad"] + 1
