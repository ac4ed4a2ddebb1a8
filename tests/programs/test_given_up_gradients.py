"""Gradients from before a captured step, whose memory the step may use where nothing can read them any more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import training

KEEP: dict[str, Callable[[Any], Any]] = {
    "tensor": lambda g: g,
    "detached": lambda g: g.detach(),
    "view": lambda g: g[:],
    "reshaped": lambda g: dl.reshape(g, (3,)),
}


@pytest.mark.parametrize("keep", KEEP.values(), ids=list(KEEP))
def test_a_step_puts_back_what_it_kept(keep: Callable[[Any], Any], host: str) -> None:
    """A batch that overflows is skipped: the gradients are again what they were."""
    p = dl.ones((3,))
    p.requires_grad = True

    def step(x: Any) -> Any:
        old = keep(p.grad)
        p.grad = None
        loss = dl.sum(p * x)
        loss.backward()
        if not bool(dl.isfinite(loss)):
            p.grad = old * 1
        return loss.detach()

    def trace(run: Callable[[Any], Any]) -> list[Any]:
        p.grad = dl.ones((3,)) * 5
        found = []
        for i in range(9):
            run(dl.asarray([np.inf if i in (6, 7) else 1.0 + i, 1.0, 2.0], dtype=dl.float32))
            found.append(p.grad.numpy().copy())
        return found

    train = training.capture(step)
    np.testing.assert_array_equal(trace(train), trace(step))


def test_chains_of_what_is_computed_once(host: str) -> None:
    rng = np.random.default_rng(0)
    c, w, x = (dl.asarray(rng.standard_normal((64, 64)).astype(np.float32)) for _ in range(3))

    def step(x: Any) -> Any:
        y = x * dl.exp(c)
        return y + x @ w

    run = training.capture(step)
    for _ in range(5):
        np.testing.assert_allclose(run(x).numpy(), step(x).numpy(), rtol=1e-5)
    assert run.replays


def test_gradients_of_factors_accumulate(host: str) -> None:
    a, b = dl.ones((40, 50)) * 2, dl.ones((40, 50)) * 3
    a.requires_grad = b.requires_grad = True

    def step(a: Any, b: Any) -> Any:
        loss = dl.sum(a * b)
        loss.backward()
        return loss.detach()

    run = training.capture(step)
    for i in range(6):
        run(a, b)
        assert (a.grad.numpy() == 3 * (i + 1)).all()
        assert (b.grad.numpy() == 2 * (i + 1)).all()
