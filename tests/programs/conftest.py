"""The backends on which captured steps run on the CPU."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import dlengine as dl


@pytest.fixture(params=["numpy", "numba"])
def host(request: pytest.FixtureRequest) -> Iterator[str]:
    if dl.backend.BACKENDS[request.param].unavailable():
        pytest.skip("not installed")
    with dl.use_backend(request.param):
        yield request.param
