"""Ranges for a profiler: every op's forward and backward by name if asked for, nothing at all if not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import fake_cupy
import pytest

import dlengine as dl
from dlengine.autograd import nvtx


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(nvtx, "_nvtx", lambda: fake_cupy.nvtx)
    fake_cupy.state.log.clear()
    return fake_cupy.state.log


def test_forward_and_backward(log: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvtx, "ENABLED", True)

    @dl.op(needs="a b", name="test_ranged")
    def product(xp, a, b):  # type: ignore[no-untyped-def]
        return xp.multiply(a, b), (lambda gy: gy * b, lambda gy: gy * a)

    x, y = dl.ones((2,)).requires_grad_(), dl.ones((2,))
    product(x, y).sum().backward()
    assert log == ["push test_ranged", "pop", "push test_ranged backward", "pop"]


def test_the_range_ends_with_an_error(log: list[str]) -> None:
    with pytest.raises(ZeroDivisionError):
        nvtx.within("a", lambda: 1 // 0)()
    assert log == ["push a", "pop"]


def test_without_a_derivative(log: list[str]) -> None:
    assert nvtx.ranged(lambda: (1, None), "b")() == (1, None)
    assert log == ["push b", "pop"]


@pytest.mark.parametrize(("wanted", "named"), [("1", True), ("0", False)])
def test_the_environment_decides(wanted: str, named: bool) -> None:
    code = (
        "import fake_cupy, dlengine as dl; from dlengine.autograd import nvtx; nvtx._nvtx = lambda: fake_cupy.nvtx\n"
        "dl.tanh(dl.ones((2,)).requires_grad_()).sum().backward(); print(';'.join(fake_cupy.state.log))"
    )
    environment = {**os.environ, "DLENGINE_NVTX": wanted, "PYTHONPATH": str(Path(__file__).parents[1])}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert ("push tanh;pop" in run.stdout) == named
    assert ("push tanh backward" in run.stdout) == named
