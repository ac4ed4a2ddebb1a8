"""Parity can fail: break any one kernel by one value, a constant of a CUDA source, a launch, a dtype, and a cell says so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from dlengine import backend
from dlengine.kernels import cuda, jit
from dlengine.kernels.cuda import launch
from dlengine.kernels.registry import KernelSet
from dlengine.testing import Case, check, rows

# Drawing and in-place kernels aside, the jit and cuda kernels that a row of the table names.
SETS = {"numba": jit.SET, "cuda-emulate": cuda.EMULATED}


def users(kernel: str) -> list[Case]:
    return [row for row in rows() if kernel in row.kernels]


BREAKABLE = [
    (name, kernel)
    for name, kernels in SETS.items()
    if backend.BACKENDS[name].unavailable() is None
    for kernel in kernels.declared
    if users(kernel)
]


def off_by_a_little(result: Any) -> Any:
    """The result with one value wrong by a thousandth, or by one."""
    if isinstance(result, tuple):
        return (off_by_a_little(result[0]), *result[1:])
    if not result.size:
        return result
    wrong = result.copy().reshape(-1)
    i = int(np.argmax(np.abs(wrong))) if wrong.dtype.kind != "b" else 0
    wrong[i] = ~wrong[i] if wrong.dtype.kind == "b" else wrong[i] * 1.001 if wrong.dtype.kind == "f" else wrong[i] ^ 1
    return wrong.reshape(result.shape)


@dataclass(frozen=True)
class Broken(KernelSet):
    """A kernel set in which one kernel is wrong."""

    base: KernelSet | None = None
    target: str = ""

    def load(self, kernel: str) -> Callable[..., Any]:
        assert self.base is not None
        right = self.base.load(kernel)
        return (lambda *args, **kwargs: off_by_a_little(right(*args, **kwargs))) if kernel == self.target else right


def install(monkeypatch: pytest.MonkeyPatch, kernels: KernelSet) -> str:
    monkeypatch.setitem(
        backend.BACKENDS, "broken", backend.Backend("broken", backend.NUMPY, lambda: kernels, lambda: None)
    )
    return "broken"


@pytest.mark.parametrize(("name", "kernel"), BREAKABLE, ids=[f"{n}-{k}" for n, k in BREAKABLE])
def test_one_wrong_value_is_seen(name: str, kernel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    base = SETS[name]
    broken = Broken(f"broken {base.name} {kernel}", base.package, base.declared, Counter(), base, kernel)
    row = min(users(kernel), key=lambda r: len(r.samples))
    cell = check(row, install(monkeypatch, broken), "float32")
    assert cell.verdict == "fail"
    assert "exceeds" in cell.message or "differ" in cell.message or "times that of numpy" in cell.message


def test_enough_kernels_can_be_broken() -> None:
    assert len({kernel for name, kernel in BREAKABLE if name == "numba"}) >= 5


MUTATIONS = [
    ("conv2d", "conv2d", "s * g.dilation[1]", "s"),
    ("conv2d", "conv2d", "? ACC(group_filters[", "? ACC(1.001f) * ACC(group_filters["),
    ("randn", "random_normal", "^ x3 ^ k1", "^ x3 ^ k0"),
    ("rand", "random_uniform", "k0 += WEYL_0", "k0 += WEYL_1"),
]
"""Row, kernel, and a constant of its CUDA source made another."""


@pytest.fixture
def emulated_afresh() -> Iterator[None]:
    launch._emulated.cache_clear()
    yield
    launch._emulated.cache_clear()


@pytest.mark.skipif(backend.BACKENDS["cuda-emulate"].unavailable() is not None, reason="needs the emulator")
@pytest.mark.usefixtures("emulated_afresh")
@pytest.mark.parametrize(("name", "kernel", "old", "new"), MUTATIONS, ids=[f"{m[1]}: {m[3]}" for m in MUTATIONS])
def test_a_wrong_constant_in_a_source_is_seen(
    name: str, kernel: str, old: str, new: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compose, found = launch.compose, []

    def mutated(*args: Any) -> str:
        text = compose(*args)
        found.append(old in text)
        return text.replace(old, new, 1)

    monkeypatch.setattr(launch, "compose", mutated)
    cell = check(rows(name)[0], "cuda-emulate", "float32")
    assert any(found), "the source no longer holds what this test breaks"
    assert cell.launches[kernel]
    assert cell.verdict == "fail"


def test_a_kernel_that_did_not_launch_is_seen() -> None:
    row = replace(rows("tanh")[0], kernels=("softmax",))
    cell = check(row, "numba", "float32")
    assert cell.verdict == "fail"
    assert "declares kernel softmax for float32, but it did not launch" in cell.message
    assert check(row, "numba", "float16").ok or "did not launch" not in check(row, "numba", "float16").message
