"""The jitted attention against the reference in float64."""

from __future__ import annotations

import tracemalloc
from typing import Any

import array_api_compat.numpy as xp
import numpy as np
import pytest

pytest.importorskip("numba")

import dlengine as dl
from dlengine.kernels.jit import attention as jit
from dlengine.kernels.jit.machine.compile import interpreted
from dlengine.kernels.reference import attention as reference

DTYPES = [np.float32, np.float64]
SHAPES = [
    (2, 3, 70, 101, 33, 17), (1, 1, 200, 200, 64, 64), (1, 2, 5, 3, 1, 2), (1, 2, 3, 5, 8, 80), (3, 1, 65, 97, 16, 70),
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
    """What the forward and the backward kernel return."""
    out = module.attention(*space, q, k, v, mask, *rest)
    return [*out, *module.attention_grad(*space, gy, q, k, v, mask, *out, *rest)]


def check(q: Any, k: Any, v: Any, gy: Any, mask: Any = None, causal: bool = False, hides: bool = False) -> None:
    scale = 0.3
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        wanted = both(reference, (xp,), *wide(q, k, v, gy, mask), scale, causal, hides)
    for got, want in zip(both(jit, (), q, k, v, gy, mask, scale, causal, hides), wanted, strict=True):
        assert got.dtype == q.dtype
        assert got.flags.c_contiguous or got.swapaxes(1, 2).flags.c_contiguous  # y has its heads side by side
        assert got.shape == want.shape
        finite = np.isfinite(want)
        np.testing.assert_array_equal(got[~finite], want[~finite].astype(q.dtype))
        bound = 64 * np.finfo(q.dtype).eps * np.abs(want[finite]).max(initial=1)
        np.testing.assert_allclose(got[finite], want[finite], rtol=0, atol=bound)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("causal", [False, True])
def test_shapes(shape: tuple[int, ...], dtype: Any, causal: bool) -> None:
    check(*drawn(dtype, *shape), causal=causal)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(70, 101), (2, 3, 70, 101), (2, 1, 1, 101), (3, 70, 1), (1, 1)])
@pytest.mark.parametrize(("causal", "hides"), [(False, False), (True, False), (False, True), (True, True)])
def test_masks(shape: tuple[int, ...], dtype: Any, causal: bool, hides: bool) -> None:
    rng = np.random.default_rng(3)
    mask = np.where(rng.random(shape) < 0.3, -np.inf, 0 if hides else rng.standard_normal(shape)).astype(dtype)
    mask[..., : min(2, shape[-2] - 1), :] = -np.inf  # queries that see nothing
    check(*drawn(dtype, 2, 3, 70, 101, 9, 17), mask=mask, causal=causal, hides=hides)


def planted(values: dict[tuple[int, tuple[int, ...]], float]) -> list[Any]:
    arrays = drawn(np.float32, 1, 1, 150, 150, 4, 3)
    for (which, place), value in values.items():
        arrays[which][place] = value
    return arrays


@pytest.mark.parametrize("which", range(4))
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("causal", [False, True])
def test_nan_and_infinity_are_where_the_reference_has_them(which: int, value: float, causal: bool) -> None:
    """Also where a block of keys that is hidden from all queries of a block would not have to be looked at."""
    arrays = planted({(which, (0, 0, 149, 1)): value})
    parts = [np.concatenate([a, a], 3)[..., : a.shape[3]] for a in arrays]  # whose rows do not lie side by side
    rest = None, 0.3, causal, False
    with np.errstate(invalid="ignore"):
        wanted = both(reference, (xp,), *wide(*arrays), *rest)
    for given in (arrays, parts):
        found = both(jit, (), *given, *rest)
        for got, want in zip((found[0], *found[3:]), (wanted[0], *wanted[3:]), strict=True):
            np.testing.assert_array_equal(np.isnan(got), np.isnan(want))


def test_hidden_scores_that_are_not_numbers() -> None:
    mask = np.zeros((150, 150), np.float32)
    mask[:, 7] = -np.inf
    q, k, v, gy = planted({(1, (0, 0, 7, 0)): np.nan})
    rest = 0.3, False, True
    y = jit.attention(q, k, v, mask, *rest)[0]
    np.testing.assert_allclose(y, reference.attention(xp, *wide(q, k, v, mask), *rest)[0], atol=1e-5)
    assert np.isnan(jit.attention(q, k, v, mask, 0.3, False, False)[0]).all()


def test_large_scores_that_are_equal_share_alike() -> None:
    """Next to a score of 1e9 the logarithm of the sum would round away."""
    q, k = np.full((1, 1, 2, 1), 1e9, np.float32), np.ones((1, 1, 4, 1), np.float32)
    v = np.arange(4, dtype=np.float32).reshape(1, 1, 4, 1)
    gy = np.ones((1, 1, 2, 1), np.float32)
    y, top, total = jit.attention(q, k, v, None, 1.0, False, False)
    np.testing.assert_array_equal(y, 1.5)
    np.testing.assert_array_equal(jit.attention_grad(gy, q, k, v, None, y, top, total, 1.0, False, False)[2], 0.5)


@pytest.mark.parametrize("dtype", DTYPES)
def test_layouts_and_read_only_inputs(dtype: Any) -> None:
    """Heads beside each other, as a layer's projection leaves them, and arrays in no order that is read where it lies."""
    arrays = drawn(dtype, 2, 3, 70, 101, 9, 17)
    turned = [np.ascontiguousarray(a.transpose(2, 0, 1, 3)).transpose(1, 2, 0, 3) for a in arrays]
    backward = [a[:, ::-1, :, ::-1] for a in arrays]
    for a in (*turned, *backward):
        a.flags.writeable = False
    for causal in (False, True):
        check(*turned, causal=causal)
        check(*backward, causal=causal)


@pytest.mark.parametrize("dtype", DTYPES)
def test_any_number_of_threads(monkeypatch: pytest.MonkeyPatch, dtype: Any) -> None:
    """Of few heads, whose blocks are dealt out in turn, and of many, whose keys are copied once for all blocks of a thread."""
    for heads in (2, 7):
        arrays, found = drawn(dtype, 1, heads, 300, 101, 9, 17), set()
        turned = [np.ascontiguousarray(a.transpose(0, 2, 1, 3)).transpose(0, 2, 1, 3) for a in arrays]
        for threads in (1, 2, 3):
            monkeypatch.setattr(jit, "thread_count", lambda units, threads=threads: min(threads, max(1, units)))
            for given in (arrays, turned):
                found.add(b"".join(a.tobytes() for a in both(jit, (), *given, None, 0.3, True, False)))
        assert len(found) == 1


def test_interpreted() -> None:
    """Every index is checked."""
    mask = np.where(np.random.default_rng(3).random((19, 1)) < 0.3, -np.inf, 0).astype(np.float32)
    with interpreted():
        check(*drawn(np.float32, 1, 2, 19, 101, 3, 18), causal=True)
        check(*drawn(np.float64, 1, 1, 19, 5, 3, 2), mask=mask.astype(np.float64), hides=True)


def test_a_mask_that_does_not_fit_is_refused() -> None:
    q, k, v, _ = drawn(np.float32, 1, 2, 3, 4, 5, 6)
    for shape in ((3, 5), (2, 4), (3, 1, 1), (1, 1, 1, 3, 4)):
        with pytest.raises(ValueError, match="must broadcast to"):
            jit.attention(q, k, v, np.zeros(shape, np.float32), 1.0, False, False)


@pytest.mark.parametrize("options", [{}, {"is_causal": True}, {"attn_mask": "added"}, {"attn_mask": "boolean"}])
def test_the_op_equals_the_composition_to_the_second_derivative(options: dict[str, Any]) -> None:
    mask = np.arange(20).reshape(4, 5) % 3 > 0
    masks = {"added": np.where(mask, 0.5, -np.inf), "boolean": mask}
    if "attn_mask" in options:
        options = {"attn_mask": dl.asarray(masks[options["attn_mask"]])}

    def fused(*arrays: Any) -> Any:
        return dl.nn.functional.scaled_dot_product_attention(*arrays, **options)

    def composed(q: Any, k: Any, v: Any) -> Any:
        return dl.nn.functional.attention_weights(q, k, **options) @ v

    with dl.use_backend("numba"):
        found = []
        for function in (fused, composed):
            q, k, v = (dl.asarray(a).requires_grad_() for a in drawn(np.float64, 2, 3, 4, 5, 3, 2)[:3])
            y = function(q, k, v)
            first = dl.gradients([dl.sum(y * y)], [q, k, v], create_graph=True)
            second = dl.gradients([sum(dl.sum(g * g) for g in first)], [q, k, v])
            found.append([np.array(t.detach().numpy_copy()) for t in (y, *first, *second)])
    for got, want in zip(*found, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-12)


def test_no_matrix_of_queries_and_keys_is_kept() -> None:
    with dl.use_backend("numba"):
        q, k, v = (dl.asarray(a).requires_grad_() for a in drawn(np.float32, 1, 1, 400, 400, 4, 4)[:3])
        held = []
        for _ in range(2):  # the first compiles
            tracemalloc.start()
            y = dl.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            held.append(tracemalloc.get_traced_memory()[0])
            tracemalloc.stop()
            assert y.requires_grad
        assert held[1] < 400 * 400
