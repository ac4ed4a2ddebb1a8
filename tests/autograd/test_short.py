"""Shorter ways of public functions give what the functions give, bit for bit, and take no call that they should not."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest

import dlengine as dl
from dlengine import backend
from dlengine.autograd import short
from dlengine.kernels import jit
from dlengine.ops.softmax import softmax_cross_entropy
from dlengine.recording import generating
from dlengine.testing.mutants import replace_definition

pytest.importorskip("numba")

F = dl.nn.functional
MODULES = ("short_losses", "short_norms", "short_pools")
RNG = np.random.default_rng(0)


def numbers(*shape, dtype=np.float32):
    return dl.asarray(RNG.standard_normal(shape).astype(dtype))


def labels(n, classes, dtype=np.int64):
    return dl.asarray(RNG.integers(0, classes, n).astype(dtype))


def frozen(x):
    a = x.array.copy()
    a.flags.writeable = False
    return dl.asarray(a)


LINE, PLANE, SOLID = numbers(2, 3, 12), numbers(1, 2, 8, 9), numbers(2, 1, 4, 6, 5)
ROWS, NAMES = numbers(5, 7), labels(5, 7)
IMAGE, CHANNELS = numbers(2, 6, 5), [numbers(6) for _ in range(4)]
CHANNELS[1] = dl.asarray(np.abs(CHANNELS[1].array))
HUGE = dl.asarray(np.full((2, 6, 5), 3e38, np.float32) * np.sign(IMAGE.array))

POOLS = {
    f"{kind}_pool{rank}d": (
        [
            ((x, 2), {}), ((x, 2, 1), {}), ((x, (2,) * rank), {"stride": (1,) * rank, "padding": 1}),
            ((x, 3), {"padding": (1,) * rank, "ceil_mode": True}), ((x.mT, 2), {}), ((x.astype("float64"), 2), {}),
            ((frozen(x), 2), {}),
        ],
        [
            ((x[0], 2), {}), ((x, 2.0), {}), ((x, True), {}), ((x, 0), {}), ((x, 2, -1), {}), ((x, 2), {"padding": 2}),
            ((x, [2] * rank), {}), ((x, (2.0,) * rank), {}), ((x, (2,) * (rank + 1)), {}), ((x, 99), {}), ((x.array, 2), {}),
            ((x.astype("float16"), 2), {}), ((x[:0], 2), {}), ((x, 2), {"ceil_mode": 1}), ((x,), {}), ((x, 2), {"colour": 1}),
            ((dl.ones((2, 2)), 1), {}),
        ],
    )
    for kind in ("max", "avg") for rank, x in ((1, LINE), (2, PLANE), (3, SOLID))
}  # fmt: skip
for rank in (1, 2, 3):
    POOLS[f"max_pool{rank}d"][0].append(((POOLS[f"max_pool{rank}d"][0][0][0][0], 2), {"dilation": 2}))
    POOLS[f"max_pool{rank}d"][1].extend([
        ((POOLS[f"max_pool{rank}d"][0][0][0][0], 2), {"return_indices": True}),
        ((POOLS[f"max_pool{rank}d"][0][0][0][0].astype("int32"), 2), {}),
        ((POOLS[f"max_pool{rank}d"][0][0][0][0], 2), {"dilation": 99, "padding": 1}),
    ])  # fmt: skip
    POOLS[f"avg_pool{rank}d"][0].append(((POOLS[f"avg_pool{rank}d"][0][0][0][0], 2), {"padding": 1, "count_include_pad": False}))
ADAPTIVE = {
    f"adaptive_{kind}_pool{rank}d": (
        [
            ((x, 2), {}), ((x, (3, 2, 4)[:rank]), {}), ((x, 1), {}), ((x.astype("float64"), 2), {}), ((x.mT, 3), {}),
        ],
        [
            ((x, None), {}), ((x, (None, 2, 1)[:rank]), {}), ((x[0], 2), {}), ((x, 2.0), {}), ((x, True), {}), ((x, 0), {}),
            ((x, (2,) * (rank + 1)), {}), ((x, [2] * rank), {}), ((x.astype("float16"), 2), {}), ((x[:0], 2), {}), ((x,), {}),
        ],
    )
    for kind in ("max", "avg") for rank, x in ((1, LINE), (2, PLANE), (3, SOLID))
}  # fmt: skip
for rank in (1, 2, 3):
    ADAPTIVE[f"adaptive_max_pool{rank}d"][1].append(((LINE, 2), {"return_indices": True}))

WRONG_LABELS = [
    ((ROWS, dl.asarray([0, 1, 2, 3, 7])), {}), ((ROWS, dl.asarray([0, 1, -1, 3, 4])), {}), ((ROWS, NAMES[:4]), {}),
    ((ROWS, NAMES.astype("int32")), {}), ((ROWS.astype("float16"), NAMES), {}), ((ROWS, NAMES.array), {}),
    ((ROWS.array, NAMES), {}), ((ROWS[:0], NAMES[:0]), {}), ((ROWS[0], NAMES[0]), {}), ((numbers(2, 7, 3), labels((2, 3), 7)), {}),
    ((ROWS, numbers(5)), {}), ((ROWS,), {}), ((ROWS, NAMES), {"ignore_index": 2.0}), ((ROWS, NAMES), {"colour": 1}),
]  # fmt: skip
LABELLED = [
    ((ROWS, NAMES), {}), ((ROWS.astype("float64"), NAMES), {}), ((ROWS, dl.asarray([-100, 1, 2, -100, 4])), {}),
    ((ROWS, NAMES), {"ignore_index": 3}), ((ROWS.mT, labels(7, 5)), {}), ((frozen(ROWS), frozen(NAMES)), {}),
    ((numbers(90, 7), labels(90, 7)), {}), ((ROWS, dl.full((5,), -100, dtype="int64")), {}),
]  # fmt: skip
WORDS = [((ROWS, NAMES), {"reduction": "median"}), ((ROWS, NAMES), {"reduction": 1}), ((ROWS, NAMES, numbers(7)), {})]
LOSSES = {
    "nll_loss": ([*LABELLED, *[((ROWS, NAMES), {"reduction": word}) for word in ("sum", "none")]], [*WRONG_LABELS, *WORDS]),
    "cross_entropy": (
        LABELLED,
        [*WRONG_LABELS, *WORDS, *[((ROWS, NAMES), {"reduction": word}) for word in ("sum", "none")],
         ((ROWS, NAMES), {"label_smoothing": 0.1}), ((ROWS, NAMES), {"label_smoothing": 2}), ((ROWS, dl.softmax(ROWS)), {})],
    ),
    "softmax_cross_entropy": (LABELLED, [*WRONG_LABELS, ((ROWS, NAMES), {"mean": True})]),
}  # fmt: skip

W, B, M, V = CHANNELS[0], CHANNELS[2], CHANNELS[3], CHANNELS[1]
LAST = [numbers(5) for _ in range(2)]
NORMS = {
    "layer_norm": (
        [((IMAGE, 5), {}), ((IMAGE, [5], *LAST), {}), ((IMAGE, (6, 5), numbers(6, 5)), {}), ((ROWS, 7), {"eps": 0.5}),
         ((IMAGE, (5,), None, LAST[0]), {}), ((IMAGE.mT, 6), {}), ((IMAGE.astype("float64"), 5), {}),
         ((HUGE.astype("float64"), 5), {})],
        [((IMAGE, 4), {}), ((IMAGE, ()), {}), ((IMAGE, 5, W), {}), ((HUGE, 5), {}), ((IMAGE, 5, LAST[0].astype("float64")), {}),
         ((IMAGE.astype("float16"), 5), {}), ((IMAGE[:0], 5), {}), ((IMAGE, 5), {"eps": 1}), ((IMAGE, 5.0), {}), ((IMAGE,), {}),
         ((IMAGE.array, 5), {}), ((IMAGE, (1, 2, 6, 5)), {}), ((IMAGE.astype("int64"), 5), {})],
    ),
    "group_norm": (
        [((IMAGE, 3), {}), ((IMAGE, 2, W, B), {}), ((numbers(3, 6), 2, W), {}), ((PLANE, 2), {"eps": 0.1}), ((IMAGE.mT, 5), {}),
         ((IMAGE.astype("float64"), 6), {})],
        [((IMAGE, 4), {}), ((IMAGE, 0), {}), ((IMAGE, 2.0), {}), ((IMAGE, True), {}), ((IMAGE, 2, LAST[0]), {}), ((HUGE, 3), {}),
         ((IMAGE[:0], 3), {}), ((W, 3), {}), ((IMAGE.astype("float16"), 3), {}), ((IMAGE, 3, W.astype("float64")), {})],
    ),
    "batch_norm_inference": (
        [((IMAGE, M, V), {}), ((IMAGE, M, V, W, B), {}), ((numbers(3, 6), M, V, None, B), {"eps": 0.1}),
         ((IMAGE.mT, numbers(5), dl.ones(5)), {}), ((IMAGE[:0], M, V), {}),
         ((IMAGE.astype("float64"), M.astype("float64"), V.astype("float64")), {})],
        [((IMAGE, M), {}), ((IMAGE, None, V), {}), ((IMAGE, M, None), {}), ((IMAGE, M, LAST[0]), {}), ((W, M, V), {}),
         ((IMAGE, M, V.astype("float64")), {}), ((IMAGE.astype("float16"), M, V), {}), ((IMAGE, M, V, 2.0), {})],
    ),
}  # fmt: skip

CASES = {**POOLS, **ADAPTIVE, **LOSSES, **NORMS}
FUNCTIONS = {name: getattr(F, name, None) or getattr(dl, name, None) for name in CASES}
FUNCTIONS["softmax_cross_entropy"] = softmax_cross_entropy


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
        floating = [i for i, a in enumerate(args) if isinstance(a, dl.Tensor) and a.dtype.kind == "f"]
        for needed in floating:
            given = [dl.tensor(a.array, requires_grad=True) if i == needed else a for i, a in enumerate(args)]
            y, wanted = function(*given, **options), function.__wrapped__(*given, **options)
            assert y.requires_grad
            assert y.node.op is wanted.node.op
            with dl.no_grad():
                assert not function(*given, **options).requires_grad
                found = function.short.bound(*given, **options)
            assert found is not None
            assert found.array.tobytes() == y.array.tobytes()


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
    for _ in range(dl.avg_pool1d.short.waits):
        dl.avg_pool1d(x, 2)
    assert dl.avg_pool1d.short.policy is None
    assert dl.avg_pool1d.short.waits == 64 * 16


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
