"""A captured step gives what the step gives: bit for bit without fusion, within rounding with it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from programs.steps import STEPS, run

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
