"""Generated kernels against NumPy's evaluation of the same formula, on arrays of every kind, and their files on disk."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest

pytest.importorskip("numba")

from dlengine.kernels import cache
from dlengine.kernels.compiling import compilations
from dlengine.kernels.generated.evaluate import evaluate
from dlengine.kernels.generated.expansions import NoExpansion, expand
from dlengine.kernels.generated.expression import Expression, apply, argument, constant, inputs_of, substitute, where
from dlengine.kernels.jit.generated import machine
from dlengine.kernels.jit.generated.kernel import Kernel
from dlengine.recording import NotPointwise, read
from dlengine.testing import rows

EDGES = [0.0, -0.0, np.nan, np.inf, -np.inf, 1e-30, -1e-30, 1e-40, 88.0, -88.0, -104.0, 3e38, -3e38, 1.0, -1.0, 0.5, 12345.0]
FUNCTIONS = {
    "exp": 1, "expm1": 2, "log": 1, "log1p": 2, "log2": 1, "log10": 3, "tanh": 3, "erf": 4, "erfc": 5, "sin": 2, "cos": 2,
    "tan": 3,
    "asin": 3, "acos": 2, "atan": 3, "sinh": 3, "cosh": 2, "asinh": 2, "acosh": 3, "atanh": 2, "square": 1, "reciprocal": 1,
    "sign": 0, "sqrt": 0.5, "floor": 0, "ceil": 0, "trunc": 0, "round": 0, "abs": 0,
}  # fmt: skip
"""Each with the units in the last place that its error may have."""

FUNCTIONS32 = {
    "log10": 1, "tan": 1, "sinh": 1, "cosh": 1, "asin": 1, "acos": 1, "atan": 1, "asinh": 1, "acosh": 1, "atanh": 1, "log1p": 2,
}  # fmt: skip
"""Those that float32 computes more exactly."""

BINARY = {"atan2": 3, "hypot": 2, "pow": 2, "mod": 0.5, "fmod": 0.5, "floordiv": 2}
NUMPY = {
    "asin": "arcsin", "acos": "arccos", "atan": "arctan", "asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh",
    "atan2": "arctan2", "pow": "power", "mod": "remainder", "floordiv": "floor_divide",
}  # fmt: skip


def kernel(root: Expression) -> Kernel:
    return Kernel("test", root, Counter())


def points(dtype: str, n: int = 4001) -> np.ndarray:
    with np.errstate(over="ignore"):
        return np.concatenate([np.array(EDGES).astype(dtype), (np.random.default_rng(0).standard_normal(n) * 4).astype(dtype)])


def same_specials(got: np.ndarray, want: np.ndarray) -> bool:
    return np.array_equal(np.isnan(got), np.isnan(want)) and np.array_equal(got[np.isinf(want)], want[np.isinf(want)])


def spread(dtype: str, n: int = 20_000) -> np.ndarray:
    """Numbers of all sizes, many near 1 and 0, and the edges."""
    rng = np.random.default_rng(1)
    widest = 85 if dtype == "float32" else 700
    parts = [
        rng.standard_normal(n), rng.uniform(-1, 1, n), rng.uniform(-100, 100, n), 1 + rng.standard_normal(n) * 1e-3,
        np.exp(rng.uniform(-widest, widest, n)) * rng.choice([-1, 1], n), 1 + np.abs(rng.standard_normal(n)),
    ]  # fmt: skip
    return np.concatenate([points(dtype), *[p.astype(dtype) for p in parts]])


def ulps(name: str, got: np.ndarray, *inputs: np.ndarray) -> float:
    """The largest error in units in the last place, against wider arithmetic; special values must be NumPy's."""
    dtype = got.dtype
    wide = np.longdouble if dtype == "float64" and name not in ("erf", "erfc") else np.float64
    with np.errstate(all="ignore"):
        given = [x.astype(wide) for x in inputs]
        f = np.vectorize(getattr(math, name)) if name in ("erf", "erfc") else getattr(np, NUMPY.get(name, name))
        full = f(*given)
        want = full.astype(dtype)
        assert same_specials(got, want)
        zeros = (got == 0) & (want == 0)
        assert np.array_equal(np.signbit(got[zeros]), np.signbit(want[zeros]))
        fine = np.isfinite(got) & np.isfinite(want)
        return float(np.max(np.abs(got.astype(wide) - full)[fine] / np.spacing(np.abs(want[fine])).astype(wide)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name: str, dtype: str) -> None:
    x = spread(dtype)
    k = kernel(apply(name, argument(0, dtype)))
    got = k(x)
    assert (got.dtype, k.launches["test"]) == (dtype, 1)
    limit = FUNCTIONS32.get(name, FUNCTIONS[name]) if dtype == "float32" else FUNCTIONS[name]
    assert ulps(name, got, x) <= limit


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", BINARY)
def test_functions_of_two(name: str, dtype: str) -> None:
    first, second = (a.ravel() for a in np.meshgrid(EDGES, EDGES))
    x = spread(dtype)
    y = np.random.default_rng(2).permutation(x)
    with np.errstate(over="ignore"):
        y = np.concatenate([second.astype(dtype), y, np.clip(y, -20, 20)])
        x = np.concatenate([first.astype(dtype), x, np.abs(x)])
    k = kernel(apply(name, argument(0, dtype), argument(1, dtype)))
    got = k(x, y)
    assert k.launches["test"] == 1
    assert ulps(name, got, x, y) <= BINARY[name]
    if name == "pow" and dtype == "float32":
        assert ulps(name, got, x, y) <= 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_number_that_follows(dtype: str) -> None:
    first, second = (a.ravel() for a in np.meshgrid(EDGES, EDGES))
    with np.errstate(over="ignore"):
        x, y = first.astype(dtype), second.astype(dtype)
    got, want = kernel(apply("nextafter", argument(0, dtype), argument(1, dtype)))(x, y), np.nextafter(x, y)
    assert np.array_equal(got, want, equal_nan=True)
    assert np.array_equal(np.signbit(got[got == 0]), np.signbit(want[got == 0]))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [3.0, 4.0, 2.5, -1.5, 0.5, -1.0, 9.0, -3.0, 0.0, 101.0, np.inf])
def test_powers(n: float, dtype: str) -> None:
    root = apply("pow", argument(0, dtype), n)
    x = points(dtype)
    got = kernel(root)(x)
    want = evaluate(apply("pow", argument(0, "float64"), n), [x.astype("float64")])
    with np.errstate(all="ignore"):
        assert same_specials(got, want.astype(dtype))
        fine = np.isfinite(got) & np.isfinite(want.astype(dtype))
        assert np.max(np.abs(got[fine] - want[fine]) / np.spacing(np.abs(got[fine]))) <= 2


def formulas(row: Any, dtype: str) -> list[Expression]:
    """The value and the pullbacks of a row's samples."""
    found: dict[Expression, None] = {}
    for s in row.samples:
        try:
            args, consts = row.op.op.bind(tuple(s.arrays(row.name, dtype)), dict(s.consts))
            reading = read(row.op.op, [a.dtype if isinstance(a, np.ndarray) else a for a in args], consts)
            made = [r for r in (reading.value, *reading.pullbacks) if r is not None and r.kind not in ("const", "input")]
            for root in made:
                expand(root)
            found |= dict.fromkeys(made)
        except (NotPointwise, NoExpansion, ValueError, TypeError):
            continue
    return list(found)


ROWS = [r for r in rows() if "layer" not in r.tags and hasattr(r.op, "op") and r.op.op.readings[0] is not None]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_pointwise_row(dtype: str) -> None:
    """Values and pullbacks, by hand or not, in whole vectors and in the rest, with special values in every place."""
    count = 0
    x = points(dtype, 131)
    for row in ROWS:
        for root in formulas(row, dtype):
            inputs = inputs_of(root)
            arrays = [np.roll(x, 5 * i) if e.dtype.kind == "f" else np.roll(x, 3) > 0 for i, e in enumerate(inputs)]
            plain = root
            for i, e in enumerate(inputs):
                plain = substitute(plain, e, argument(i, e.dtype))
            k = kernel(root)
            got, want = k(*arrays), evaluate(plain, arrays)
            assert got.dtype == want.dtype
            assert same_specials(got, want) or row.name in ("pow", "logaddexp"), row.name
            fine = np.isfinite(got) & np.isfinite(want)
            assert np.allclose(got[fine], want[fine], rtol=1e-4 if dtype == "float32" else 1e-11, atol=1e-6), row.name
            count += 1
    assert count > 60


def test_layouts_and_shapes() -> None:
    a, b = argument(0, "float32"), argument(1, "float32")
    k = kernel(a * b + apply("exp", b))
    rng = np.random.default_rng(1)
    base = rng.standard_normal((12, 10)).astype("float32")
    read_only = base[:6, :5].copy()
    read_only.flags.writeable = False
    crooked = np.frombuffer(b"\0" + read_only.tobytes(), np.float32, count=30, offset=1).reshape(6, 5)
    swapped = read_only.astype(">f4")
    firsts = [read_only, base[:6, 5:], base.T[:6, :5], base[::2, ::2], crooked, base[:0, :5], np.float32(2), swapped]
    seconds = [read_only, read_only[0], read_only[:, :1], read_only[:1], np.float32(3), np.ones((1, 1), "float32")]
    for x in firsts:
        for y in seconds:
            if np.shape(x)[:1] == (0,) and np.shape(y)[:1] == (6,):
                with pytest.raises(ValueError, match="broadcast"):
                    k(np.asarray(x), np.asarray(y))
                continue
            got = k(np.asarray(x), np.asarray(y))
            want = x * y + np.exp(y)
            assert got.shape == np.shape(want)
            assert got.flags.c_contiguous
            assert np.allclose(got, want, rtol=1e-5, atol=1e-6)
    image, channels = rng.standard_normal((2, 3, 4, 5)).astype("float32"), np.ones((1, 3, 1, 1), "float32")
    assert np.allclose(k(image, channels * 2), image * 2 + np.exp(2), rtol=1e-5, atol=1e-6)
    assert np.allclose(k(channels, image), image + np.exp(image), rtol=1e-5, atol=1e-6)


def test_two_kinds_of_rows_at_once() -> None:
    a, b, c = (argument(i, "float64") for i in range(3))
    k = kernel(where(apply("gt", a, b), a * c, b))
    rng = np.random.default_rng(2)
    x, row, column = rng.standard_normal((7, 9)), rng.standard_normal(9), rng.standard_normal((7, 1))
    assert np.allclose(k(x, row, column), np.where(x > row, x * column, row), rtol=1e-12)
    y = rng.standard_normal((4, 7, 9))
    assert np.allclose(k(y, column, row), np.where(y > column, y * row, column), rtol=1e-12)


def test_booleans() -> None:
    c, x = argument(0, "bool"), argument(1, "float32")
    mask = np.random.default_rng(3).random(77) > 0.5
    values = np.arange(77, dtype="float32")
    assert np.array_equal(kernel(where(c, x * 2, constant(1, "float32")))(mask, values), np.where(mask, values * 2, 1))
    assert np.array_equal(kernel(where(~c, x, x + 1))(mask, values), np.where(mask, values + 1, values))


def test_the_entry_point_refuses_what_it_cannot_read() -> None:
    entry = kernel(apply("exp", argument(0, "float32")) + argument(1, "float32")).compile()
    x, y, out = np.ones((4, 4), "float32"), np.ones((4, 4), "float32"), np.zeros((4, 4), "float32")
    assert entry(x, y, out, 1) is True
    assert np.allclose(out, np.e + 1)
    read_only = out.copy()
    read_only.flags.writeable = False

    class Sub(np.ndarray):
        pass

    wrong: list[tuple[Any, ...]] = [
        (), (x,), (x, y, out), (x, y, out, 1, 1), (np.float32(1), np.float32(1), np.float32(1), 1), (1, 2, 3, 4),
        (None, y, out, 1), (x.astype("f8"), y, out, 1), (x[:, ::2], y[:, ::2], out[:, ::2], 1), (x.T[:2], y[:2], out[:2], 1),
        (x[:2], y, out, 1), (x, y, out[:2], 1), (x.reshape(2, 8), y, out, 1), (x, y, read_only, 1), (x, y, out, 0),
        (x, y, out, -3), (x, y, out, 1.0), (x, y, out, None), (x.view(Sub), y, out, 1), ("x", b"y", object(), 1),
    ]  # fmt: skip
    for arguments in wrong:
        assert entry(*arguments) is False
    rows = kernel(apply("exp", argument(0, "float32")) + argument(1, "float32")).compile("fr")
    assert rows(x, y[0], out, 1, 4, 4) is True
    for numbers in ((1, 4, 3), (1, 2, 4), (1, 0, 4), (1, 4, 0), (1, -4, -4), (1, 16, 1), (1, 1, 16), (1, 2**62, 4), (1, 4)):
        assert rows(x, y[0], out, *numbers) is False


def test_threads_share_the_work() -> None:
    x = np.random.default_rng(4).standard_normal(100_003).astype("float32")
    entry = kernel(apply("tanh", argument(0, "float32")) * 2).compile()
    one = np.empty_like(x)
    assert entry(x, one, 1)
    before = numba.get_num_threads()
    for threads in (2, 3, 7):
        many = np.zeros_like(x)
        assert entry(x, many, threads)
        assert np.array_equal(one, many)
        assert numba.get_num_threads() == before, "what runs next has all threads again"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and nothing linked in this process."""
    monkeypatch.setenv("DLENGINE_CACHE", str(tmp_path))
    monkeypatch.setattr(cache, "_warned", False)
    monkeypatch.setattr(machine, "_linked", {})
    return tmp_path


def compiled(monkeypatch: pytest.MonkeyPatch) -> int:
    """Use a kernel as a new process would; gives how many had to be compiled for it."""
    monkeypatch.setattr(machine, "_linked", {})
    before = compilations.kernels
    k = kernel(argument(0, "float32") * 3 + 0.25)
    assert np.array_equal(k(np.ones(5, "float32")), np.full(5, 3.25))
    return compilations.kernels - before


def test_files_are_found_again_and_damaged_ones_made_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert compiled(monkeypatch) == 1
    assert compiled(monkeypatch) == 0
    (file,) = folder.rglob("*.obj")
    whole = file.read_bytes()
    for damaged in (b"", whole[:-1], whole[: len(whole) // 2], whole[:100] + bytes([whole[100] ^ 1]) + whole[101:], b"x" * 5000):
        file.write_bytes(damaged)
        assert compiled(monkeypatch) == 1
        assert file.read_bytes() == whole
    file.chmod(0o666)
    assert compiled(monkeypatch) == 1
