"""Machine code in place of functions of the array library: the same answers as NumPy's, for any layout, and the same errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import backend
from dlengine.kernels import jit
from dlengine.kernels.jit import functions, gather
from dlengine.kernels.jit.functions import FUNCTIONS

RNG = np.random.default_rng(7)
NAN = float("nan")


@pytest.fixture
def spaces() -> tuple[Any, Any]:
    """The namespace with machine code, and the one of NumPy alone."""
    return backend.namespace_of(backend.NUMPY, jit.SET), backend.namespace_of(backend.NUMPY, None)


def numbers(*shape: int, dtype: str = "float32") -> Any:
    return RNG.normal(size=shape).astype(dtype)


def layouts(x: Any) -> list[Any]:
    """The same values dense, read-only, in Fortran's order, strided, and backwards."""
    fixed = x.copy()
    fixed.flags.writeable = False
    wide = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), x.dtype)
    wide[..., ::2] = x
    return [x, fixed, np.asfortranarray(x), wide[..., ::2], x[..., ::-1].copy()[..., ::-1]]


def of(space: Any, name: str) -> Any:
    for part in name.split("."):
        space = getattr(space, part)
    return space


def same(spaces: tuple[Any, Any], name: str, *args: Any, rtol: float = 0.0, **options: Any) -> None:
    """Both give the same, and machine code answered."""
    before = jit.SET.launches[f"library:{name}"]
    ours, theirs = (of(space, name)(*args, **options) for space in spaces)
    assert jit.SET.launches[f"library:{name}"] == before + 1, f"{name} was not answered"
    for y, wanted in zip(*[v if isinstance(v, tuple) else (v,) for v in (ours, theirs)], strict=True):
        assert y.dtype == wanted.dtype
        assert y.shape == wanted.shape
        np.testing.assert_allclose(y, wanted, rtol=rtol, atol=rtol)


def test_each_function_is_tried_below() -> None:
    assert set(FUNCTIONS) == {
        "take", "take_along_axis", "scatter_add", "put_at", "nonzero", "cumulative_sum", "cumulative_prod", "tril", "triu",
        "argsort", "isin", "sort",
        "searchsorted", "unique_values", "unique_counts", "unique_inverse", "linalg.det", "linalg.slogdet", "linalg.inv",
        "linalg.solve", "linalg.cross", "linalg.outer", "linalg.cholesky", "linalg.eigvalsh", "linalg.svdvals", "linalg.qr",
        "linalg.matrix_rank",
    }  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
@pytest.mark.parametrize("count", [0, 1, 3, 16, 17, 300])
def test_which_numbers_are_among_others(spaces: tuple[Any, Any], dtype: str, count: int) -> None:
    x, among = (10 * numbers(4, 5, 6)).round().astype(dtype), (10 * numbers(count)).round().astype(dtype)
    if dtype != "int64":
        x[0, 0, :3], among[: count // 2 : 3] = (np.nan, -0.0, np.inf), np.nan
    for given in layouts(x):
        same(spaces, "isin", given, among)
        same(spaces, "isin", given, np.repeat(among, 2)[::2])


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_taking_along_an_axis(spaces: tuple[Any, Any], dtype: str, axis: int) -> None:
    places = RNG.integers(-4, 4, (4, 4, 4))
    for x in layouts((10 * numbers(4, 4, 4)).astype(dtype)):
        same(spaces, "take_along_axis", x, places, axis=axis)
    with pytest.raises(IndexError):
        spaces[0].take_along_axis(numbers(4, 4, 4), places + 4, axis=axis)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
@pytest.mark.parametrize("threads", [1, 2])
def test_taking_numbers_of_rows(spaces: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch, dtype: str, threads: int) -> None:
    monkeypatch.setattr(gather, "threads_for", lambda units, ns: min(threads, units))
    monkeypatch.setattr(functions, "_LOOKED_UP", 40)
    places = RNG.integers(-9, 9, 40)
    for x in layouts((10 * numbers(3, 7, 9)).astype(dtype)):
        for axis in (-1, 2):
            same(spaces, "take", x, places, axis=axis)
        for wrong in (places + 10, places - 10):
            with pytest.raises(IndexError):
                spaces[0].take(x, wrong, axis=-1)
    same(spaces, "take", numbers(9).astype(dtype), places)


def test_what_else_is_taken_is_left_to_numpy(spaces: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(functions, "_LOOKED_UP", 120)
    x, places, before = numbers(3, 7, 9), RNG.integers(0, 3, 40), jit.SET.launches["library:take"]
    few, short = places[:5], places.astype("i4")
    for a, i, axis in ((x, places, 0), (x, few, -1), (x[:0], places, -1), (x > 0, places, -1), (x, short, 2)):
        ours, theirs = (space.take(a, i, axis=axis) for space in spaces)
        assert ours.shape == theirs.shape
        np.testing.assert_array_equal(ours, theirs)
    assert jit.SET.launches["library:take"] == before


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("rows", "count", "width"), [(5, 7, 3), (5, 7, 1), (3, 400, 1), (3, 400, 2), (100_000, 2, 1)])
def test_adding_rows(spaces: tuple[Any, Any], dtype: str, rows: int, count: int, width: int) -> None:
    ids, updates = RNG.integers(0, rows, count), numbers(count, width, dtype=dtype)
    for x in layouts(numbers(rows, width, dtype=dtype)):
        same(spaces, "scatter_add", x, ids, updates, rtol=1e-6)
    with pytest.raises(IndexError, match="scatter_add: indices must be in"):
        spaces[0].scatter_add(numbers(rows, width), ids + rows, updates.astype("float32"))


def test_long_sums_are_exact(spaces: tuple[Any, Any]) -> None:
    """In float32, 200,000 times 0.1 added one after the other would be wrong in the fourth digit."""
    many = np.full((200_000, 1), 0.1, np.float32)
    ids = np.zeros(len(many), np.int64)
    for width in (1, 2):
        y = spaces[0].scatter_add(np.zeros((2, width), np.float32), ids, np.repeat(many, width, axis=1))
        np.testing.assert_allclose(y[0], 20_000, rtol=1e-6)
    y = spaces[0].add_along(many.reshape(1, -1, 1), ids.reshape(1, -1, 1), 2)
    np.testing.assert_allclose(y[0, 0], 20_000, rtol=1e-6)


@pytest.mark.parametrize("shape", [(5,), (5, 3), (2, 5, 3)])
def test_the_adjoint_of_indexing(spaces: tuple[Any, Any], shape: tuple[int, ...]) -> None:
    for key in (
        np.array([1, 0, -1, 1]),
        np.array([[1, 0], [-1, 1]]),
        (*(slice(None),) * (len(shape) - 1), np.array([0, -1, 0])),
        (*(slice(None),) * (len(shape) - 1), np.array([0, -1, 0]), ...),
        (np.array([1, 0, -1, 1]), ...),
        tuple(RNG.integers(-n, n, (3, 4)) for n in shape),
    ):
        gy = numbers(*np.empty(shape)[key].shape)
        for g in layouts(gy):
            same(spaces, "put_at", g, key=key, shape=shape, rtol=1e-6)
    whole = numbers(*shape)
    np.testing.assert_array_equal(spaces[0].put_at(whole, key=(...,), shape=shape), whole)


@pytest.mark.parametrize("name", ["cumulative_sum", "cumulative_prod"])
def test_running(spaces: tuple[Any, Any], name: str) -> None:
    for dtype in ("float32", "float64"):
        for x in layouts(1 + 0.1 * numbers(3, 4, 5).astype(dtype)):
            for axis in (0, 1, -1):
                for initial in (False, True):
                    same(spaces, name, x, axis=axis, include_initial=initial, rtol=1e-6)
    same(spaces, name, np.array([1, np.inf, 2, NAN, 3], np.float32))


@pytest.mark.parametrize("k", [-9, -1, 0, 2, 9])
def test_triangles(spaces: tuple[Any, Any], k: int) -> None:
    for x in layouts(numbers(2, 4, 6)):
        same(spaces, "tril", x, k=k)
        same(spaces, "triu", x, k=k)


def test_order(spaces: tuple[Any, Any]) -> None:
    x = numbers(4, 40, 30)
    x[:, ::3] = np.round(x[:, ::3])  # ties
    x[0, 0, :6] = [NAN, 0.0, -0.0, np.inf, -np.inf, NAN]
    for a in layouts(x):
        for axis in (0, 1, -1):
            for descending in (False, True):
                same(spaces, "argsort", a, axis=axis, descending=descending)
                same(spaces, "sort", a, axis=axis, descending=descending)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_places_to_insert(spaces: tuple[Any, Any], dtype: str) -> None:
    for size in (1, 2, 3, 7, 8, 100):
        line, x = np.sort((3 * numbers(size)).astype(dtype)), (3 * numbers(5, 9)).astype(dtype)
        x[0, :3] = line[[0, -1, size // 2]]
        if dtype != "int64":
            line[-1:], x[1, 0], x[1, 1] = NAN, NAN, np.inf
        for side in ("left", "right"):
            same(spaces, "searchsorted", line, x, side=side)


@pytest.mark.parametrize("name", ["unique_values", "unique_counts", "unique_inverse"])
def test_different_integers(spaces: tuple[Any, Any], name: str) -> None:
    for x in layouts(RNG.integers(-5, 9, (6, 20))):
        same(spaces, name, x)
    far = np.array([0, 2**62, -(2**62), 0])
    ours, theirs = (getattr(space, name)(far) for space in spaces)
    assert all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("shape", [(50,), (6, 9)])
def test_places_of_what_is_not_zero(spaces: tuple[Any, Any], shape: tuple[int, ...]) -> None:
    for dtype in ("float32", "int64"):
        for x in layouts(RNG.integers(0, 2, shape).astype(dtype)):
            same(spaces, "nonzero", x)
    same(spaces, "nonzero", np.array([NAN, 0.0, -0.0]))
    same(spaces, "nonzero", np.zeros(3))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [1, 2, 3, 5, 8])
def test_small_matrices(spaces: tuple[Any, Any], dtype: str, size: int) -> None:
    rtol = 1e-3 if dtype == "float32" else 1e-9
    for x in layouts(numbers(2, 5, size, size, dtype=dtype) + 2 * np.eye(size, dtype=dtype)):
        same(spaces, "linalg.det", x, rtol=rtol)
        same(spaces, "linalg.slogdet", x, rtol=rtol)
        same(spaces, "linalg.inv", x, rtol=rtol)
        same(spaces, "linalg.solve", x, numbers(2, 5, size, 3, dtype=dtype), rtol=rtol)
    singular = np.zeros((3, size, size), dtype)
    same(spaces, "linalg.det", singular)
    same(spaces, "linalg.slogdet", singular)
    for call in (lambda x: spaces[0].linalg.inv(x), lambda x: spaces[0].linalg.solve(x, x)):
        with pytest.raises(np.linalg.LinAlgError):
            call(singular)


def graded(x: Any) -> Any:
    """The same matrices, of sizes from 1e-12 to 1e12, one of zeros among them."""
    scales = np.logspace(-12, 12, x.shape[0] * x.shape[1]).reshape(x.shape[:2]).astype(x.dtype)
    scales[0, 0] = 0
    return x * scales[..., None, None]


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (5, 5), (8, 8), (3, 7), (7, 3), (1, 32), (32, 1)])
def test_values_of_small_matrices(spaces: tuple[Any, Any], shape: tuple[int, int]) -> None:
    """To float32's rounding of the largest value of each matrix; more matrices than lanes, and not a multiple."""
    for x in layouts(numbers(3, 7, *shape, dtype="float32")):
        sized = graded(x)
        largest = np.abs(sized).max((-1, -2), keepdims=True)[..., 0] + np.float32(1e-38)
        before = jit.SET.launches["library:linalg.svdvals"]
        found = spaces[0].linalg.svdvals(sized)
        assert jit.SET.launches["library:linalg.svdvals"] == before + 1
        np.testing.assert_allclose(found / largest, np.linalg.svd(sized.astype("f8"), compute_uv=False) / largest, atol=2e-6)
        assert (np.diff(found) <= 0).all()
        same(spaces, "linalg.qr", x, rtol=1e-6)
        copies = np.concatenate([x, x[..., :1, :] * 2], axis=-2)[..., :32, :]
        same(spaces, "linalg.matrix_rank", copies)
        if shape[0] == shape[1]:
            both = sized + np.swapaxes(sized, -1, -2)
            values = spaces[0].linalg.eigvalsh(np.tril(both))
            np.testing.assert_allclose(values / largest, np.linalg.eigvalsh(both.astype("f8")) / largest, atol=4e-6)
            for dtype in ("float32", "float64"):
                y = (x @ np.swapaxes(x, -1, -2) + np.eye(shape[0])).astype(dtype)
                same(spaces, "linalg.cholesky", np.tril(y), rtol=1e-6 if dtype == "float32" else 1e-12)


def test_matrices_without_such_values_are_the_librarys(spaces: tuple[Any, Any]) -> None:
    for x in (np.full((3, 2, 2), NAN, "f4"), np.full((3, 2, 2), np.inf, "f4")):
        for name in ("svdvals", "eigvalsh", "cholesky"):
            outcomes = []
            for space in spaces:
                try:
                    outcomes.append(getattr(space.linalg, name)(x).tobytes())
                except np.linalg.LinAlgError as error:
                    outcomes.append(str(error))
            assert outcomes[0] == outcomes[1]
    with pytest.raises(np.linalg.LinAlgError):
        spaces[0].linalg.cholesky(np.array([[[1, 2], [2, 1]], [[1, 0], [0, 1]]], "f4"))
    zeros = np.zeros((3, 4, 2), "f4")
    same(spaces, "linalg.svdvals", zeros)
    same(spaces, "linalg.qr", zeros)


def test_products_of_vectors(spaces: tuple[Any, Any]) -> None:
    for a in layouts(numbers(5, 4, 3)):
        same(spaces, "linalg.cross", a, numbers(5, 4, 3), rtol=1e-6)
    same(spaces, "linalg.outer", numbers(7), numbers(20)[::2])


def test_other_dtypes_are_the_librarys(spaces: tuple[Any, Any]) -> None:
    """Complex numbers, halves and small integers have no machine code here, and the right answer all the same."""
    for dtype in ("complex64", "float16", "int32"):
        x = np.round(4 * numbers(3, 4)).astype(dtype)
        for name in ("tril", "cumulative_sum"):
            options = {"axis": 1} if name == "cumulative_sum" else {}
            ours, theirs = (getattr(space, name)(x, **options) for space in spaces)
            assert ours.dtype == theirs.dtype
            assert np.array_equal(ours, theirs)


def test_gradients_reach_what_is_taken_twice(backend_numba: None) -> None:
    x = dl.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    dl.take_along_axis(x, dl.asarray([[0, 0, -1], [1, 1, 1]]), axis=1).sum().backward()
    assert np.array_equal(x.grad.numpy(), [[2, 1], [0, 3]])


@pytest.fixture
def backend_numba() -> Any:
    with dl.use_backend("numba"):
        yield


@pytest.mark.parametrize("dtype", ["float32", "int64", "bool"])
def test_blocks_in_zeros(spaces: tuple[Any, Any], dtype: str) -> None:
    """The gradient of a slice, and a border of zeros; a slice with steps is left to NumPy."""
    before = jit.SET.launches["library:put_at"]
    x = (10 * numbers(150, 33, 40)).astype(dtype)
    places = [
        ((slice(0, 150), slice(2, 35), slice(1, 41)), (150, 37, 43)),
        ((slice(5, 155),), (160, 33, 40)),
        ((slice(None), slice(None), slice(-40, None)), (150, 33, 41)),
        ((slice(None), slice(None, 33)), (150, 33, 40)),
    ]
    for y in layouts(x):
        for key, shape in places:
            same(spaces, "put_at", y, key=key, shape=shape)
    assert jit.SET.launches["library:put_at"] == before + 4 * len(layouts(x))
    others = [((slice(0, 300, 2),), (300, 33, 40)), ((slice(None), 3), (150, 5, 33, 40)), ((slice(0, 10**9),), (150, 33, 40))]
    for key, shape in others:
        ours, theirs = (space.put_at(x, key=key, shape=shape) for space in spaces)
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rows", [3, 500])
def test_rows_are_added_alike_by_any_number_of_threads(monkeypatch: pytest.MonkeyPatch, dtype: str, rows: int) -> None:
    ids, updates = RNG.integers(-rows, rows, 200), numbers(2, 200, 100, dtype=dtype)
    wanted = np.zeros((2, rows, 100))
    np.add.at(wanted, (slice(None), ids), updates.astype(np.float64))
    found = []
    for threads in (1, 2, 3, 7):
        monkeypatch.setattr(gather, "threads_for", lambda units, ns, threads=threads: threads)
        out = np.zeros((2, rows, 100), dtype)
        found.append(gather.add_rows("put_at", out, ids, updates))
        np.testing.assert_allclose(out, wanted, rtol=1e-6, atol=1e-5)
    assert all([np.array_equal(y, found[0]) for y in found])


def test_the_adjoint_of_an_index_that_broadcasts(spaces: tuple[Any, Any]) -> None:
    """One array per axis, of several shapes, as what scatters along an axis has them; a wrong place is named."""
    rows, columns = np.arange(5)[:, None], RNG.integers(-7, 7, (5, 90))
    for g in layouts(numbers(5, 90)):
        same(spaces, "put_at", g, key=(rows, columns), shape=(5, 7), rtol=1e-5)
    for wrong in (7, -8):
        with pytest.raises(IndexError, match=f"{wrong} is out of bounds"):
            spaces[0].put_at(numbers(5, 90), key=(rows, np.full((5, 90), wrong)), shape=(5, 7))
