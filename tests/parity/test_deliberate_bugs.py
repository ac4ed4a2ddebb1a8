"""Parity can fail: break any one kernel by one value, a constant of a CUDA source, a launch, a dtype, and a cell says so."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from dlengine import backend
from dlengine.autograd.op import op
from dlengine.errors import GradientError
from dlengine.kernels import cuda, jit
from dlengine.kernels.cuda.machine import launch
from dlengine.kernels.registry import KernelSet
from dlengine.testing import Case, check, check_gradients, forward_error, normal, rows, sample, ulp
from dlengine.testing.overwrite import overwrites

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
        if kernel != self.target:
            return right

        def broken(*args: Any, **kwargs: Any) -> Any:
            result = right(*args, **kwargs)
            if result is None:  # it wrote to its arguments
                args[0][0][...] = off_by_a_little(args[0][0])
                return None
            return off_by_a_little(result)

        return broken


def install(monkeypatch: pytest.MonkeyPatch, kernels: KernelSet) -> str:
    monkeypatch.setitem(
        backend.BACKENDS, "broken", backend.Backend("broken", backend.NUMPY, lambda: kernels, lambda: None)
    )
    return "broken"


@pytest.mark.parametrize(("name", "kernel"), BREAKABLE, ids=[f"{n}-{k}" for n, k in BREAKABLE])
def test_one_wrong_value_is_seen(name: str, kernel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    base = SETS[name]
    broken = Broken(f"broken {base.name} {kernel}", base.package, base.dtypes, Counter(), base, kernel)
    installed = install(monkeypatch, broken)
    # one value more or less may not show in every row: a draw from few classes is the same
    cells = (check(row, installed, "float32") for row in sorted(users(kernel), key=lambda r: len(r.samples)))
    cell = next((c for c in cells if not c.ok), None)
    assert cell is not None
    assert "exceeds" in cell.message or "differ" in cell.message or "times that of numpy" in cell.message


def test_enough_kernels_can_be_broken() -> None:
    assert len({kernel for name, kernel in BREAKABLE if name == "numba"}) >= 5


MUTATIONS = [
    ("conv2d", "conv2d", "window.h + tap.h, window.w + tap.w}", "window.h + tap.h + 1, window.w + tap.w}"),
    ("conv2d", "conv2d", "window.h + tap.h, window.w + tap.w}", "window.h + tap.h, window.w + tap.w + 1}"),
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


# ---------------------------------------------------------------------- the other checks of the table can fail too
def row_of(op: Callable[..., Any]) -> Case:
    return Case(
        "broken", op, (sample(normal(3, 4), normal(3, 4)),), (), ulp(4), ulp(4), (), ("float32",), True, True
    )


def test_a_wrong_gradient_is_seen() -> None:
    @op(name="test_wrong_gradient")
    def text(xp: Any, a: Any, b: Any, /) -> Any:
        return a * b, (lambda gy: gy * b, lambda gy: gy * a * 1.0001)

    with pytest.raises(GradientError, match="broken, sample 0: gradcheck, first order: .* argument 1"):
        check_gradients(row_of(text))


def test_too_few_and_too_many_guards_are_seen() -> None:
    @op(needs="", name="test_unguarded")
    def unguarded(xp: Any, a: Any, b: Any, /) -> Any:
        return a * b, (lambda gy: gy * b, lambda gy: gy * a)

    @op(needs="a b y", name="test_overguarded")
    def overguarded(xp: Any, a: Any, b: Any, /) -> Any:
        return a * b, (lambda gy: gy * b, lambda gy: gy * a)

    wrong = overwrites(row_of(unguarded))
    assert any("input 0 overwritten: the gradient is silently wrong" in line for line in wrong)
    wrong = overwrites(row_of(overguarded))
    assert any("output 0 overwritten: GradientError, but no pullback reads the value" in line for line in wrong)
    assert not overwrites(rows("multiply")[0])


def test_a_wrong_dtype_and_a_wrong_shape_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclass(frozen=True)
    class Widening(Broken):
        def load(self, kernel: str) -> Callable[..., Any]:
            right = jit.SET.load(kernel)
            if self.target == "dtype":
                return lambda *args: right(*args).astype("float64")
            return lambda *args: right(*args)[:1]

    for target, complaint in (("dtype", "dtype float64 where float32"), ("shape", "shape .* where .* was expected")):
        broken = Widening(f"widening {target}", jit.SET.package, jit.SET.dtypes, Counter(), jit.SET, target)
        cell = check(replace(rows("softmax")[0], differentiable=False), install(monkeypatch, broken), "float32")
        assert cell.verdict == "fail"
        assert re.search(complaint, cell.message)


def test_a_sloppy_kernel_is_seen_by_the_baseline_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within the row's own loose bound, yet far worse than NumPy in the same dtype."""

    @dataclass(frozen=True)
    class Sloppy(Broken):
        def load(self, kernel: str) -> Callable[..., Any]:
            right = jit.SET.load(kernel)
            return lambda *args: right(*args) * np.float32(1 + 3e-6)

    loose = replace(rows("softmax")[0], bound=forward_error(1, c=1000.0), grad_bound=forward_error(1, c=1000.0))
    broken = Sloppy("sloppy", jit.SET.package, jit.SET.dtypes, Counter(), jit.SET)
    cell = check(loose, install(monkeypatch, broken), "float32")
    assert cell.verdict == "fail"
    assert "is more than 4 times that of numpy in float32" in cell.message
