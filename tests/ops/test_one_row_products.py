"""The gradients of one row times a matrix that lies turned in memory, as the keys of one query do: in that order of memory."""

from __future__ import annotations

import numpy as np
import pytest

import dlengine as dl


@pytest.mark.parametrize("library", ["numpy", "numba"])
@pytest.mark.parametrize(("lead", "rows"), [((), 1), ((3,), 1), ((3,), 2)])
def test_gradients_do_not_depend_on_the_order_of_memory(library, lead, rows):
    rng = np.random.default_rng(0)
    x, memory, gy = (rng.standard_normal((*lead, *s)).astype(np.float32) for s in ((rows, 20), (7, 20), (rows, 7)))
    found = []
    with dl.use_backend(library):
        for turned in (True, False):
            a, m = dl.asarray(x).requires_grad_(), dl.asarray(memory).requires_grad_()
            across = dl.matrix_transpose(m)
            y = dl.matmul(a, across if turned else across + 0.0)
            y.backward(dl.asarray(gy))
            found.append((a.grad.numpy_copy(), m.grad.numpy_copy()))
    for with_turned, dense in zip(*found, strict=True):
        np.testing.assert_array_equal(with_turned, dense)
    np.testing.assert_allclose(found[0][1], gy.swapaxes(-1, -2) @ x, rtol=1e-5, atol=1e-6)


def test_the_gradient_of_one_row_lies_as_the_matrix_does():
    seen = []
    with dl.use_backend("numba"):
        m = dl.asarray(np.ones((3, 7, 20), np.float32)).requires_grad_()
        for rows in (1, 2):
            across = dl.matrix_transpose(m)
            across.register_hook(lambda g, like=across: seen.append(g.array.strides == like.array.strides))
            dl.matmul(dl.ones((3, rows, 20)), across).backward(dl.ones((3, rows, 7)))
    assert seen == [True, False]
