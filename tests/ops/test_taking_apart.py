"""Gradients of split, chunk and unstack, of which only some parts are used."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest

import dlengine as dl

APART: dict[str, tuple[Any, Any]] = {
    "split": (lambda x: dl.split(x, (2, 0, 1, 3), axis=1), lambda a: np.split(a, (2, 2, 3), axis=1)),
    "chunk": (lambda x: dl.chunk(x, 3, axis=0), lambda a: np.split(a, (2, 4), axis=0)),
    "unstack": (lambda x: dl.unstack(x, axis=-2), lambda a: [a[:, i] for i in range(6)]),
}


@pytest.mark.parametrize("name", APART)
@pytest.mark.backends("numpy", "numba", "cuda", "strict")
def test_parts_that_nothing_uses(name: str, backend: str) -> None:
    """Every choice of up to three parts: their gradients in their places, zeros elsewhere; and the same a second time."""
    apart, by_numpy = APART[name]
    a = np.random.default_rng(2).normal(size=(5, 6, 3))
    for count in (1, 2, 3):
        for chosen in combinations(range(len(by_numpy(a))), count):
            wanted = np.zeros_like(a)
            for i in chosen:
                by_numpy(wanted)[i][...] += (i + 1) * by_numpy(a)[i] ** 2
            x = dl.asarray(a, dtype="float64").requires_grad_()
            parts = apart(x)
            y = sum([dl.sum(parts[i] ** 3) * ((i + 1) / 3) for i in chosen], start=dl.asarray(0.0, dtype="float64"))
            g = dl.gradients(y, x, create_graph=True)
            np.testing.assert_allclose(g.numpy_copy(), wanted, rtol=1e-12)
            h = dl.gradients(dl.sum(g), x, retain_graph=True)
            slope = np.zeros_like(a)
            for i in chosen:
                by_numpy(slope)[i][...] += 2 * (i + 1) * by_numpy(a)[i]
            np.testing.assert_allclose(h.numpy_copy(), slope, rtol=1e-12)
            y.backward()
            np.testing.assert_array_equal(x.grad.numpy_copy(), g.numpy_copy())
