"""Copies and fills by machine code: the same bytes as NumPy's, for any two layouts, and shared in any number of parts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import backend
from dlengine.kernels import jit
from dlengine.kernels.jit import copying
from dlengine.kernels.jit.generated import copies
from dlengine.kernels.jit.machine.compile import interpreted

DTYPES = ("bool", "int8", "float16", "float32", "float64", "complex64", "complex128", ">f4", ">i2")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


@pytest.fixture
def spaces() -> tuple[Any, Any]:
    """The namespace with machine code, and the one of NumPy alone."""
    return backend.namespace_of(backend.NUMPY, jit.SET), backend.namespace_of(backend.NUMPY, None)


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> None:
    """Machine code copies arrays of any size, in any number of parts."""
    plan = copies._plan
    monkeypatch.setattr(copies, "LARGE", 1)
    monkeypatch.setattr(copies, "_plan", lambda *layouts: (found := plan(*layouts)) and found._replace(alone=True))
    monkeypatch.setattr(copies, "threads_for", lambda parts, ns: int(rng.integers(1, min(parts, 7) + 1)))


def noise(rng: np.random.Generator, dtype: Any, shape: Any) -> Any:
    """Any bytes, payloads of NaN among them; booleans are 0 or 1."""
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    return np.frombuffer(rng.bytes(int(np.prod(shape)) * dtype.itemsize), dtype).reshape(shape).copy()


def cut(rng: np.random.Generator, x: Any) -> Any:
    """A view of some of an array: backwards, every other, without the first, the axes in another order."""
    keys = [[slice(None), slice(None, None, -1), slice(1, None, 2), slice(1, None)][rng.integers(4)] for n in x.shape]
    return x[(*keys, ...)].transpose(rng.permutation(x.ndim))


def bits(x: Any) -> bytes:
    return np.ascontiguousarray(x).tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.usefixtures("eager")
def test_any_layouts(rng: np.random.Generator, dtype: str) -> None:
    """Every plane is met, what lies around y stays, and broadcasting follows NumPy."""
    planes = set()
    for _ in range(400):
        rank = int(rng.integers(0, 5))
        x = cut(rng, noise(rng, dtype, rng.integers(1, (2, 700, 45, 14, 8)[rank], rank)))
        if 0 in x.shape:
            continue
        shape = list(x.shape)
        for a in range(rank):
            if rng.random() < 0.15:
                x = x[(*(slice(None),) * a, slice(1))]
        whole = noise(rng, dtype, [*rng.integers(1, 4, rng.integers(2)), *[n + 2 for n in shape]])
        y = whole[(..., *[slice(1, n + 1) for n in shape])]
        if rng.random() < 0.3:
            y = np.empty(y.shape, dtype)
            whole = y
        before = whole.copy()
        planes.add(copies._plan(y.shape, y.strides, x.shape, x.strides, y.dtype.itemsize).words[40:48])
        assert copies.assign(y, x)
        got = bits(whole)
        whole[...] = before
        y[...] = x
        assert got == bits(whole), (x.shape, x.strides, y.shape, y.strides)
    assert len(planes) == 5


@pytest.mark.usefixtures("eager")
def test_what_is_left_to_numpy() -> None:
    x = np.arange(1000.0)
    for y in (np.empty(1000), np.empty((3, 1000)), np.empty((1000, 2)).T):
        assert copies.assign(y, x)
    many = np.empty((2,) * 18)
    left = [
        (np.empty(1000, np.float32), x),  # another dtype
        (np.empty(1000), x.astype(">f8")),
        (np.empty(999), x),  # shapes that do not broadcast
        (np.empty(1000), np.empty((2, 1000))),
        (np.empty(4, object), np.array([object()] * 4)),  # which counts references
        (np.empty(0), np.empty(0)),
        (np.empty(1000), np.float64(1.0)),  # a number of NumPy's, which is no array
        (many, many.T.copy().T),  # more axes than a plan has
    ]
    for y, given in left:
        assert not copies.assign(y, given)
    with interpreted():
        assert not copies.assign(np.empty(1000), x)


def large(shape: Any, dtype: str = "float32") -> Any:
    return np.random.default_rng(5).normal(size=shape).astype(dtype)


def layouts(x: Any) -> list[Any]:
    """The same shape dense, read-only, in Fortran's order, strided, backwards, and repeated by a step of 0."""
    fixed = x.copy()
    fixed.flags.writeable = False
    wide = np.repeat(x, 2, -1)
    return [x, fixed, np.asfortranarray(x), wide[..., ::2], x[..., ::-1], np.broadcast_to(x[..., :1], x.shape)]


CALLS: dict[str, list[tuple[Any, dict[str, Any]]]] = {
    "asarray": [((), {"copy": True})],
    "copy": [((), {})],
    "positive": [((), {})],
    "astype": [(("float64",), {}), (("float32",), {}), (("int32",), {})],
    "reshape": [(((-1,),), {}), (((300, 2, 210),), {}), (((150, 840),), {})],
    "roll": [((5,), {}), ((-3,), {"axis": 0}), (((1, 700),), {"axis": (1, 0)}), (((1, 2),), {"axis": (1, 1)})],
    "tile": [(((2, 3),), {}), (((2,),), {}), (((2, 1, 1),), {})],
}


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", CALLS)
def test_functions_of_one_array(spaces: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch, name: str, threads: int) -> None:
    """As NumPy alone: values, dtype, memory of its own, and of a copy the strides."""
    monkeypatch.setattr(copies, "thread_count", lambda units: min(threads, units))
    monkeypatch.setattr(copies, "threads_for", lambda units, ns: min(threads, units))
    before = jit.SET.launches[f"library:{name}"]
    for x in layouts(large((300, 420))):
        for args, options in CALLS[name]:
            args = tuple([np.dtype(a) if isinstance(a, str) else a for a in args])
            y, wanted = (getattr(space, name)(x, *args, **options) for space in spaces)
            assert bits(y) == bits(wanted), (name, x.strides, args)
            assert (y.dtype, y.shape, y.flags.writeable) == (wanted.dtype, wanted.shape, wanted.flags.writeable)
            assert name not in ("asarray", "copy", "positive", "astype") or y.strides == wanted.strides
            assert np.shares_memory(y, x) == np.shares_memory(wanted, x)
    assert threads == 1 or jit.SET.launches[f"library:{name}"] > before


@pytest.mark.parametrize("threads", [1, 2])
def test_joining_and_making(spaces: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch, threads: int) -> None:
    monkeypatch.setattr(copies, "thread_count", lambda units: min(threads, units))
    monkeypatch.setattr(copies, "threads_for", lambda units, ns: min(threads, units))
    calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
    for x in layouts(large((300, 420))):
        calls += [("concat", ([x, x[:200]],), {}), ("concat", ([x, x.copy()],), {"axis": -1})]
        calls += [("stack", ([x, large((300, 420))],), {"axis": a}) for a in (0, 1, 2, -1)]
    for shape in ((300, 420), [400, 420], 130_000):
        calls += [("zeros", (shape,), {"dtype": d}) for d in (None, "float64")]
        for dtype in map(np.dtype, ("float32", "float64")):
            calls += [("zeros", (shape,), {"dtype": dtype}), ("ones", (shape,), {"dtype": dtype})]
            calls += [("full", (shape, v), {"dtype": dtype}) for v in (0.1, -0.0, float("nan"), 3, float("inf"))]
    before = sum(jit.SET.launches[f"library:{name}"] for name in ("concat", "stack", "zeros", "ones", "full"))
    for name, args, options in calls:
        y, wanted = (getattr(space, name)(*args, **options) for space in spaces)
        assert bits(y) == bits(wanted), (name, args, options)
        assert (y.dtype, y.shape, y.flags.writeable) == (wanted.dtype, wanted.shape, True)
    count = sum(jit.SET.launches[f"library:{name}"] for name in ("concat", "stack", "zeros", "ones", "full")) - before
    assert count >= (len(calls) - 23 if threads > 1 else 2 * 12)


@pytest.mark.parametrize(
    ("name", "args", "options"),
    [
        ("concat", ([large((300, 420)), large((300, 421))],), {}),
        ("concat", ([large((300, 420)), large(420)],), {}),
        ("concat", ([large((300, 420))] * 2,), {"axis": 2}),
        ("stack", ([large((300, 420)), large((300, 421))],), {}),
        ("stack", ([large((300, 420))] * 2,), {"axis": 3}),
        ("roll", (large((300, 420)), (1, 2)), {"axis": (0, 2)}),
        ("reshape", (large((300, 420)).T, (7, -1, 11)), {}),
        ("reshape", (large((300, 420)).T, (0, -1)), {}),
        ("reshape", (large((300, 420)).T, (-1, -1)), {}),
        ("full", ((-1, 420), 1.0), {"dtype": np.dtype("float32")}),
        ("zeros", ((-400, -420), ), {"dtype": np.dtype("float32")}),
        ("tile", (large((300, 420)), (-1, 2)), {}),
    ],
)
def test_errors_are_numpys(spaces: tuple[Any, Any], name: str, args: Any, options: Any) -> None:
    found = []
    for space in spaces:
        with pytest.raises(Exception) as caught:  # noqa: PT011 - of the same kind, whatever that is
            getattr(space, name)(*args, **options)
        found.append(caught.type)
    assert found[0] is found[1]


def test_a_view_is_one_where_numpy_has_one(rng: np.random.Generator) -> None:
    """Whether a reshape is a view is known before it is made."""
    seen = set()
    for _ in range(2000):
        rank = int(rng.integers(1, 5))
        x = cut(rng, np.empty(rng.choice([1, 2, 3, 4, 6, 12], rank), np.int8))
        if not x.size:
            continue
        new, left = [], x.size
        while left > 1:
            n = int(rng.choice([d for d in range(1, left + 1) if left % d == 0]))
            new, left = [*new, n], left // n
        shape = tuple(new)
        if new and rng.random() < 0.3:
            shape = (*shape[:-1], -1)
        view = np.shares_memory(x, x.reshape(shape))
        assert copying._is_view(x.shape, x.strides, shape) == view, (x.shape, x.strides, shape)
        seen.add(view)
    assert seen == {True, False}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_counting(spaces: tuple[Any, Any], dtype: str) -> None:
    """Numbers in a row, as NumPy rounds them; what floats do not hold exactly is left to it."""
    d = np.dtype(dtype)
    counted = [("arange", (70_001,)), ("arange", (-30_000, 40_000)), ("arange", (5, 200_000, 7)), ("arange", (9, -80_000, -3))]
    counted += [("linspace", (0, 1, 65_537)), ("linspace", (-3.5, 2e5, 20_000)), ("linspace", (7, -1, 16_384))]
    for name, args in counted:
        for options in ({}, {"endpoint": False})[: 1 + (name == "linspace")]:
            before = jit.SET.launches[f"library:{name}"]
            y, wanted = (getattr(space, name)(*args, dtype=d, **options) for space in spaces)
            assert bits(y) == bits(wanted), (name, args, options)
            assert (y.dtype, y.shape) == (wanted.dtype, wanted.shape)
            assert jit.SET.launches[f"library:{name}"] == before + 1
    left = [("arange", (2**24 - 20_000, 2**24 + 9)), ("arange", (0.5, 40_000)), ("arange", (0, 40_000, 0.5)), ("arange", (5, 5))]
    left += [("linspace", (1, 1, 20_000)), ("linspace", (0, 1, 100))]
    for name, args in left:
        y, wanted = (getattr(space, name)(*args, dtype=d) for space in spaces)
        np.testing.assert_array_equal(y, wanted)


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_counting_integers(spaces: tuple[Any, Any], dtype: str) -> None:
    """As far as nothing that is added up on the way wraps around."""
    d, most = np.dtype(dtype), np.iinfo(dtype).max
    near = most // (2 if dtype == "int64" else 1) - 600 * 3
    for args in [(70_001,), (-30_000, 40_000), (5, 200_000, 7), (9, -80_000, -3), (near - 60_000, near, 3)]:
        before = jit.SET.launches["library:arange"]
        y, wanted = (space.arange(*args, dtype=d) for space in spaces)
        np.testing.assert_array_equal(y, wanted, strict=True)
        assert jit.SET.launches["library:arange"] == before + 1
    for args in [(most - 20_000, most), (-20_000, most, most // 30_000)]:
        before = jit.SET.launches["library:arange"]
        np.testing.assert_array_equal(*(space.arange(*args, dtype=d) for space in spaces), strict=True)
        assert jit.SET.launches["library:arange"] == before


@pytest.mark.parametrize("dtype", ["float32", "int64", "bool", "complex64"])
def test_ones_on_a_diagonal(dtype: str) -> None:
    """As NumPy alone, for diagonals inside the matrix and beyond it."""
    for rows in (1, 2, 5):
        for k in range(-7, 8):
            made = backend.namespace_of(backend.NUMPY, None).eye(rows, k=k, dtype=np.dtype(dtype))
            np.testing.assert_array_equal(made, np.eye(rows, k=k, dtype=dtype), strict=True)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.backends("numpy", "numba")
def test_the_gradient_of_a_view_has_memory_of_its_own(monkeypatch: pytest.MonkeyPatch, backend: str, threads: int) -> None:
    """A leaf's, from a gradient that the caller holds: the same numbers, in the order of the leaf's axes."""
    monkeypatch.setattr(copies, "thread_count", lambda units: min(threads, units))
    monkeypatch.setattr(copies, "threads_for", lambda units, ns: min(threads, units))
    x = dl.asarray(large((300, 420)), copy=True).requires_grad_()
    seed = large((420, 300))
    before = jit.SET.launches["library:copy"]
    dl.permute_dims(x, (1, 0)).backward(dl.asarray(seed))
    first = x.grad.array
    x.grad = None
    dl.flatten(x).backward(dl.asarray(seed.reshape(-1)))
    for got, wanted in ((first, seed.T), (x.grad.array, seed.reshape(300, 420))):
        assert got.flags.c_contiguous
        assert got.flags.writeable
        assert not np.shares_memory(got, seed)
        assert bits(got) == bits(wanted)
    assert (jit.SET.launches["library:copy"] - before) == (threads if backend == "numba" else 0)


def test_threads_share_an_outer_axis() -> None:
    """Of rows that lie apart each is one thread's, if there are some; of two rows every thread gets a part of both."""
    for rows, parts in ((7, 1176 // 64), (8, 8), (14, 14), (40, 40)):
        x = np.zeros((rows, 2, 294), np.float32)[:, :1]
        plan = copies._plan(x.shape, (1176, 1176, 4), x.shape, x.strides, 4)
        assert plan is not None
        assert plan.parts == parts
