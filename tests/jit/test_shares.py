"""Parallel loops are cut out of kernels, and give the same by one thread and by several; what cannot be cut is left to Numba."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")

import numba.extending
from numba import prange
from numba.core import types

from dlengine.kernels.jit.machine.compile import Kernel, inner, jit


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is compiled, nothing found."""
    monkeypatch.setenv("DLENGINE_CACHE", str(tmp_path))


@inner()
def doubled(x: Any) -> Any:
    return 2 * x


def with_what_is_around(factor: float) -> Any:
    """Two loops, memory of the kernel between them, a variable from outside, something before, something behind."""

    @jit()
    def kernel(x: Any, y: Any, threads: int) -> Any:
        size = x.size
        sums = np.zeros(threads)
        for t in prange(threads):
            total = 0.0
            for i in range(t * size // threads, (t + 1) * size // threads):
                total += x[i]
            sums[t] = total
        mean = sums.sum() / size
        for t in prange(threads):
            scratch = np.empty(1, x.dtype)
            for i in range(t * size // threads, (t + 1) * size // threads):
                scratch[0] = doubled(x[i]) * factor
                y[i] = scratch[0] - mean
        return mean

    return kernel


@jit()
def sum_over_parts(x: Any, threads: int) -> Any:
    total = 0.0
    for t in prange(threads):
        for i in range(t * x.size // threads, (t + 1) * x.size // threads):
            total += x[i]
    return total


@numba.extending.intrinsic
def holder(typing: Any, x: Any) -> Any:
    """Where the object lies that counts who uses the memory of an array; 0 where nobody counts."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, args[0])
        return builder.ptrtoint(array.meminfo, context.get_value_type(types.intp))

    return types.intp(x), code


@jit()
def holders(x: Any, pair: Any, y: Any, threads: int) -> Any:
    for t in prange(threads):
        y[3 * t], y[3 * t + 1], y[3 * t + 2] = holder(x), holder(pair[0]), holder(pair[1][0])
    return holder(x)


@jit()
def over_elements(x: Any, y: Any) -> None:
    for i in prange(x.size):
        y[i] = x[i]


def test_parts_do_not_count_who_uses_an_array() -> None:
    """Two threads that count the same holder up and down for each slice took four times as long as one."""
    x = np.ones(3)
    for threads in (1, 2):
        y = np.full(3 * threads, -1)
        assert holders(x, (x, (x, 1)), y, threads) != 0
        assert y.tolist() == [0] * 3 * threads


def test_one_form_for_one_thread_and_several() -> None:
    kernel = with_what_is_around(3.0)
    x = np.arange(10.0)
    for threads in (1, 2, 1, 5):
        y = np.zeros(10)
        assert kernel(x, y, threads) == 4.5
        np.testing.assert_array_equal(y, 6 * x - 4.5)
    assert kernel.outlined is not None
    assert len(kernel.dispatcher.signatures) == 1
    assert kernel(x.astype("float32"), np.zeros(10, "float32"), 2) == 4.5
    assert len(kernel.dispatcher.signatures) == 2


def test_variables_around_a_kernel_are_its_own() -> None:
    x, y = np.ones(4), np.zeros(4)
    for factor in (1.0, 2.0):
        with_what_is_around(factor)(x, y, 2)
        np.testing.assert_array_equal(y, 2 * factor - 1.0)


def test_several_threads_take_part() -> None:
    """Each part waits for the other: one thread alone would never come to an end."""
    import numba

    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("one thread")

    @jit()
    def meet(flags: Any, threads: int) -> None:
        for t in prange(threads):
            flags[t] = 1
            turns = 0
            while flags[1 - t] == 0 and turns < 2_000_000_000:
                turns += 1
                flags[2 + t] = turns

    flags = np.zeros(4, np.int64)
    worker = threading.Thread(target=meet, args=(flags, 2))
    worker.start()
    worker.join(60)
    assert not worker.is_alive()
    assert max(flags[2:]) < 2_000_000_000


def test_what_is_left_to_numba() -> None:
    """A number that all parts add to, and a loop that is not over parts."""
    x, y = np.arange(9.0), np.zeros(9)
    assert sum_over_parts.outlined is None
    assert [sum_over_parts(x, threads) for threads in (1, 2)] == [36.0, 36.0]
    assert over_elements.outlined is None
    over_elements(x, y)
    np.testing.assert_array_equal(y, x)


def test_a_kernel_without_a_text() -> None:
    space: dict[str, Any] = {"prange": prange}
    exec("def kernel(x, threads):\n    for t in prange(threads):\n        x[t] = t", space)  # noqa: S102 - a text of our own
    kernel = Kernel(space["kernel"], {"nogil": True, "no_cfunc_wrapper": True}, parallel=True)
    kernel.dispatcher._cache.load_overload = lambda *given: None
    assert kernel.outlined is None
