"""Small calls: what answers ops from tensors to tensor gives what their definitions give, bit for bit, and nothing else."""

from __future__ import annotations

import gc
import sys

import numpy as np
import pytest

import dlengine as dl
from dlengine import backend, linalg, nn
from dlengine.autograd import small, small_kernels, small_views
from dlengine.autograd.op import OPS
from dlengine.kernels import jit
from dlengine.recording import generating
from dlengine.testing.mutants import replace_definition
from dlengine.training import capture

pytest.importorskip("numba")

FLOATS = (np.float32, np.float64)
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -2.5, np.inf, -np.inf, np.nan, 1e-40, -3e38, 3e38, 2.0, 7.25, -0.75, 1e-3]
ONE = (
    "abs acos acosh asin asinh atan atanh ceil conj cos cosh erf erfc exp expm1 floor isfinite isinf isnan log log10 log1p log2 "
    "logical_not negative positive reciprocal round signbit sin sinh sqrt square tan tanh trunc"
).split()
TWO = (
    "add atan2 copysign divide equal floor_divide fmod greater greater_equal hypot less less_equal logaddexp logical_and "
    "logical_or logical_xor maximum minimum multiply nextafter not_equal pow remainder subtract"
).split()
KERNELS = (
    "relu leaky_relu softplus sigmoid silu sum mean prod max min softmax log_softmax tril triu trace diagonal argmax argmin "
    "vector_norm"
).split()


@pytest.fixture(autouse=True)
def _numba():
    with dl.use_backend("numba"):
        yield
    for call in OPS.values():
        call.op.unbind()


def bound(name: str):
    """An op, answered by what small.py finds for it."""
    op = OPS[name].op
    op.unbind()
    xp = backend.spaces()[np.ndarray]
    small.bind(op, backend.policy(), xp)
    assert op.policy is not None, name
    return op


def both(name: str, *args, **consts):
    """An op's results without and with what is bound."""
    OPS[name].op.unbind()
    plain = result(name, args, consts)
    bound(name)
    return plain, result(name, args, consts)


def result(name, args, consts):
    try:
        return OPS[name](*args, **consts)
    except dl.errors.DLEngineError as error:
        return type(error), str(error)


def alike(a, b) -> None:
    if isinstance(a, tuple):
        assert a == b
        return
    x, y = a.array, b.array
    assert type(y) is np.ndarray
    assert (x.dtype, x.shape, a.needs_grad, a._view) == (y.dtype, y.shape, b.needs_grad, b._view)
    assert np.array_equal(x.view(f"u{x.itemsize}") if x.flags.c_contiguous and x.ndim else x, y.view(f"u{y.itemsize}")
                          if y.flags.c_contiguous and y.ndim else y, equal_nan=not (x.flags.c_contiguous and x.ndim)), (x, y)


def samples(dtype):
    values = np.array(SPECIAL, dtype) if dtype is np.float64 else np.array(SPECIAL, np.float32)
    yield dl.asarray(values)
    yield dl.asarray(values.reshape(2, 8))
    yield dl.asarray(np.array(0.5, dtype))
    yield dl.asarray(np.zeros((0, 3), dtype))
    yield dl.asarray(np.resize(values, 90))
    yield dl.asarray(np.resize(values, (4, 4)).T)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", ONE)
def test_one_argument(name, dtype):
    for x in samples(dtype):
        alike(*both(name, x))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", TWO)
def test_two_arguments(name, dtype):
    for x in samples(dtype):
        y = dl.asarray(np.flip(x.array).copy())
        alike(*both(name, x, y))
        for number in (2, -3, 0.1, 1e300, True, 2**24 + 1):
            alike(*both(name, x, number))
            alike(*both(name, number, x))
    other = dl.asarray(np.arange(8.0, dtype=dtype))
    alike(*both(name, dl.asarray(np.ones((2, 8), dtype)), other))
    alike(*both(name, dl.asarray(np.ones(7, dtype)), other))
    alike(*both(name, other, dl.asarray(np.ones(8, np.float64 if dtype is np.float32 else np.float32))))
    alike(*both(name, other, dl.asarray(np.ones(8, np.int64))))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.filterwarnings("ignore:Mean of empty slice", "ignore:invalid value")
@pytest.mark.parametrize("name", KERNELS)
def test_kernels(name, dtype):
    rng = np.random.default_rng(0)
    for shape in ((16,), (4, 4), (3, 5), (2, 3, 4), (), (0, 3), (40, 25)):
        x = dl.asarray(rng.standard_normal(shape).astype(dtype))
        alike(*both(name, x))
        alike(*both(name, dl.matrix_transpose(x) if len(shape) > 1 else x))
    alike(*both(name, dl.asarray(np.array([[1.0, np.nan], [np.inf, -np.inf]], dtype))))
    alike(*both(name, dl.asarray(np.arange(6).reshape(2, 3))))


@pytest.mark.parametrize("dtype", FLOATS)
def test_products(dtype):
    rng = np.random.default_rng(0)
    x, w, b = (dl.asarray(rng.standard_normal(shape).astype(dtype)) for shape in ((3, 4), (5, 4), (5,)))
    alike(*both("linear", x, w, b))
    alike(*both("linear", x, w, None))
    alike(*both("matmul", x, w.mT))
    alike(*both("matmul", x, w))
    alike(*both("matmul", x[0], w.mT))
    big = dl.asarray(np.full((2, 2), 1e38, dtype))
    alike(*both("matmul", big, big * 10))


def test_kernels_with_a_number():
    """The default is part of the code; another number goes the general way."""
    x = dl.asarray(np.array(SPECIAL, np.float32))
    alike(*both("leaky_relu", x, negative_slope=0.5))
    alike(*both("softplus", x, beta=2.0))
    assert bound("leaky_relu").bound(dl.asarray([-1.0, 2.0])).tolist() == [np.float32(-0.01), 2.0]


@pytest.mark.parametrize("name", ["any", "all"])
def test_truth(name):
    for values in ([True], [False], [True, False, False], [False, False, True], [False] * 3, [True] * 3):
        for shape in ((-1,), (-1, 1), (1, -1, 1)):
            alike(*both(name, dl.asarray(np.array(values).reshape(shape))))
    for a in (np.zeros(0, bool), np.array(True), np.arange(300) > 5, np.eye(3, dtype=bool).T, np.arange(3.0), np.array([0, 2])):
        alike(*both(name, dl.asarray(a)))
    alike(*both(name, dl.asarray(np.eye(3, dtype=bool)), axis=0))


def test_joining_and_choosing():
    x, y, i = dl.asarray(np.arange(6.0).reshape(2, 3)), dl.ones((2, 3), dtype="float64"), dl.asarray([1, 2])
    for args in ([x, y], (x, y), [x], [], [x, i], [x, y[:1]], [x, y[0]], [x, x.astype("float32")]):
        for axis in (0, 1, -1, -3, 2, 5):
            alike(*both("concat", args, axis=axis))
            alike(*both("stack", args, axis=axis))
    for a, b in ((x, y), (x, 1.0), (2.0, 3.0), (x, y[0]), (x, x.astype("float32"))):
        alike(*both("where", x > 2, a, b))
    for low, high in ((1.0, 3.0), (3.0, 1.0), (None, 2.0), (1, 4), (0.5, None), (y, 2.0)):
        alike(*both("clip", x, low, high))
    alike(*both("clip", dl.asarray(np.array(np.nan)), 0.0, 1.0))
    for dtype in ("float32", "float64"):
        x = dl.asarray(np.array([np.nan, -np.inf, -1.0, -0.0, 0.0, 0.25, 1.0, np.inf] * 5, dtype))
        for low, high in ((-0.5, 0.5), (0.0, 1.0), (-0.0, 0.0), (-1.0, -0.0), (2.0, -2.0), (-np.inf, 0.5), (np.nan, 1.0)):
            alike(*both("clip", x, low, high))


VIEWS = [
    ("reshape", {"shape": s}) for s in ((3, 2), [6], (-1,), (2, -1), (-2, 3), (7,), (-1, -1), (2, 3, 1), 6, (0, -1))
] + [
    ("permute_dims", {"axes": a}) for a in ((1, 0), (0, 1), (-1, 0), (0, 0), (0,), (2, 0))
] + [
    ("expand_dims", {"axis": a}) for a in (0, 1, 2, -1, -3, 3, -4, (0, 1))
] + [
    ("squeeze", {"axis": a}) for a in (0, 1, -1, 5)
] + [
    ("broadcast_to", {"shape": s})
    for s in ((2, 3), (4, 2, 3), [1, 2, 3], (2, 1), (3,), (-1, 3), (0, 2, 3), (2.0, 3), (True, 2, 3))
] + [
    ("getitem", {"key": k}) for k in (0, -1, 2, slice(1, None), slice(None, None, -1), True, None, (0, 1), ...)
] + [
    ("flatten", {}), ("flatten", {"start_axis": 1}), ("matrix_transpose", {}), ("real", {}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "consts"), VIEWS)
def test_views(name, consts):
    for a in (np.arange(6.0).reshape(2, 3), np.arange(6).reshape(2, 3), np.arange(6.0).reshape(3, 2).T, np.zeros((1, 3)),
              np.zeros((0, 3)), np.array(2.0), np.ones((2, 3), np.complex64), np.arange(3.0)):
        x = dl.asarray(a, copy=True)
        plain, found = both(name, x, **consts)
        alike(plain, found)
        if isinstance(found, tuple):
            continue
        assert (found.version is x.version) == (plain.version is x.version)
        assert found.array.flags.writeable == plain.array.flags.writeable
        assert np.shares_memory(found.array, x.array) == np.shares_memory(plain.array, x.array)


def test_writes_through_a_view_are_counted():
    bound("reshape"), bound("getitem")
    x = dl.asarray(np.arange(4.0), copy=True)
    y = x * dl.tensor([1.0, 2.0, 3.0, 4.0], dtype="float64", requires_grad=True)
    dl.reshape(x, (2, 2))[0] = 7.0
    with pytest.raises(dl.errors.GradientError):
        y.sum().backward()


@pytest.mark.parametrize("name", "exp add relu sum softmax matmul reshape concat broadcast_to getitem".split())
def test_gradients_are_recorded(name):
    bound(name)
    x = dl.tensor(np.arange(4.0).reshape(2, 2), requires_grad=True)
    args = {"add": (x, x), "matmul": (x, x), "reshape": (x, (4,)), "concat": ([x, x],), "broadcast_to": (x, (2, 2, 2))}
    consts = {"getitem": {"key": 0}}
    y = OPS[name](*args.get(name, (x,)), **consts.get(name, {}))
    assert y.requires_grad
    assert y.node.op.name == name
    y.sum().backward()
    assert x.grad is not None
    with dl.no_grad():
        assert not OPS[name](*args.get(name, (x,)), **consts.get(name, {})).requires_grad


def test_a_layer_without_gradients():
    layer = nn.Linear(3, 2)
    x = dl.ones((4, 3))
    with dl.no_grad():
        before = layer(x)
        bound("linear")
        after = layer(x)
    assert np.array_equal(before.array, after.array)


def test_a_definition_that_is_replaced_answers():
    bound("exp")
    right = OPS["exp"].op.text
    x = dl.asarray([0.0, 1.0])
    undo = replace_definition("exp", lambda xp, x: (xp.exp(x) * 2, right(xp, x)[1]))
    try:
        assert dl.exp(x).tolist()[0] == 2.0
        small.bind(OPS["exp"].op, backend.policy(), backend.spaces()[np.ndarray])
        assert OPS["exp"].op.policy is None
        assert dl.exp(x).tolist()[0] == 2.0
    finally:
        undo()
    assert dl.exp(x).tolist()[0] == 1.0


def test_other_backends_and_modes_have_their_own_answers():
    op = bound("relu")
    assert op.policy is backend.policy()
    with dl.use_backend("numpy"):
        assert op.policy is not backend.policy()
    with generating("always"):
        assert op.policy is None
        small.bind(op, backend.policy(), backend.spaces()[np.ndarray])
        assert op.policy is None


def test_calls_are_counted():
    launches = backend.spaces()[np.ndarray].kernels.launches
    x = dl.ones((3, 3))
    for name, label in (("relu", "relu"), ("softmax", "softmax"), ("sum", "generated:sum"), ("triu", "library:triu")):
        bound(name)
        before = launches[label]
        OPS[name](x)
        assert launches[label] == before + 1, name


@pytest.mark.parametrize("name", ["positive", "conj"])
def test_copies_keep_every_bit(name):
    op = bound(name)
    for bits, dtype in (("u4", np.float32), ("u8", np.float64)):
        a = np.arange(33, dtype=bits) << (8 * np.dtype(dtype).itemsize - 9)
        a[1] = 0x7F800001 if bits == "u4" else 0x7FF0000000000001  # a NaN that arithmetic would change
        x = dl.asarray(a.view(dtype))
        y = op.bound(x)
        assert y.array.tobytes() == x.array.tobytes()
        assert not np.shares_memory(y.array, x.array)
        assert op.bound(dl.asarray(np.zeros((3, 3), dtype).T[:2])) is None
        assert op.bound(dl.asarray(a)) is None


def test_an_op_asks_after_some_calls():
    op = OPS["cosh"].op
    op.unbind()
    x = dl.ones(3)
    for _ in range(op.waits + 1):  # the first call of all writes the caller
        dl.cosh(x)
    assert op.policy is backend.policy()


def test_what_does_more_than_elementwise_functions_is_not_bound():
    op = OPS["gelu"].op
    op.forget_readings()  # of large calls, which are another matter
    small.bind(op, backend.policy(), backend.spaces()[np.ndarray])
    assert op.policy is None
    assert small.ufunc_of(OPS["exp"].op, backend.spaces()[np.ndarray], [np.ones(3)]) is np.exp


def test_nothing_is_kept_alive():
    x, y = dl.asarray(np.ones(5)), dl.asarray(np.ones((1, 5)))
    for name in ("exp", "add", "sum", "reshape", "broadcast_to", "getitem"):
        bound(name)
    def calls():
        dl.exp(x), dl.add(x, x), dl.add(x, 2.0), dl.sum(x), dl.reshape(x, (5, 1)), dl.broadcast_to(y, (3, 5)), x[1:], x[0]
        dl.add(x, y)
    objects = (x, x.array, x.version, y, y.array, y.version, type(x), np.dtype("f8"), 2.0)
    calls()
    gc.collect()
    before = [sys.getrefcount(o) for o in objects]
    for _ in range(100):
        calls()
    assert [sys.getrefcount(o) for o in objects] == before


def test_a_captured_step_has_the_same_calls():
    def step(x):
        return dl.sum(dl.exp(x[0]) + dl.reshape(x, (6,))[:3] * 2.0)

    x = dl.asarray(np.arange(6.0).reshape(2, 3))
    before = capture(step)
    wanted = before(x)
    for name in ("sum", "exp", "add", "multiply", "getitem", "reshape"):
        bound(name)
    after = capture(step)
    assert float(after(x)) == float(wanted) == float(after(x))
    assert str(before.report()).count("\n") == str(after.report()).count("\n")


def test_every_maker_is_tested():
    tested = {*KERNELS, "any", "all", "linear", "matmul", "concat", "stack", "where", "clip", *[name for name, _ in VIEWS]}
    assert {*small_kernels.MAKERS, *small_views.MAKERS} - tested == {"cumulative_sum", "cumulative_prod"}
    for name in ("cumulative_sum", "cumulative_prod"):
        for x in (dl.asarray(np.linspace(-1.0, 2.0, 9)), dl.ones((2, 3)), dl.asarray([1, 2])):
            alike(*both(name, x))
    assert linalg.trace is not None


def test_looking_for_a_short_way_counts_no_kernel() -> None:
    """Where an op asks for its function, the definitions that it tries launch kernels that nobody has called."""
    with dl.use_backend("numba"):
        x = dl.asarray(np.ones((3, 5), np.float32))
        sums = OPS["sum"].op
        sums.unbind()
        counts = []
        for _ in range(200):
            before = jit.SET.launches["generated:sum"]
            dl.sum(x, axis=0)
            counts.append(jit.SET.launches["generated:sum"] - before)
        assert counts == [0] * 200
        assert sums.policy is not None, "it has looked"
