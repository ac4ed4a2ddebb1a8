"""Shorter ways of public functions give what the functions give, bit for bit, and take no call that they should not."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest
from autograd.short_cases import CASES, FUNCTIONS, LINE

import dlengine as dl
from dlengine import backend
from dlengine.autograd import short
from dlengine.kernels import jit
from dlengine.recording import generating
from dlengine.testing.mutants import replace_definition

pytest.importorskip("numba")

F = dl.nn.functional
MODULES = ("short_creation", "short_losses", "short_norms", "short_places", "short_pools", "short_products")


@pytest.fixture(autouse=True)
def _numba():
    with dl.use_backend("numba"):
        yield
    for function in FUNCTIONS.values():
        function.short.release()


def bound(name):
    """A function, answered by its shorter way."""
    function, (args, options) = FUNCTIONS[name], CASES[name][0][0]
    function.short.release()
    function.short.bind(backend.policy(), args, options, function.__wrapped__(*args, **options))
    assert function.short.policy is backend.policy(), name
    return function


def counted(function, args, options):
    """A call's result or error, and the kernels that it launched."""
    before = dict(jit.SET.launches)
    try:
        y = function(*args, **options)
    except Exception as error:  # compared with another one
        y = error
    after = dict(jit.SET.launches)
    return y, {key: n - before.get(key, 0) for key, n in after.items() if n != before.get(key, 0)}


def alike(a, b):
    assert type(a) is type(b), (a, b)
    if isinstance(a, Exception):
        assert str(a) == str(b)
    elif isinstance(a, tuple):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            alike(x, y)
    else:
        x, y = a.array, b.array
        assert (x.dtype, x.shape, a.needs_grad, a._view) == (y.dtype, y.shape, b.needs_grad, b._view)
        assert x.tobytes() == y.tobytes()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CASES)
def test_same_results(name):
    function = bound(name)
    good, other = CASES[name]
    for place, (args, options) in enumerate(good):
        found, launched = counted(function.short.bound, args, options)
        wanted, usual = counted(function.__wrapped__, args, options)
        assert not isinstance(wanted, Exception), (place, wanted)
        assert found is not None, place
        alike(found, wanted)
        assert launched == usual, place
        alike(function(*args, **options), wanted)
    for args, options in other:
        found, _ = counted(function.short.bound, args, options)
        wanted, _ = counted(function.__wrapped__, args, options)
        alike(counted(function, args, options)[0], wanted)
        if found is not None and not isinstance(found, short.WRONG):
            alike(found, wanted)


@pytest.mark.parametrize("name", CASES)
def test_gradients_are_recorded(name):
    function = bound(name)
    for args, options in CASES[name][0][:2]:
        floating = [i for i, a in enumerate(args) if isinstance(a, dl.Tensor) and a.dtype.kind in "fc"]
        for needed in floating:
            given = [dl.tensor(a.array, requires_grad=True) if i == needed else a for i, a in enumerate(args)]
            y, wanted = (recorded(f(*given, **options)) for f in (function, function.__wrapped__))
            assert y.requires_grad
            assert y.node.op is wanted.node.op
            with dl.no_grad():
                assert not first(function(*given, **options)).requires_grad
                found = function.short.bound(*given, **options)
            if name in ("split", "chunk", "broadcast_arrays", "meshgrid"):  # views of what needs gradients are left to the ops
                assert found is None
            else:
                assert first(found).array.tobytes() == y.array.tobytes()


def first(y):
    return y[0] if isinstance(y, tuple) else y


def recorded(y):
    """The first result that needs a gradient, if one does."""
    return next((t for t in y if t.requires_grad), y[0]) if isinstance(y, tuple) else y


def test_every_maker_is_tested():
    assert {name for module in MODULES for name in import_module(f"dlengine.ops.{module}").MAKERS} == {*CASES}


def test_a_function_asks_after_some_calls():
    function, x = dl.avg_pool1d, LINE
    function.short.release()
    for _ in range(function.short.waits):
        assert function.short.policy is None
        function(x, 2)
    assert function.short.policy is backend.policy()
    with dl.use_backend("numpy"):
        assert function.short.policy is not backend.policy()
        function(x, 2)
    with generating("always"):
        assert function.short.policy is None


def test_calls_that_record_bind_nothing():
    x = dl.tensor(LINE.array, requires_grad=True)
    dl.avg_pool1d.short.release()
    for _ in range(dl.avg_pool1d.short.waits + 3):
        dl.avg_pool1d(x, 2)
    assert dl.avg_pool1d.short.policy is None
    dl.avg_pool1d(LINE, 2)
    assert dl.avg_pool1d.short.policy is backend.policy(), "the next call that records nothing binds"


def test_unusual_calls_make_it_ask_rarely():
    dl.avg_pool1d.short.release()
    for _ in range(dl.avg_pool1d.short.waits):
        dl.avg_pool1d(LINE, [2])
    for _ in range(2):
        assert dl.avg_pool1d.short.policy is None
        assert dl.avg_pool1d.short.waits == short.UNUSUAL
        for _ in range(short.UNUSUAL):
            dl.avg_pool1d(LINE, [2])
    dl.avg_pool1d.short.waits = 1
    dl.avg_pool1d(LINE, 2)
    assert dl.avg_pool1d.short.policy is backend.policy()


def test_a_definition_that_is_replaced_answers():
    function = bound("avg_pool1d")
    wanted = function(LINE, 2).array * 2
    undo = replace_definition("avg_pool2d", lambda xp, x, g: (xp.avg_pool2d(x, g) * 2, None))
    try:
        assert np.array_equal(function(LINE, 2).array, wanted)
        for _ in range(function.short.waits + 1):
            assert np.array_equal(function(LINE, 2).array, wanted)
        assert function.short.policy is None
    finally:
        undo()


def test_looking_counts_no_kernel():
    function = dl.avg_pool1d
    function.short.release()
    counts = [counted(function, (LINE, 2), {})[1] for _ in range(function.short.waits + 2)]
    assert function.short.policy is not None
    assert counts == [{"avg_pool2d": 1}] * len(counts)


@pytest.mark.parametrize("name", ["split", "chunk"])
def test_views_count_writes_with_what_they_show(name):
    function, x = bound(name), dl.asarray(np.arange(6.0), copy=True)
    parts = function(x, 2)
    assert all(part.version is x.version and np.shares_memory(part.array, x.array) for part in parts)
    parts[0][0] = 7.0
    assert x.array[0] == 7.0


def test_geometries_do_not_grow_for_ever():
    function = bound("max_pool1d")
    wanted = dl.max_pool1d.__wrapped__(LINE, 2)
    for n in range(2, 530):
        function(dl.zeros((1, 1, n)), 2)
    alike(function(LINE, 2), wanted)


def test_a_captured_step_has_the_same_calls():
    def step(x):
        return dl.sum(dl.max_pool1d(x, 2)) + dl.sum(F.layer_norm(x, x.shape[-1]))

    wanted = dl.training.capture(step)(LINE)
    bound("max_pool1d"), bound("layer_norm")
    after = dl.training.capture(step)
    assert float(after(LINE)) == float(wanted) == float(after(LINE))


def test_a_step_may_be_recorded_when_it_is_time_to_look():
    """Looking is put off: under a recording the backend has no plain arrays."""
    x = dl.asarray(np.ones((3, 8), np.float32))

    def step(t):
        for _ in range(40):
            t = dl.nn.functional.layer_norm(t, (8,)) + 1.0
        return t

    with dl.use_backend("numba"), generating("auto"):
        captured = dl.training.capture(step, warmup=1)
        for _ in range(4):
            y = captured(x)
        np.testing.assert_array_equal(np.asarray(y), np.asarray(step(x)))


def test_declaring_an_op_leaves_short_ways_as_they_are():
    """Only a definition that is replaced may be behind one of them."""
    function = bound("layer_norm")

    @dl.op
    def doubled(xp, x, /):
        return x + x, lambda gy: gy + gy

    assert doubled(LINE).shape == LINE.shape
    assert function.short.policy is backend.policy()
    doubled.op.forget_readings()
    assert function.short.policy is None
