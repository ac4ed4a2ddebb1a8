"""What several tests of the CUDA backend use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import fake_cupy
import pytest

import dlengine as dl


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A GPU that is not there, with cuda as the backend."""
    with fake_cupy.installed(monkeypatch) as state, dl.use_backend("cuda"):
        yield state
