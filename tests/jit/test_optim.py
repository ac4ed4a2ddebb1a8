"""The fused optimizer steps against the reference in float64, over several steps."""

from __future__ import annotations

import array_api_compat.numpy as xp
import numpy as np
import pytest

from dlengine.kernels.jit import optim as jit
from dlengine.kernels.jit.generated import addresses
from dlengine.kernels.jit.machine import table
from dlengine.kernels.jit.machine.compile import interpreted
from dlengine.kernels.reference import optim as reference
from dlengine.kernels.settings import AdamSettings, SGDSettings

DTYPES = [np.float32, np.float64]
SHAPES = [(37,), (3, 5, 7), (), (0, 3), (40_000,)]
# momentum, dampening, weight_decay, nesterov
SGD = [
    (0.0, 0.0, 0.0, False),
    (0.0, 0.0, 0.1, False),
    (0.9, 0.0, 0.0, False),
    (0.9, 0.3, 0.1, False),
    (0.9, 0.0, 0.1, True),
]
# amsgrad, weight_decay, decoupled
ADAM = [(False, 0.0, False), (False, 0.1, False), (False, 0.1, True), (True, 0.0, False), (True, 0.1, True)]


def run(kernels, first, make, steps, options):
    """Parameter and state after a few steps from the same start."""
    rng = np.random.default_rng(0)
    p = make(rng)
    if len(options) == 4:
        momentum, *more = options
        state = [make(rng)] if momentum else []
        for k in range(steps):
            kernels.sgd(*first, [p], [make(rng)], state if momentum else None, SGDSettings(0.1, momentum, *more, k == 0))
    else:
        amsgrad, *more = options
        state = [np.zeros_like(p) for _ in range(2 + amsgrad)]
        for k in range(steps):
            m, v, *largest = [[a] for a in state]
            kernels.adam(*first, [p], [make(rng)], m, v, *(largest or [None]), AdamSettings(0.1, 0.9, 0.99, 1e-8, *more, k + 1))
    return [p, *state]


def compare(shape, dtype, options, view=None, steps=4):
    def make(rng, kind=dtype):
        a = rng.standard_normal(shape).astype(dtype).astype(kind)
        return np.asarray(a) if view is None else a[view]

    got = run(jit, (), make, steps, options)
    want = run(reference, (xp,), lambda rng: make(rng, np.float64), steps, options)
    for a, b in zip(got, want, strict=True):
        assert a.dtype == dtype
        np.testing.assert_allclose(a, b, rtol=0, atol=40 * np.finfo(dtype).eps * max(1, np.abs(b).max(initial=0)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("options", SGD + ADAM)
def test_steps(options, shape, dtype):
    compare(shape, dtype, options)


@pytest.mark.parametrize("options", SGD + ADAM)
def test_views_are_updated_in_place(options):
    for view in (np.s_[::2, ::-3], np.s_[:, 2:5]):
        compare((6, 10), np.float32, options, view)
    whole = np.ones((4, 4), np.float32)
    jit.sgd([whole[:, ::2]], [np.ones((4, 2), np.float32)], None, SGDSettings(1.0, 0.0, 0.0, 0.0, False, True))
    np.testing.assert_array_equal(whole, np.tile([0, 1], (4, 2)))


@pytest.mark.parametrize("options", SGD + ADAM)
def test_interpreted(options):
    with interpreted():
        compare((5, 3), np.float32, options)


def test_nan_gradient_reaches_the_parameter():
    p, g = np.ones(5, np.float32), np.array([0, np.nan, 1, np.inf, 0], np.float32)
    m, v, largest = np.zeros((3, 5), np.float32)
    jit.adam([p], [g], [m], [v], [largest], AdamSettings(0.1, 0.9, 0.99, 1e-8, 0.0, False, 1))
    np.testing.assert_array_equal(np.isnan(p), [False, True, False, True, False])
    assert np.isnan(largest[1])


def test_garbage_in_a_new_buffer_is_not_read():
    p, buf = np.ones(3, np.float32), np.full(3, np.nan, np.float32)
    jit.sgd([p], [np.ones(3, np.float32)], [buf], SGDSettings(0.5, 0.9, 0.0, 0.0, True, True))
    np.testing.assert_allclose(p, 1 - 0.5 * 1.9, rtol=1e-6)
    np.testing.assert_array_equal(buf, 1)


# ---------------------------------------------------------------------- where the arrays lie
def arrays(count=3, dtype=np.float32):
    return [np.arange(4 * i + 4, dtype=dtype).reshape(2, -1) for i in range(count)]


def noted(table):
    return table.addresses.tolist(), table.ends.tolist(), table.size


@pytest.fixture(params=["noted", "looked at"])
def way(request, monkeypatch):
    if request.param == "looked at":
        monkeypatch.setattr(table, "noter", lambda: None)
    return request.param


@pytest.mark.usefixtures("way")
def test_a_table_says_where_arrays_lie():
    ps, gs = arrays(), arrays()
    found = table.PointerTable(ps, gs, written=(0,))
    assert noted(found) == ([[p.ctypes.data, g.ctypes.data] for p, g in zip(ps, gs, strict=True)], [0, 4, 12, 24], 24)
    assert not found.copies
    assert found.like.dtype == np.float32


def test_common_tables_need_no_look(monkeypatch):
    """Nor those of numbers, of no elements, or with a role that is only read and read-only."""
    monkeypatch.setattr(table.PointerTable, "_look", lambda self, written: pytest.fail("looked at"))
    read_only = arrays()
    for a in read_only:
        a.flags.writeable = False
    table.PointerTable(arrays(), read_only, written=(0,))
    found = table.PointerTable([np.array(1.0), np.zeros((0, 3)), np.zeros((2, 1))], written=(0,))
    assert found.ends.tolist() == [0, 1, 1, 3]


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("role", [0, 1])
def test_arrays_in_other_layouts_are_copied(role):
    def strange(a):
        return [a.T, a[:, ::2], a.astype(a.dtype.newbyteorder("S"))]

    for k in range(3):
        roles = [arrays(1), arrays(1)]
        roles = [[strange(r[0])[k]] if i == role else [np.ascontiguousarray(strange(r[0])[k].astype(np.float32))]
                 for i, r in enumerate(roles)]  # fmt: skip
        before = [r[0].copy() for r in roles]
        found = table.PointerTable(*roles, written=(0,))
        assert found.addresses[0, role] != roles[role][0].ctypes.data
        assert found.addresses[0, 1 - role] == roles[1 - role][0].ctypes.data
        assert len(found.copies) == (role == 0)
        seen = table.elements(found.addresses[0, role], 0, found.size, found.like)
        assert seen.tolist() == before[role].reshape(-1).tolist()
        seen += 1
        found.give_back()
        assert roles[role][0].tolist() == (before[role] + (role == 0)).tolist()


@pytest.mark.usefixtures("way")
def test_what_is_to_be_written_must_be_writeable():
    ps = arrays()
    ps[2].flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        table.PointerTable(ps, arrays(), written=(0,))


@pytest.mark.usefixtures("way")
def test_lists_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="zip"):
        table.PointerTable(arrays(), arrays(2), written=(0,))


def test_other_objects_are_not_read_as_arrays():
    """The C function refuses what is no list of arrays of one dtype and size."""
    note = addresses.noter()
    ps, more, ends = arrays(), arrays(), np.zeros(4, np.int64)
    room = np.zeros((3, 2), np.int64)
    assert note(room, ends, 1, ps, more) is True
    for other in (tuple(more), [*more[:2], "no array"], [*more[:2], more[2].astype(np.float64)], [more[2], *more[:2]], more[:2]):
        assert note(room, ends, 1, ps, other) is False
    for first in (["no array"] * 3, tuple(ps), [], 5):
        assert note(room, ends, 1, first, more) is False
    more[1].flags.writeable = False
    assert note(room, ends, 1, ps, more) is True
    assert note(room, ends, 3, ps, more) is False
