"""Small calls of ops that are several of NumPy's functions: what one C function gives is what their definitions give."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import backend
from dlengine.autograd import small, small_chains
from dlengine.autograd.op import OPS, op

pytest.importorskip("numba")

CHAINS = (
    "binary_cross_entropy celu elu hardshrink hardsigmoid hardswish hardtanh logsigmoid mish selu softshrink softsign tanhshrink"
).split()
VALUES = [0.0, -0.0, 1.0, -1.0, 0.5, -2.5, np.inf, -np.inf, np.nan, 1e-40, -3e38, 3e38, 25.0, -25.0, 0.25, 1e-3]


@pytest.fixture(autouse=True)
def _numba():
    with dl.use_backend("numba"):
        yield
    for call in OPS.values():
        call.op.unbind()


def chain_of(call: Any) -> Any:
    """The function for small calls of an op, with its constants at their defaults."""
    consts = {name: call.op.defaults[name] for name in call.op.consts}
    return small_chains.chain(call.op, backend.spaces()[np.ndarray], consts)


def bits(x: np.ndarray) -> tuple[Any, ...]:
    return x.dtype, x.shape, x.tobytes()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CHAINS)
def test_every_bit(name: str, dtype: str) -> None:
    call = OPS[name]
    made, text, xp = chain_of(call), call.op.original, backend.spaces()[np.ndarray]
    consts = {n: call.op.defaults[n] for n in call.op.consts}
    values = np.array(VALUES, dtype)
    for shape in ((16,), (2, 8), (1,), (), (0, 3), (3, 5)):
        arrays = [np.resize(np.roll(values, 3 * i), shape) for i in range(len(call.op.arrays))]
        with np.errstate(all="ignore"):
            wanted, _ = text(xp, *arrays, **consts)
        before = [bits(a) for a in arrays]
        y = made(*[dl.asarray(a) for a in arrays])
        assert bits(y.array) == bits(np.asarray(wanted)), shape
        assert [bits(a) for a in arrays] == before
        assert not y.requires_grad
        assert y.node is None
        assert not any(np.shares_memory(y.array, a) for a in arrays)


def test_other_calls_are_left_to_python() -> None:
    made, two = chain_of(OPS["elu"]), chain_of(OPS["binary_cross_entropy"])
    x = np.linspace(0.1, 0.9, 16)
    t = dl.asarray(x)
    assert made(t) is not None
    assert two(t, t) is not None
    for a in (x.astype("int64"), x.astype("float16"), x[::2], x.reshape(4, 4).T, np.zeros(5000), x.astype(">f8")):
        assert made(dl.asarray(a, copy=False)) is None, a.dtype
    assert made(dl.tensor(x, requires_grad=True)) is None
    assert made(2.0) is None
    assert made(t, t) is None
    assert two(t, dl.asarray(x.astype("float32"))) is None
    assert two(t, dl.asarray(x[:8].copy())) is None
    assert two(t, 0.5) is None
    assert two(t) is None


def test_an_op_asks_after_some_calls_and_only_with_its_defaults() -> None:
    x = dl.asarray(np.linspace(-2, 2, 16, dtype="float32"))
    wanted, other = dl.celu(x).array, dl.celu(x, alpha=0.5).array
    for _ in range(OPS["celu"].op.waits + 1):
        dl.celu(x)
    assert OPS["celu"].op.policy is backend.policy()
    assert bits(dl.celu(x).array) == bits(wanted) == bits(dl.celu(x, alpha=float("1")).array)
    assert bits(dl.celu(x, alpha=0.5).array) == bits(other) != bits(wanted)
    t = dl.tensor(x, requires_grad=True)
    dl.celu(t).sum().backward()
    assert t.grad is not None


SLOPE = 0.5


def test_definitions_of_users() -> None:
    """One that depends on its arguments alone is such a chain; one that reads what may change, or looks at numbers, is not."""

    @op(needs="x", promotes="float")
    def squashed(xp, x, /, *, scale=3.0):  # noqa: ANN001, ANN202
        return xp.where(x > 1, xp.log(abs(x)) + scale, -x * scale), lambda gy: gy

    @op(needs="x", promotes="float")
    def sloped(xp, x, /):  # noqa: ANN001, ANN202
        return xp.where(x > 1, x, x * SLOPE), lambda gy: gy

    @op(needs="x", promotes="float")
    def looking(xp, x, /):  # noqa: ANN001, ANN202
        return (x * 2 + 1 if x.reshape(-1)[0] > 0 else x * 3 + 1), lambda gy: gy

    @op(needs="x", promotes="float")
    def by_shape(xp, x, /):  # noqa: ANN001, ANN202
        return (x * 2 + 1 if x.ndim == 1 else x * 3 + 1), lambda gy: gy

    x = np.linspace(-3, 3, 16)
    made = chain_of(squashed)
    assert bits(made(dl.asarray(x)).array) == bits(np.where(x > 1, np.log(np.abs(x)) + 3.0, -x * 3.0))
    assert chain_of(sloped) is None
    assert chain_of(looking) is None
    assert chain_of(by_shape) is None


def test_constants_and_dtypes_between() -> None:
    """Numbers are rounded to the dtype of the array that they meet, and booleans are joined as such."""

    @op(promotes="float")
    def mixed(xp, x, /):  # noqa: ANN001, ANN202
        inside = (x > -1) & (x < 1)
        return xp.where(inside, 0.1, 7 * x + 0.1), lambda gy: gy

    made = chain_of(mixed)
    for dtype in ("float32", "float64"):
        x = np.linspace(-3, 3, 16, dtype=dtype)
        wanted = np.where((x > -1) & (x < 1), np.array(0.1, dtype), 7 * x + np.array(0.1, dtype))
        assert bits(made(dl.asarray(x)).array) == bits(wanted)

    @op
    def outside(xp, x, /):  # noqa: ANN001, ANN202
        return (x < -1) | (x > 1), None

    assert bits(chain_of(outside)(dl.asarray(x)).array) == bits((x < -1) | (x > 1))


def test_long_chains_and_large_calls() -> None:
    """What lies between must fit on the stack; a chain that is too long is none."""

    def power(length: int) -> Any:
        scope: dict[str, Any] = {"__name__": __name__}
        exec(f"def power_{length}(xp, x, /):\n    return {'x * ' * length}x, lambda gy: gy", scope)  # noqa: S102
        return op(needs="x", promotes="float")(scope[f"power_{length}"])

    x = np.linspace(0.5, 1.5, 16)
    wanted = x.copy()
    for _ in range(9):
        wanted = wanted * x
    assert bits(chain_of(power(9))(dl.asarray(x)).array) == bits(wanted)
    assert chain_of(power(60)) is None


def test_nothing_between_is_found_by_the_wrong_thread() -> None:
    """Calls of several threads at once do not see each other's numbers."""
    from concurrent.futures import ThreadPoolExecutor

    made = chain_of(OPS["hardswish"])
    inputs = [dl.asarray(np.linspace(-4, 4, 16) * i) for i in range(1, 9)]
    wanted = [bits(made(x).array) for x in inputs]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda i: bits(made(inputs[i % 8]).array) == wanted[i % 8], range(800))) == [True] * 800


def test_a_replaced_definition_is_not_answered_by_the_old_chain() -> None:
    from dlengine.testing.mutants import replace_definition

    x = dl.asarray(np.linspace(-2, 2, 16))
    xp, hard = backend.spaces()[np.ndarray], OPS["hardswish"].op
    small.bind(hard, backend.policy(), xp)
    plain = dl.nn.functional.hardswish(x).array
    undo = replace_definition("hardswish", lambda xp, x: (xp.maximum(x, 0) * 2 + 1, lambda gy: gy))
    try:
        for _ in range(2):
            np.testing.assert_array_equal(dl.nn.functional.hardswish(x).array, np.maximum(x.array, 0) * 2 + 1)
            small.bind(hard, backend.policy(), xp)
    finally:
        undo()
    assert bits(dl.nn.functional.hardswish(x).array) == bits(plain)
