"""Shorter ways of functions that draw give the same numbers and use as many of the stream, and answer nothing that is noted."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager

import numpy as np
import pytest

import dlengine as dl
from dlengine import backend, generator
from dlengine.autograd import short
from dlengine.generator import BatchPart, Generator, default_generator
from dlengine.kernels import graph_capture, jit
from dlengine.ops.short_draws import MAKERS

pytest.importorskip("numba")

ROWS = np.random.default_rng(0).random((7, 33))
ROWS[2, 3:20] = 0.0


def row(*values, dtype="f4"):
    return dl.asarray(np.array(values, dtype))


CASES = {
    "multinomial": (
        [
            (row(0.2, 0.0, 0.5, 0.3), 16, True), (row(0.2, 0.0, 0.5, 0.3), 3), (row(0.2, 0.0, 0.5, 0.3), 1), (row(3.0), 1),
            (dl.asarray(ROWS.astype("f4")), 1), (dl.asarray(ROWS.T), 1),
            (dl.asarray(ROWS[:, ::3]), 3), (dl.asarray(ROWS), 5, True),
            (dl.asarray(ROWS.astype("f4").T), 40, True), (dl.asarray(ROWS[:1]), 90, True), (dl.asarray(ROWS + 1), 2),
            (row(1e-320, 0.0, 1e-322, dtype="f8"), 1), (row(0.0, 1e-320, 5e-324, dtype="f8"), 2), (row(0.0, 0.0, 1.0), 9, True),
        ],
        [
            (row(0.2, -0.1), 1), (row(np.nan, 1.0), 1), (row(1.0, np.nan), 1, True), (row(np.inf, 1.0), 1),
            (row(0.0, 0.0), 1, True),
            (row(0.5, 0.0), 2), (dl.asarray([[0.5, 0.5], [1.0, 0.0]]), 2), (row(0.5, 0.5), 3), (row(0.5, 0.5), 0),
            (row(0.5), True),
            (row(0.5), 1.0), (row(0.5, dtype="f2"), 1), (row(1, 2, dtype="i8"), 1), (row(0.5, 0.5), 1, 1), (row(), 1),
            (dl.asarray(np.ones((0, 3))), 1), (dl.asarray(np.ones((2, 2, 2))), 1), (dl.asarray(1.0), 1), ([0.5, 0.5], 1),
            (row(1e308, 1e308, dtype="f8"), 1),
        ],
    ),
    "rand": (
        [(16,), (1,), (3, 5), ((2, 3),), (0,), (), ((),), (70000,)],
        [([2],), (2.0,), (True,), (-1,), (2, -1), (np.int64(3),)],
    ),
    "randn": (
        [(16,), (1,), (3, 5), ((2, 3),), (0,), (), ((),), (70000,)],
        [([2],), (2.0,), (True,), (-1,), (2, -1), ("a",)],
    ),
    "bernoulli": (
        [(0.5, 16), (0.0, 3), (1.0, (2, 3)), (0.25,), (0.3, 70000)],
        [(1, 3), (1.5, 3), (-0.5, 3), (float("nan"), 3), ("a", 3), (0.5, -1), (0.5, 2.0), (True, 2)],
    ),
    "randint": (
        [(0, 10, 16), (-5, 5, (2, 3)), (0, 1), (-(2**63), -(2**63) + 2**32, 5), (2**63 - 2, 2**63, 4), (0, 9, 50000)],
        [(0, 2**32 + 1, 3), (5, 5, 3), (6, 5, 3), (0, 2.5, 3), (0, 3, -1), (2**63 - 1, 2**63 + 1, 2), (True, 3, 2), (0, 3, [2])],
    ),
    "randperm": ([(16,), (1,), (0,), (5000,)], [(-1,), (True,), (2.0,), (np.int64(4),)]),
}  # fmt: skip
"""Arguments that are answered, and others."""


@pytest.fixture(autouse=True)
def _numba():
    with dl.use_backend("numba"):
        yield
    for name in CASES:
        getattr(dl, name).short.release()


@pytest.fixture(autouse=True)
def _settled(monkeypatch):
    monkeypatch.setattr(jit_random(), "settled", lambda name: True)


def jit_random():
    from dlengine.kernels.jit import random

    return random


def bound(name):
    function, args = getattr(dl, name), CASES[name][0][0]
    function.short.release()
    function.short.bind(backend.policy(), args, {}, function.__wrapped__(*args))
    assert function.short.policy is backend.policy(), name
    return function


def drawn(function, args, options, state=None):
    """A call's result or error, where the stream is afterwards, and the kernels that it launched."""
    source = options.get("generator", default_generator)
    if state is not None:
        source.seed, source.counter = state
    before = dict(jit.SET.launches)
    try:
        y = function(*args, **options)
    except Exception as error:  # compared with another one
        y = type(error), str(error)
    else:
        y = y if y is None else (y.array.dtype, y.shape, y._view, y.array.tobytes())
    launched = {key: n - before.get(key, 0) for key, n in jit.SET.launches.items() if n != before.get(key, 0) and ":" not in key}
    return y, (source.seed, source.counter), launched


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("state", [(0, 0), (2**64 - 1, 2**64 - 2), (7, 2**70 + 3)])
def test_same_numbers(name, state):
    function = bound(name)
    for args in CASES[name][0]:
        for options in ({}, {"generator": Generator(0)}):
            wanted = drawn(function.__wrapped__, args, options, state)
            assert drawn(function.short.bound, args, options, state) == wanted
            assert drawn(function, args, options, state) == wanted


@pytest.mark.parametrize("name", CASES)
def test_unusual_and_wrong_calls(name):
    function, state = bound(name), (3, 50)
    options = [] if name == "multinomial" else [{"device": "cpu"}]
    if name in ("rand", "randn"):
        options += [{"dtype": "float64"}, {"dtype": np.float16}, {"requires_grad": True}]
    if name == "randint":
        options += [{"dtype": "uint8"}]
    good = CASES[name][0][0]
    for args, given in [*[(args, {}) for args in CASES[name][1]], *[(good, given) for given in options]]:
        assert drawn(function, args, given, state) == drawn(function.__wrapped__, args, given, state)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(default_generator, "take_alone", pytest.fail)
            try:
                assert function.short.bound(*args, **given) is None, (args, given)
            except short.WRONG:
                pass
    with pytest.raises(AttributeError):
        function(*good, generator=3)


class Own(Generator):
    def draw(self, shape, words=1, axis=None):
        return super().draw(shape, words, axis)._replace(counter=1000)

    def take(self, words):
        return 5, 1000


@pytest.mark.parametrize("name", CASES)
def test_a_generator_of_another_class_is_asked(name):
    function, args = bound(name), CASES[name][0][0]
    wanted = drawn(function.__wrapped__, args, {"generator": Own(5)})
    assert drawn(function, args, {"generator": Own(5)}) == wanted
    assert wanted[0] != drawn(function, args, {"generator": Generator(5)})[0]


def test_every_kind_of_row_is_drawn_from():
    """The first of the times, where several are infinite, as where one sorts them."""
    function = bound("multinomial")
    for seed in range(40):
        for p in (row(0.0, 1e-320, 5e-324, 0.0, dtype="f8"), row(0.0, 1.0, 0.0, 1.0), row(1.0, 1.0)):
            found = [function(p, k, generator=Generator(seed)).tolist() for k in (1, 2)]
            assert found[0] == found[1][:1]


@pytest.mark.parametrize("name", ["rand", "randn"])
def test_the_default_dtype(name):
    function = bound(name)
    with dl.use_default_dtype("float64"):
        assert function(3).dtype == np.float64
        assert function.short.bound(3) is None


@contextmanager
def setting(variable, value):
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)


@pytest.mark.parametrize("name", CASES)
def test_draws_that_others_note(name):
    """The part of a batch, the draws of a checkpoint, and those of a captured step."""
    function, args = bound(name), CASES[name][0][0]
    capture = graph_capture.Capture(np.zeros(graph_capture.SLOTS, "u8"), np.empty)
    held = (
        (generator.own_part, BatchPart(0, 16, 48)), (generator.draws, []), (generator.replayed, iter([])),
        (graph_capture.current_capture, capture),
    )  # fmt: skip
    for variable, value in held:
        with setting(variable, value):
            counter = default_generator.counter
            assert function.short.bound(*args) is None, variable
            assert default_generator.counter == counter


@pytest.mark.parametrize("name", CASES)
def test_parts_of_a_batch_and_checkpoints(name):
    function, args, state = bound(name), CASES[name][0][0], (3, 50)
    with setting(generator.own_part, BatchPart(16, 32, 48, 1 if name == "multinomial" else 0)):
        assert drawn(function, args, {}, state) == drawn(function.__wrapped__, args, {}, state)
    log: list[generator.Drawn] = []
    with setting(generator.draws, log):
        function(*args)
    (_, _, words) = log[0]
    with setting(generator.replayed, iter([(3, 9, words)])):
        y = function(*args)
    default_generator.seed, default_generator.counter = 3, 9
    assert y.array.tobytes() == function(*args).array.tobytes()


def test_a_checkpoint_draws_again():
    bound("rand"), bound("randn")
    x = dl.tensor(np.ones(16, np.float32), requires_grad=True)
    dl.manual_seed(3)
    dl.sum(x * dl.rand(16) * dl.randn(16)).backward()
    wanted, x.grad = x.grad, None
    dl.manual_seed(3)
    y = dl.checkpoint(lambda x: dl.sum(x * dl.rand(16) * dl.randn(16)), x)
    dl.rand(5)
    y.backward()
    assert np.array_equal(x.grad.array, wanted.array)


def test_a_captured_step_draws_anew():
    function = bound("rand")
    step = dl.training.capture(lambda x: x + dl.rand(16))
    dl.manual_seed(4)
    found = [step(dl.zeros(16)).numpy().copy() for _ in range(4)]
    counter = default_generator.counter
    dl.manual_seed(4)
    wanted = [function.__wrapped__(16).numpy() for _ in range(4)]
    assert np.array_equal(found, wanted)
    assert counter == default_generator.counter


@pytest.mark.parametrize("name", CASES)
def test_a_function_asks_after_some_calls_and_draws_nothing_for_it(name):
    function, args = getattr(dl, name), CASES[name][0][0]
    function.short.release()
    dl.manual_seed(5)
    count = function.short.waits + 3
    found = [drawn(function, args, {}) for _ in range(count)]
    assert function.short.policy is backend.policy()
    dl.manual_seed(5)
    assert found == [drawn(function.__wrapped__, args, {}) for _ in range(count)]


@pytest.mark.parametrize("name", CASES)
def test_other_kernels_draw(name, monkeypatch):
    """Another kernel in the set's place, or the reference, which draws the first numbers."""
    function, args = getattr(dl, name), CASES[name][0][0]
    xp = backend.namespace_for(None)
    monkeypatch.setattr(jit_random(), "settled", lambda name: False)
    assert MAKERS[name](xp, None) is None
    monkeypatch.undo()
    assert all(jit_random().settled(f"random_{kind}") for kind in ("bernoulli", "integers"))
    monkeypatch.setattr(jit_random(), "settled", lambda name: True)
    monkeypatch.setattr(type(xp.kernels), "load", lambda self, name: lambda *args: None)
    assert MAKERS[name](xp, None) is None
    function.short.release()
    with setting(generator.draws, []):
        y = function(*args)
        function.short.bind(backend.policy(), args, {}, y)
    assert function.short.policy is None
    assert function.short.waits == short.UNUSUAL


def test_first_numbers_come_from_the_reference(monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(jit_random(), "_drawn", Counter())
    assert not jit_random().settled("random_normal")
    jit_random()._drawn["random_normal"] = jit_random().FEW
    assert jit_random().settled("random_normal")


def test_every_maker_is_tested():
    assert {*MAKERS} == {*CASES}
