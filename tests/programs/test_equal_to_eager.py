"""A captured step gives what the step gives: bit for bit without fusion, within rounding with it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from programs.steps import STEPS, run

import dlengine as dl
from dlengine import nn, training
from dlengine.recording import generating


def equal(found: Any, expected: Any, bound: float = 0.0) -> None:
    assert type(found) is type(expected)
    if isinstance(expected, (list, tuple)):
        assert len(found) == len(expected)
        for a, b in zip(found, expected, strict=True):
            equal(a, b, bound)
    elif isinstance(expected, np.ndarray):
        assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
        if bound and expected.dtype.kind == "f" and expected.size:
            assert np.abs(found - expected).max() <= bound * max(1.0, np.abs(expected).max())
        else:
            assert found.tobytes() == expected.tobytes()
    else:
        assert found == expected


@pytest.mark.parametrize("name", STEPS)
def test_bit_for_bit_without_fusion(name: str, host: str) -> None:
    results, state, _ = run(STEPS[name], 12, captured=False)
    found, replayed, train = run(STEPS[name], 12, fuse=False)
    equal(found, results)
    equal(replayed, state)
    assert train.replays == 8


@pytest.mark.parametrize("name", STEPS)
def test_within_rounding_with_fusion(name: str, host: str) -> None:
    if host == "numpy":
        pytest.skip("nothing is fused without Numba")
    results, state, _ = run(STEPS[name], 12, captured=False)
    with generating("always"):
        found, replayed, train = run(STEPS[name], 12)
    equal(found, results, 1e-4)
    equal(replayed, state, 1e-3)
    assert train.replays == 8


@pytest.mark.slow
@pytest.mark.parametrize("name", STEPS)
def test_fifty_steps(name: str, host: str) -> None:
    results, state, _ = run(STEPS[name], 50, captured=False)
    found, replayed, train = run(STEPS[name], 50, fuse=False)
    equal(found, results)
    equal(replayed, state)
    assert train.replays == 46


@pytest.mark.parametrize("loss", [nn.CrossEntropyLoss, nn.NLLLoss, nn.MultiMarginLoss, nn.HuberLoss, nn.KLDivLoss])
def test_losses_add_in_the_same_order(loss: type, host: str) -> None:
    """Also where one kernel takes their mean when nothing is recorded."""
    labelled = loss not in (nn.HuberLoss, nn.KLDivLoss)

    def step(x: Any, y: Any) -> Any:
        x = x.clone().requires_grad_()
        value = loss()(x, y)
        return value.detach(), dl.gradients(value, x)

    train = training.capture(step, warmup=1, fuse=False)
    for i in range(30):
        rng = np.random.default_rng(i)
        x = dl.asarray(rng.standard_normal((50, 10)).astype("float32"))
        y = dl.asarray(rng.integers(0, 10, 50) if labelled else rng.random((50, 10)).astype("float32"))
        equal([t.numpy() for t in train(x, y)], [t.numpy() for t in step(x, y)])
    assert train.replays == 27
