"""randint over every range that its dtype holds, on every backend the same; other ranges refused in words."""

from __future__ import annotations

import numpy as np
import pytest

import dlengine as dl
from dlengine.errors import ConfigError

RANGES = [
    (-(2**63), 2**63, "int64"),
    (0, 2**63, "int64"),
    (-(2**62), 2**63 - 1, "int64"),
    (-(2**33), 5, "int64"),
    (0, 2**64, "uint64"),
    (2**63 + 7, 2**64, "uint64"),
    (-128, 128, "int8"),
    (0, 256, "uint8"),
    (-(2**31), 2**31, "int32"),
]


@pytest.mark.parametrize(("low", "high", "dtype"), RANGES)
def test_values_fill_the_range(backend: str, low: int, high: int, dtype: str) -> None:
    dl.manual_seed(3)
    drawn = dl.randint(low, high, 4000, dtype=dtype)
    assert drawn.dtype == dtype
    values = [int(v) for v in drawn.numpy_copy()]
    assert all(low <= v < high for v in values)
    share = np.array([(v - low) / (high - low) for v in values])
    counts, _ = np.histogram(share, bins=8, range=(0, 1))
    assert np.all(np.abs(counts - 500) < 5 * np.sqrt(500))


def test_backends_agree(backend: str) -> None:
    def draw() -> list[int]:
        dl.manual_seed(11)
        return [int(v) for v in dl.randint(-(2**63), 2**62, 65).numpy_copy()]

    here = draw()
    with dl.use_backend("numpy"):
        assert here == draw()


@pytest.mark.parametrize(
    ("low", "high", "dtype"), [(0, 257, "uint8"), (-1, 4, "uint16"), (0, 2**63 + 1, "int64"), (-(2**63) - 1, 0, None)]
)
def test_a_range_that_does_not_fit_is_refused(low: int, high: int, dtype: str | None) -> None:
    with pytest.raises(ConfigError, match=rf"randint: {low} to {high - 1} does not fit {dtype or 'int64'}"):
        dl.randint(low, high, 3, dtype=dtype)
