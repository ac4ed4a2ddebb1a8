"""A kernel's short way in gives what Numba's dispatcher gives, and takes nothing else."""

from __future__ import annotations

import sys
from typing import NamedTuple

import numpy as np
import pytest

from dlengine.kernels.compiling import compilations
from dlengine.kernels.jit import loss
from dlengine.kernels.jit.generated import machine
from dlengine.kernels.jit.machine import compile as compiling
from dlengine.kernels.jit.machine import entries
from dlengine.kernels.jit.machine.compile import interpreted, jit


@jit(parallel=False)
def every_kind(x, y, cube, spare, n, number, flag):
    """An argument of each kind; numbers of each kind come back."""
    for i in range(x.size):
        y[i] = x[i] * n + number
    if flag:
        y[0] = cube[1, 0, 2]
    return n + x.size, number * 2, flag and cube.shape[2] == 3


@jit(parallel=False)
def greedy(x, n):
    return np.empty(n)[0] + x[0]


@pytest.fixture(scope="module")
def arguments():
    return np.arange(4, dtype=np.float32), np.zeros(4, np.float32), np.arange(12.0).reshape(2, 2, 3), None, 3, 0.5, True


@pytest.fixture(scope="module")
def quick(arguments):
    every_kind.dispatcher(*arguments)
    return entries.entry(next(iter(every_kind.dispatcher.overloads.values())), None)


def test_all_kinds(quick, arguments):
    x, y, cube, *rest = arguments
    assert quick(*arguments) == every_kind.dispatcher(*arguments) == (7, 1.0, True)
    y[:] = 0
    assert quick(x, y, cube, None, -(2**62), 0.5, False) == (4 - 2**62, 1.0, False)
    y[:] = 0
    found = quick(x, y, cube, None, 2, 0.5, True)
    assert y.tolist() == [8.0, 2.5, 4.5, 6.5]
    assert [type(part) for part in found] == [int, float, bool]
    long = np.arange(5000, dtype=np.float32)
    filled = np.zeros_like(long)
    assert quick(long, filled, cube, None, 1, 0.0, False)[0] == 5001
    assert np.array_equal(long, filled)
    empty = np.empty(0, np.float32)
    assert quick(empty, empty, cube, None, 1, 0.0, False)[0] == 1


class Sub(np.ndarray):
    pass


def frozen(x):
    x = x.copy()
    x.flags.writeable = False
    return x


def misaligned(x):
    raw = np.zeros(x.nbytes + 1, np.uint8)
    y = raw[1:].view(x.dtype)
    y[:] = x
    return y


WRONG = {
    "dtype": (0, lambda x: x.astype(np.float64)), "axes": (0, lambda x: x.reshape(2, 2)),
    "strided": (0, lambda x: np.repeat(x, 2)[::2]), "read-only": (1, frozen),
    "subclass": (0, lambda x: x.view(Sub)), "byte order": (0, lambda x: x.astype(">f4")),
    "misaligned": (0, misaligned), "no array": (2, lambda x: x.tolist()), "transposed": (2, lambda x: x.T.copy().T),
    "not None": (3, lambda x: 0), "True for 1": (4, lambda x: True), "float": (4, float), "NumPy's integer": (4, np.int64),
    "too large": (4, lambda x: 2**63), "integer": (5, lambda x: 1), "NumPy's float": (5, np.float64), "1 for True": (6, int),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_other_arguments_are_missed(quick, arguments, case):
    place, change = WRONG[case]
    given = list(arguments)
    given[place] = change(given[place])
    before = arguments[1].copy()
    assert quick(*given) is entries.MISSED
    assert np.array_equal(before, arguments[1])
    assert quick(*arguments[:-1]) is quick(*arguments, 1) is quick() is entries.MISSED


def test_nothing_is_kept_alive(quick, arguments):
    wrong = (*arguments[:4], 3.0, *arguments[5:])
    objects = [*arguments[:3], None, True, entries.MISSED, np.dtype("f4"), np.ndarray]
    before = [sys.getrefcount(o) for o in objects]
    for _ in range(1000):
        quick(*arguments)
        quick(*wrong)
    after = [sys.getrefcount(o) for o in objects]
    assert max(abs(a - b) for a, b in zip(after, before, strict=True)) < 100


class Inner(NamedTuple):
    data: np.ndarray
    at: int
    pitch: int


class Outer(NamedTuple):
    rows: Inner
    scale: float
    doubled: bool
    nothing: None


class Alike(NamedTuple):
    data: np.ndarray
    at: int
    pitch: int


@jit(parallel=False)
def of_tuples(outer, n, y, other):
    for i in range(n):
        y[i] = outer.rows.data[outer.rows.at + i * outer.rows.pitch] * outer.scale + other.data[other.at]
    return 2 * n if outer.doubled else n


def tuples():
    data = np.arange(12, dtype=np.float32)
    return Outer(Inner(data, 1, 4), 0.5, True, None), 3, np.zeros(3), Inner(np.array([100.0]), 0, 7)


def test_named_tuples_also_within_each_other():
    outer, n, y, other = tuples()
    assert of_tuples.dispatcher(outer, n, y, other) == 6
    quick = entries.entry(next(iter(of_tuples.dispatcher.overloads.values())), None)
    y[:] = 0
    held = [outer, outer.rows, outer.rows.data, other, Outer, Inner]
    before = [sys.getrefcount(o) for o in held]
    assert [quick(outer, n, y, other) for _ in range(200)] == [6] * 200
    assert y.tolist() == [100.5, 102.5, 104.5]
    assert quick(outer._replace(doubled=False), 2, y, other._replace(at=0)) == 2
    y[:] = 0
    rows = outer.rows
    for wrong in (
        tuple(outer), outer._replace(rows=Alike(*rows)), outer._replace(rows=tuple(rows)), outer._replace(rows=None),
        outer._replace(rows=rows._replace(data=rows.data.astype(float))), outer._replace(rows=rows._replace(at=1.0)),
        outer._replace(rows=rows._replace(data=rows.data[::2])), outer._replace(doubled=1), outer._replace(nothing=0),
    ):  # fmt: skip
        assert quick(wrong, n, y, other) is entries.MISSED
    assert quick(outer, n, y, outer) is quick(outer, n, other, y) is quick(outer, n, y, rows) is entries.MISSED
    assert y.tolist() == [0.0] * 3
    assert max(abs(sys.getrefcount(o) - a) for o, a in zip(held, before, strict=True)) < 20


def test_no_memory_raises():
    x = np.ones(1)
    greedy.dispatcher(x, 1)
    quick = entries.entry(next(iter(greedy.dispatcher.overloads.values())), None)
    assert type(quick(x, 3)) is float
    with pytest.raises(MemoryError):
        quick(x, 1 << 60)


def test_making_one_counts_no_kernel(arguments, monkeypatch):
    every_kind.dispatcher(*arguments)
    monkeypatch.setattr(machine, "_folder", lambda: None)  # so that it is compiled
    entries._place.cache_clear()
    before = compilations.kernels
    quick = entries.entry(next(iter(every_kind.dispatcher.overloads.values())), None)
    assert compilations.kernels == before
    assert quick(*arguments) == every_kind.dispatcher(*arguments)


def test_unknown_kinds_have_no_entry():
    @jit(parallel=False)
    def pair(x, sizes):  # an ordinary tuple
        x[0] = sizes[0]

    pair.dispatcher(np.zeros(2), (1, 2))
    assert entries.entry(next(iter(pair.dispatcher.overloads.values())), None) is None


def test_one_thread_alone():
    from dlengine.kernels.jit.machine.pool_windows import means

    x, y, table = np.ones(4, np.float32), np.zeros(4, np.float32), geometry()
    means(x, y, table, 1)
    quick = entries.entry(next(iter(means.dispatcher.overloads.values())), means.threads_at)
    y[:] = 0
    assert quick(x, y, table, 2) is entries.MISSED
    assert y.tolist() == [0.0] * 4
    assert quick(x, y, table, 1) is None
    assert y.tolist() == [1.0] * 4


def test_any_number_of_threads(monkeypatch):
    """Parts in the pool are reached the short way too."""
    from dlengine.kernels.jit.machine.pool_windows import means

    x, y, table = np.ones(4, np.float32), np.zeros(4, np.float32), geometry()
    monkeypatch.setattr(means, "entries", ())
    monkeypatch.setattr(means, "_waits", 1)
    means(x, y, table, 2)
    monkeypatch.setattr(means, "_dispatched", None)
    for threads in (1, 2, 3):
        y[:] = 0
        means(x, y, table, threads)
        assert y.tolist() == [1.0] * 4


def geometry():
    from dlengine.kernels.geometry import PlaneGeometry

    return PlaneGeometry(1, 1, (4,), (4,)).table


def test_a_kernel_that_is_called_often_has_them(monkeypatch):
    x, labels, none = np.ones((3, 4), np.float32), np.array([0, 2, 3]), np.empty(0, np.float32)
    monkeypatch.setattr(loss._nll, "entries", ())
    monkeypatch.setattr(loss._nll, "_waits", 2)
    monkeypatch.setattr(loss._nll, "_patience", compiling.PATIENCE)
    wanted = [loss._nll(x, labels, -100, none) for _ in range(2)]
    assert len(loss._nll.entries) >= 1
    monkeypatch.setattr(loss._nll, "_dispatched", None)
    assert [loss._nll(x, labels, -100, none)] * 2 == wanted
    with pytest.raises(TypeError):  # what its entries miss goes to the dispatcher
        loss._nll(x[:, ::2], labels, -100, none)
    with interpreted(), pytest.raises(TypeError):
        loss._nll(x, labels, -100, none)
