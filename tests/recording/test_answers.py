"""Calls of ops that generated code answers on the backend numba."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

import numba
import numpy as np
import pytest

pytest.importorskip("numba")

import dlengine as dl
from dlengine.errors import GradientError, ShapeError
from dlengine.kernels import jit
from dlengine.kernels.generated.expression import apply, argument
from dlengine.kernels.jit.machine.compile import interpreted
from dlengine.recording import answers, generating, generators

EDGES = np.array([0.0, -0.0, np.nan, np.inf, -np.inf, 1e-30, -100.0, 100.0, 1.0, -0.5])


@pytest.fixture(autouse=True)
def always() -> Iterator[None]:
    with dl.use_backend("numba"), generating("always"):
        yield


def launches(name: str) -> int:
    return jit.SET.launches[f"generated:{name}"]


def gradient(f: Any, *arrays: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    tensors = [dl.asarray(a).requires_grad_() for a in arrays]
    y = f(*tensors)
    y.backward(dl.asarray(np.linspace(-1, 2, y.size).reshape(y.shape).astype(y.dtype)))
    return y.detach().numpy(), [t.grad.numpy() for t in tensors]


def both(f: Any, *arrays: np.ndarray) -> None:
    """Generated code gives what the definition gives."""
    y, grads = gradient(f, *arrays)
    with generating("off"):
        expected, wanted = gradient(f, *arrays)
    for a, b in zip([y, *grads], [expected, *wanted], strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        assert np.allclose(a, b, rtol=2e-5, atol=2e-6, equal_nan=True)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["gelu", "elu", "erf", "softsign", "hardswish", "mish"])
def test_activations(name: str, dtype: str) -> None:
    f = getattr(dl.nn.functional, name, None) or getattr(dl, name)
    x = np.random.default_rng(0).standard_normal((37, 11)).astype(dtype)
    before = launches(name), launches(f"{name}_grad")
    for a in (x, x.T, x[::2, ::-1], x[:0], np.asarray(x[3, 4]), EDGES.astype(dtype)):
        both(f, a)
    assert launches(name) - before[0] >= 6
    assert launches(f"{name}_grad") - before[1] >= 6


def test_a_user_s_op_is_answered_too() -> None:
    @dl.op(needs="x")
    def wave(xp: Any, x: Any, /, *, rate: float = 1.0) -> Any:
        return xp.sin(rate * x) * x, lambda gy: gy * (xp.sin(rate * x) + rate * x * xp.cos(rate * x))

    x = np.random.default_rng(1).standard_normal((50, 3)).astype("float32")
    before = launches("wave"), launches("wave_grad")
    both(wave, x)
    both(lambda t: wave(t, rate=2.5), x)
    assert (launches("wave") - before[0], launches("wave_grad") - before[1]) == (2, 2)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_adding_an_elementwise_op_needs_no_kernel(dtype: str) -> None:
    """A new op, written as CONTRIBUTING.md says: every call of usual size is answered by generated code, in any layout."""

    @dl.op(needs="x y", promotes="float")
    def blend(xp: Any, x: Any, y: Any, /, *, sharpness: float = 1.0) -> Any:
        w = 1 / (1 + xp.exp(-sharpness * (x - y)))
        near = xp.abs(x - y) < 1e-3

        def share(gy: Any) -> Any:
            return gy * (w + sharpness * w * (1 - w) * (x - y))

        return xp.where(near, xp.atan2(x, 1 + xp.abs(y)), w * x + (1 - w) * y), (share, lambda gy: gy - share(gy))

    rng = np.random.default_rng(4)
    x, y = rng.standard_normal((2, 300, 40)).astype(dtype)
    for shapes, (a, b) in enumerate(((x, y), (x, y[0]), (x.T, y.T), (x[:, :1], y), (x[::2], y[::2, ::-1]))):
        values, grads = launches("blend"), launches("blend_grad")
        with generating("auto"):
            found = gradient(lambda s, t: blend(s, t, sharpness=2.0), a, b)
        assert (launches("blend") - values, launches("blend_grad") - grads) == (1, 2), shapes
        with generating("off"):
            wanted = gradient(lambda s, t: blend(s, t, sharpness=2.0), a, b)
        close = {"rtol": 2e-2, "atol": 0.3} if dtype == "float16" else {"rtol": 2e-5, "atol": 2e-5}
        for one, other in zip([found[0], *found[1]], [wanted[0], *wanted[1]], strict=True):
            assert (one.shape, one.dtype) == (other.shape, other.dtype)
            assert np.allclose(one.astype("f8"), other.astype("f8"), **close)


def test_shapes_broadcast() -> None:
    rng = np.random.default_rng(2)
    pairs = [
        ((6, 5), (5,)), ((6, 5), (6, 1)), ((6, 1), (1, 5)), ((2, 3, 4), (3, 1)), ((6, 5), ()), ((1, 5), (5,)), ((0, 5), (5,)),
    ]  # fmt: skip
    for a, b in pairs:
        both(dl.logaddexp, rng.standard_normal(a).astype("float32"), rng.standard_normal(b).astype("float32"))
    with pytest.raises(ShapeError):
        dl.logaddexp(dl.ones((3,)), dl.ones((4,)))


def test_numbers_are_part_of_a_formula() -> None:
    x = np.random.default_rng(3).standard_normal(40).astype("float32")
    for n in (3, -1, 0.5, 2.5, 7, 0):
        both(lambda t, n=n: t**n, np.abs(x) + 0.1)


def test_zeros_of_both_signs_are_two_numbers() -> None:
    @dl.op(needs="x")
    def signed(xp: Any, x: Any, c: Any, /) -> Any:
        return xp.copysign(xp.exp(x), c), (lambda gy: gy * xp.exp(x), lambda gy: None)

    x = dl.zeros((2,))
    assert [signed(x, c).tolist() for c in (0.0, -0.0, 0.0)] == [[1.0, 1.0], [-1.0, -1.0], [1.0, 1.0]]


def test_numbers_that_change_are_not_compiled_for_ever() -> None:
    @dl.op(needs="x")
    def grown(xp: Any, x: Any, by: Any, /) -> Any:
        return xp.exp(x) * by, (lambda gy: gy * xp.exp(x) * by, lambda gy: None)

    for i in range(answers.FORMULAS + 5):
        with generating("auto"):
            grown(dl.ones((64,)), 1.0 + i)
    assert len(grown.op.readings[0]) == answers.FORMULAS


def test_a_number_beside_the_arguments_may_change() -> None:
    scale = 2.0

    @dl.op(needs="x")
    def scaled(xp: Any, x: Any, /) -> Any:
        return xp.exp(x) * scale, lambda gy: gy * xp.exp(x) * scale

    x = dl.zeros((3,))
    assert scaled(x).tolist() == [2.0] * 3
    scale = 5.0
    assert scaled(x).tolist() == [5.0] * 3


def test_a_function_that_a_definition_calls_may_be_defined_anew() -> None:
    def twice(x: Any) -> Any:
        return x * 2.0

    def five_times(x: Any) -> Any:
        return x * 5.0

    scale = twice

    @dl.op(needs="x")
    def scaled(xp: Any, x: Any, /) -> Any:
        return xp.exp(scale(x)), lambda gy: gy * 2.0 * xp.exp(scale(x))

    x = dl.ones((3,))
    for factor in (2.0, 5.0):
        for _ in range(200):
            y = scaled(x)
        assert np.allclose(y.tolist(), np.exp(factor))
        assert np.allclose(scaled(dl.ones((9000,))).tolist(), np.exp(factor))

        scale = five_times


def test_what_a_gradient_needs_is_guarded_as_before() -> None:
    x = dl.ones((4,)).requires_grad_()
    z = x * 1.0
    y = dl.gelu(z)
    with dl.no_grad():
        z[0] = 3.0
    with pytest.raises(GradientError, match="overwritten"):
        y.sum().backward()


def test_second_derivatives_come_from_the_definition() -> None:
    second = dl.grad(lambda t: dl.sum(dl.grad(lambda t: dl.sum(dl.erf(t)))(t)))(dl.asarray(np.linspace(-2, 2, 9)))
    values = np.linspace(-2, 2, 9)
    assert np.allclose(second.numpy(), -2 * values * 2 / np.sqrt(np.pi) * np.exp(-(values**2)))


def test_other_dtypes_and_backends_compute_as_before() -> None:
    before = launches("erf")
    assert dl.erf(dl.asarray([1])).dtype == dl.get_default_dtype()
    before = launches("erf")
    with dl.use_backend("numpy"):
        dl.erf(dl.ones((3,)))
    with generating("off"):
        dl.erf(dl.ones((3,)))
    assert launches("erf") == before


def test_kernels_by_hand_and_single_functions_stay() -> None:
    for f in (dl.relu, dl.add, dl.softplus):
        before = launches(f.op.name)
        f(*[dl.ones((3,))] * len(f.op.arrays))
        assert launches(f.op.name) == before


def test_functions_of_numpys_vector_library_are_slow_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then they pay for smaller arrays, and tanh is generated, but for functions that NumPy has vector code of its own for."""
    kinds = ("sinh", "expm1", "tanh", "exp")
    roots = {(kind, size): apply(kind, argument(0, f"f{size}")) for kind in kinds for size in (4, 8)}
    monkeypatch.setattr(answers, "_numpy_has_vectors", lambda: True)
    assert {answers.weight(root) for root in roots.values()} == {1}
    assert answers.is_plain("tanh")
    monkeypatch.setattr(answers, "_numpy_has_vectors", lambda: False)
    assert {key for key, root in roots.items() if answers.weight(root) == 1} == {("exp", 4)}
    assert not answers.is_plain("tanh")
    assert answers.is_plain("add")


UNARY = (
    "log log1p log2 log10 sin cos tan asin acos atan sinh cosh asinh acosh atanh exp expm1 tanh sqrt abs square erf erfc floor"
)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_results_do_not_depend_on_the_number_of_threads(dtype: str) -> None:
    rng = np.random.default_rng(0)
    x, other = (dl.asarray(rng.uniform(0.01, 0.99, (300, 400)).astype(dtype)) for _ in range(2))
    calls = [(getattr(dl, name), x + (name == "acosh")) for name in UNARY.split()]
    calls += [(f, x, y) for f in (dl.atan2, dl.pow, dl.hypot, dl.maximum) for y in (other, other[:, :1])]
    found = []
    try:
        with generating("auto"):
            for threads in (1, 2, 1):
                numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
                found.append([f(*given).numpy_copy().tobytes() for f, *given in calls])
    finally:
        numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("name", ["maximum", "minimum"])
def test_of_two_zeros_the_same_is_taken_at_every_size(name: str) -> None:
    f = getattr(dl, name)
    for mode in ("auto", "always"):
        with generating(mode):
            for a, b in ((0.0, -0.0), (-0.0, 0.0)):
                want = np.signbit(getattr(np, name)(np.full(40, a, "f4"), np.full(40, b, "f4")))[0]
                for n in (1, 40, 5000, 200_000):
                    x, y = dl.asarray(np.full(n, a, "f4")), dl.asarray(np.full(n, b, "f4"))
                    assert np.all(np.signbit(f(x, y).numpy_copy()) == want), (mode, n, a)
        for a, b in ((np.nan, 1.0), (1.0, np.nan)):
            assert np.all(np.isnan(f(dl.asarray([a] * 5000), dl.asarray([b] * 5000)).numpy_copy()))


@pytest.mark.parametrize("name", ["abs", "maximum", "minimum"])
def test_slow_pullbacks_of_fast_functions_are_generated(name: str) -> None:
    """The value is NumPy's, and its sign or choice is not."""
    rng = np.random.default_rng(3)
    x, y = (np.concatenate([[0.0, -0.0, np.inf, -np.inf, np.nan, 1.0], rng.standard_normal(n)]) for n in (1500, 1500))
    y[6:300] = x[6:300]
    given = [x, y][: len(getattr(dl, name).op.arrays)]

    def both() -> list[bytes]:
        leaves = [dl.asarray(a.astype("f4")).requires_grad_() for a in given]
        z = getattr(dl, name)(*leaves)
        z.backward(dl.asarray(np.linspace(-1, 1, x.size, dtype="f4")))
        return [t.numpy_copy().tobytes() for t in (z.detach(), *[leaf.grad for leaf in leaves])]

    with generating("off"):
        want = both()
    with generating("auto"):
        getattr(dl, name).op.forget_readings()
        getattr(dl, name)(*[dl.ones(3, dtype="bool" if name != "abs" else "int8")] * len(given))  # which NumPy computes
        before = launches(f"{name}_grad")
        assert both() == want
        assert launches(f"{name}_grad") == before + len(given)


def test_interpreted_code_is_numpy() -> None:
    x = np.linspace(-3, 3, 50).astype("float32")
    compiled = gradient(dl.gelu, x)
    with interpreted():
        plain = gradient(dl.gelu, x)
    assert np.allclose(plain[0], compiled[0], atol=1e-6)
    assert np.allclose(plain[1][0], compiled[1][0], atol=1e-6)


def test_small_arrays_are_left_to_numpy_whatever_came_before() -> None:
    @dl.op(needs="x")
    def rare(xp: Any, x: Any, /) -> Any:
        return xp.exp(x) * 0.123 + xp.exp(-x), lambda gy: gy * (xp.exp(x) * 0.123 - xp.exp(-x))

    least = -(-generators.SMALL // 5)
    with generating("auto"):
        for size, count in ((10, 0), (least, 1), (10, 1), (least + 1, 2), (least - 2, 2)):
            rare(dl.ones((size,)))
            assert launches("rare") == count


PROGRAM = """
    import multiprocessing
    import os
    import numpy as np
    import dlengine as dl

    x = np.random.default_rng(0).standard_normal((300, 400)).astype("float32")

    def step():
        t = dl.asarray(x).requires_grad_()
        y = dl.gelu(t)
        y.sum().backward()
        return y.detach().numpy().tobytes(), t.grad.numpy().tobytes()

    expected = step()
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert all(found == expected for found in pool.starmap(step, [()] * 4))
    assert step() == expected
    print("fine")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("layer", ["omp", "workqueue"])
def test_threads_and_forked_children_compute_the_same(layer: str) -> None:
    environment = {**os.environ, "NUMBA_THREADING_LAYER": layer, "NUMBA_NUM_THREADS": "3", "DLENGINE_GENERATED": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(PROGRAM)],
        capture_output=True, text=True, timeout=250, env=environment,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "fine\n"), done.stderr


def test_a_constant_gradient_of_halves() -> None:
    x = dl.asarray([1.0, -2.0], dtype="float16").requires_grad_()
    dl.sum(dl.step(x)).backward()
    assert (x.grad.dtype, x.grad.tolist()) == ("float16", [0.0, 0.0])


@pytest.mark.parametrize("numbers", [(2.0, 2, True, 1, 1.0), (1, 1.0, True, 2, 2.0)])
def test_numbers_that_are_equal_but_of_other_types_have_formulas_of_their_own(numbers: tuple[Any, ...]) -> None:
    """2 keeps integers as they are, 2.0 makes them floats, whichever came first."""
    x = dl.asarray(np.arange(5000) % 7)
    chosen = x > 3
    for number in numbers * 2:
        wanted = "float32" if type(number) is float else "int64"
        assert dl.clip(x, number).dtype == wanted, number
        assert dl.clip(x, max=number).dtype == wanted, number
        assert (x * number).dtype == wanted, number
        assert dl.where(chosen, number, number).dtype == ("bool" if number is True else wanted), number
