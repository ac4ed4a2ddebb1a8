"""Elementwise pieces of definitions are one kernel for large arrays, and what they say for all others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")

import dlengine as dl
from dlengine.kernels.jit import SET
from dlengine.ops.pieces import pointwise
from dlengine.recording.answers import generating

RNG = np.random.default_rng(0)


@pointwise
def _scaled(xp: Any, x: Any, y: Any) -> Any:
    return xp.exp(x) * y + x


@pointwise
def _twice(xp: Any, x: Any) -> Any:
    return xp.concat([x, x])


def _of_op() -> Any:
    @dl.op(needs="x y")
    def scaled_for_test(xp: Any, x: Any, y: Any, /) -> Any:
        def pull(gy: Any, need: Any) -> Any:
            e = xp.exp(x)
            return gy * (e * y + 1), xp.sum(gy * e, axis=-1, keepdims=True)

        return xp.concat([_scaled(xp, x, y)]), pull  # which keeps the op itself from being one kernel

    return scaled_for_test


@pytest.mark.parametrize(("used", "rows", "answered"), [("numba", 400, 1), ("numba", 1, 0), ("numpy", 400, 0)])
def test_who_computes(used: str, rows: int, answered: int) -> None:
    x, y = RNG.standard_normal((rows, 30)).astype("f4"), RNG.standard_normal((rows, 1)).astype("f4")
    with dl.use_backend(used):
        before = SET.launches["generated:scaled"]
        found = _of_op()(dl.asarray(x), dl.asarray(y)).numpy()
        assert SET.launches["generated:scaled"] - before == answered
    np.testing.assert_allclose(found, np.exp(x) * y + x, rtol=2e-6, atol=1e-6)


def test_never_generated() -> None:
    x, y = (RNG.standard_normal((400, 30)).astype("f4") for _ in range(2))
    with dl.use_backend("numba"), generating("off"):
        before = SET.launches["generated:scaled"]
        found = _of_op()(dl.asarray(x), dl.asarray(y)).numpy()
        assert SET.launches["generated:scaled"] == before
    np.testing.assert_array_equal(found, np.exp(x) * y + x)


def test_other_dtypes_and_pieces_that_are_not_pointwise() -> None:
    space = dl.backend.policy().spaces[np.ndarray]
    x = RNG.standard_normal((40, 30)) + 1j
    np.testing.assert_array_equal(_scaled(space, x, x), np.exp(x) * x + x)
    np.testing.assert_array_equal(_twice(space, x.real), np.concatenate([x.real, x.real]))


def test_second_derivatives_are_those_of_the_piece() -> None:
    """Definitions are read with tensors, too."""
    slopes = dl.grad(lambda t: dl.sum(dl.grad(lambda u: dl.sum(dl.logsumexp(u, axis=1) ** 2))(t) ** 2))
    with dl.use_backend("numba"):
        x = dl.asarray(RNG.standard_normal((64, 40)))
        before = SET.launches["generated:exp_below"]
        whole = slopes(x).numpy()
        assert SET.launches["generated:exp_below"] > before
        rows = [slopes(x[i : i + 1]).numpy() for i in range(3)]
    np.testing.assert_allclose(whole[:3], np.concatenate(rows), rtol=1e-10)
