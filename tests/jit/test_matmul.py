"""Matrix products of the jitted set against NumPy in float64."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest

from dlengine.kernels.jit import linear as module
from dlengine.kernels.jit.linear import linear, matmul
from dlengine.kernels.jit.machine.compile import interpreted

SHAPES = [
    ((128, 100), (100, 64)),
    ((67, 300), (300, 65)),
    ((1, 700), (700, 500)),
    ((300, 1000), (1000, 1)),
    ((7, 520), (520, 129)),
    ((5, 40, 70), (5, 70, 41)),
    ((4, 30, 64), (64, 100)),
    ((2, 3, 33, 64), (3, 64, 65)),
    ((90, 64), (3, 64, 65)),
    ((300, 1), (1, 1000)),
]


def operands(shape_a, shape_b, a_transposed=False, b_transposed=False, dtype=np.float32):
    rng = np.random.default_rng(0)

    def make(shape, transposed):
        if not transposed:
            return rng.standard_normal(shape).astype(dtype)
        return rng.standard_normal((*shape[:-2], shape[-1], shape[-2])).astype(dtype).swapaxes(-1, -2)

    return make(shape_a, a_transposed), make(shape_b, b_transposed)


def agree(a, b):
    before = a.copy(), b.copy()
    got, want = matmul(a, b), np.matmul(a.astype(np.float64), b.astype(np.float64))
    assert got.dtype == a.dtype
    assert got.shape == want.shape
    assert got.flags.c_contiguous
    scale = np.matmul(np.abs(a).astype(np.float64), np.abs(b).astype(np.float64))
    assert np.all(np.abs(got - want) <= 4 * np.finfo(a.dtype).eps * scale)
    np.testing.assert_array_equal(a, before[0])
    np.testing.assert_array_equal(b, before[1])


@pytest.fixture(autouse=True)
def planned_anew(monkeypatch):
    """What is remembered of shapes does not depend on what a test sets."""
    monkeypatch.setattr(module, "_alone_plan", module._alone_plan.__wrapped__)
    monkeypatch.setattr(module, "thread_count", lambda units: min(8, units))


@pytest.fixture
def always_ours(monkeypatch):
    monkeypatch.setattr(module, "SERIAL_MULTIPLY_ADDS", 0)
    monkeypatch.setattr(module, "PIECES", 0)


@pytest.mark.parametrize("b_transposed", [False, True])
@pytest.mark.parametrize("a_transposed", [False, True])
@pytest.mark.parametrize("shapes", SHAPES)
def test_agrees_with_numpy(always_ours, shapes, a_transposed, b_transposed):
    agree(*operands(*shapes, a_transposed, b_transposed))


@pytest.mark.parametrize("b_transposed", [False, True])
@pytest.mark.parametrize("a_transposed", [False, True])
@pytest.mark.parametrize("shapes", [((13, 300), (300, 70)), ((2, 7, 5), (2, 5, 9)), ((1, 1), (1, 1))])
def test_plain_python_agrees_too(always_ours, shapes, a_transposed, b_transposed):
    with interpreted():
        agree(*operands(*shapes, a_transposed, b_transposed))


@pytest.fixture(params=["straight", "turned"])
def orientation(request, monkeypatch, always_ours):
    monkeypatch.setattr(module, "TURN_COST", -(10**12) if request.param == "turned" else 10**12)
    module._plan.cache_clear()
    yield request.param
    module._plan.cache_clear()


@pytest.mark.parametrize("plain", [False, True], ids=["compiled", "interpreted"])
@pytest.mark.parametrize("b_transposed", [False, True])
@pytest.mark.parametrize("a_transposed", [False, True])
@pytest.mark.parametrize("shapes", [((13, 300), (300, 70)), ((128, 40), (40, 64)), ((2, 37, 5), (2, 5, 99)), ((1, 9), (9, 200))])
def test_either_operand_may_be_the_one_that_is_copied(orientation, shapes, a_transposed, b_transposed, plain):
    with interpreted() if plain else nullcontext():
        agree(*operands(*shapes, a_transposed, b_transposed))
    if len(shapes[0]) == 2:
        assert module._plan((1, 13, 300, 70), 300, 1, 70, 1, 1).turned == (orientation == "turned")


@pytest.mark.parametrize("plain", [False, True], ids=["compiled", "interpreted"])
@pytest.mark.parametrize(
    "shapes", [((13, 300), (300, 70)), ((128, 70), (70, 64)), ((2, 37, 5), (2, 5, 99)), ((50, 1100), (1100, 80))]
)
def test_the_left_operand_may_be_copied_too(orientation, shapes, plain, monkeypatch):
    """Where its columns are dense, as they are where a right operand with dense rows takes its place."""
    monkeypatch.setattr(module, "LEFT_PANELS", 0)
    monkeypatch.setattr(module, "LEFT_BLOCK", 30 * 300)  # of several blocks
    copied = []
    multiply = module.multiply
    monkeypatch.setattr(module, "multiply", lambda *args: copied.append(args[5].copied) or multiply(*args))
    with interpreted() if plain else nullcontext():
        agree(*operands(*shapes))
        agree(*operands(*shapes, a_transposed=True))
    assert copied == [orientation == "turned", True]


@pytest.mark.parametrize("plain", [False, True], ids=["compiled", "interpreted"])
@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("sizes", [(1, 20, 9, 33), (5, 7, 300, 17), (8, 13, 40, 64), (9, 100, 3, 5)], ids=str)
def test_one_matrix_times_many(orientation, sizes, turned, biased, plain, monkeypatch):
    """By any number of threads, which have whole matrices each, or share them out where there are few."""
    batch, rows, depth, columns = sizes
    w, x = operands((rows, depth), (batch, depth, columns), a_transposed=turned)
    bias = np.arange(rows, dtype=np.float32) if biased else None
    want = w.astype(np.float64) @ x + (0 if bias is None else bias[:, None])
    scale = np.abs(w).astype(np.float64) @ np.abs(x) + (0 if bias is None else bias[:, None])
    found = set()
    for threads in (1,) if plain else (1, 2, 3):
        monkeypatch.setattr(module, "threads_for", lambda units, _, threads=threads: max(1, min(threads, units)))
        module._plan.cache_clear()
        with interpreted() if plain else nullcontext():
            got = module.map_channels(w, x, bias)
        assert np.all(np.abs(got - want) <= 4 * np.finfo(np.float32).eps * scale)
        found.add(got.tobytes())
    assert len(found) == 1


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_matrices_of_a_stack_that_are_one(always_ours, threads, monkeypatch):
    """Either operand may be shared by all, and stays where it is; a stack broadcast along one of two axes is copied."""
    monkeypatch.setattr(module, "threads_for", lambda units, _: max(1, min(threads, units)))
    shared = []
    multiply = module.multiply
    monkeypatch.setattr(module, "multiply", lambda *args: shared.append((args[5].a_next, args[5].b_next)) or multiply(*args))
    agree(*operands((90, 64), (12, 64, 65)))
    agree(*operands((12, 30, 64), (12, 64, 65)))
    agree(*operands((12, 30, 64), (64, 65), a_transposed=True))
    agree(*operands((3, 1, 30, 64), (3, 4, 64, 65)))
    assert [0 in steps for steps in shared] == [True, False, True, False]


@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("b_transposed", [False, True])
@pytest.mark.parametrize("a_transposed", [False, True])
@pytest.mark.parametrize("sizes", [(128, 100, 90), (5, 300, 400), (3, 400, 300), (90, 12, 400), (700, 4, 130)], ids=str)
def test_products_of_the_calling_thread(sizes, a_transposed, b_transposed, biased, monkeypatch):
    """Dense matrices of some work go straight to the tile, others to BLAS; parts of larger arrays are another matter."""
    rows, depth, columns = sizes
    a, b = operands((rows, depth), (depth, columns), a_transposed, b_transposed)
    bias = np.arange(columns, dtype=np.float32) if biased else module.NOTHING
    monkeypatch.setattr(module, "threads_for", lambda *_: 1)
    got = module._alone(a, b, bias)
    thin = depth < module.SHALLOW or (rows <= module.LOW and not b_transposed)
    assert (got is None) == thin
    if got is not None:
        want = a.astype(np.float64) @ b + (bias if biased else 0)
        scale = np.abs(a).astype(np.float64) @ np.abs(b) + (bias if biased else 0)
        assert np.all(np.abs(got - want) <= 4 * np.finfo(np.float32).eps * scale)
    agree(a, b)
    for x, y in ((a, b.view()), (a.view(), b), (a.view(), b.view())):  # read-only ones take the same kernel
        (x if x is not a else y).flags.writeable = False
        if y is not b:
            y.flags.writeable = False
        found = module._alone(x, y, bias)
        assert thin or found.tobytes() == got.tobytes()
    assert module._alone(a[::2], b, module.NOTHING) is None
    assert module._alone(a, b[:, ::-1], module.NOTHING) is None
    monkeypatch.setattr(module, "threads_for", lambda *_: 2)
    assert module._alone(a, b, bias) is None


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.int32, np.float16])
@pytest.mark.parametrize(
    "shapes", [((6, 12, 1), (6, 1, 128)), ((6, 128, 1), (6, 1, 12)), ((6, 1, 12, 1), (6, 5, 1, 40)), ((2, 700, 1), (2, 1, 300))]
)
def test_stacks_of_outer_products(shapes, dtype, monkeypatch):
    """Too small for the tile, which NumPy gives to BLAS one by one."""
    a, b = (np.round(9 * x).astype(dtype) for x in operands(*shapes))
    left_to_numpy = []

    def multiplied(x, y, numpy=np.matmul):
        left_to_numpy.append(x.dtype)
        return numpy(x, y)

    want = np.matmul(a, b)
    monkeypatch.setattr(np, "matmul", multiplied)
    got = matmul(a, b)
    assert got.dtype == dtype
    assert got.flags.c_contiguous
    np.testing.assert_array_equal(got, want)
    assert bool(left_to_numpy) == (dtype in (np.int32, np.float16))


def test_outer_products_that_do_not_fit():
    with pytest.raises(ValueError, match="matmul"):
        matmul(np.ones((40, 50, 1), np.float32), np.ones((40, 2, 50), np.float32))


@pytest.mark.parametrize("plain", [False, True], ids=["compiled", "interpreted"])
@pytest.mark.parametrize("shape", [(128, 100, 64), (7, 520, 129), (1, 30, 200), (40, 1, 70), (3, 4, 2)])
def test_linear(orientation, shape, plain):
    rng = np.random.default_rng(0)
    rows, inputs, outputs = shape
    x, w, b = (rng.standard_normal(s).astype(np.float32) for s in ((rows, inputs), (outputs, inputs), (outputs,)))
    for bias in (b, None):
        wide = x.astype(np.float64) @ w.T + (0 if bias is None else bias)
        with interpreted() if plain else nullcontext():
            got = linear(x, w, bias)
        assert got.dtype == np.float32
        assert got.flags.c_contiguous
        scale = np.abs(x).astype(np.float64) @ np.abs(w.T) + 1
        assert np.all(np.abs(got - wide) <= 4 * np.finfo(np.float32).eps * scale)


@pytest.mark.parametrize("rows", [3, 40, 300])
def test_linear_of_products_that_are_numpys(rows):
    """Too small for the tile, in pieces, and of an outer product."""
    rng = np.random.default_rng(0)
    for inputs, outputs in ((70, 20), (1, 50), (200, 90)):
        shapes = (2, rows, inputs), (outputs, inputs), (outputs,)
        x, w, b = (rng.standard_normal(s).astype(np.float32) for s in shapes)
        np.testing.assert_allclose(linear(x, w, b), x @ w.T + b, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(linear(x[..., ::2], w[:, ::2], None), x[..., ::2] @ w[:, ::2].T, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("plain", [False, True], ids=["compiled", "interpreted"])
@pytest.mark.parametrize("lead", [((), ()), ((30,), (30,)), ((5, 1), (4,))], ids=str)
def test_outer_products_are_single_products(lead, plain):
    rng = np.random.default_rng(0)
    column, row = (rng.standard_normal(shape).astype(np.float32) for shape in ((*lead[0], 90, 1), (*lead[1], 1, 130)))
    turned = np.ascontiguousarray(row.swapaxes(-1, -2)).swapaxes(-1, -2)
    with interpreted() if plain else nullcontext():
        np.testing.assert_array_equal(matmul(column, row), column * row, strict=True)
        np.testing.assert_array_equal(matmul(column[..., ::2, :], turned), column[..., ::2, :] * row, strict=True)


@pytest.mark.parametrize("rows", range(1, 14))
def test_every_number_of_rows(always_ours, rows):
    agree(*operands((rows, 33), (33, 70)))


def test_any_strides(always_ours):
    a, b = operands((40, 90), (50, 120))
    a, b = a[::2, ::-1], b[:, ::2][::-1].T[:, :45].copy()
    b.flags.writeable = False
    agree(a[:, ::2], b.T)
    agree(np.broadcast_to(a[:1], (12, 90)), np.ones((90, 30), np.float32))


def test_rest_is_numpys():
    for a, b in [
        operands((3, 4), (4, 5)),
        operands((90, 100), (100, 80), dtype=np.float64),
        (np.ones(4, np.float32), np.ones((4, 2), np.float32)),
        (np.ones((0, 500), np.float32), np.ones((500, 500), np.float32)),
        (np.ones((500, 0), np.float32), np.ones((0, 500), np.float32)),
        (np.ones((3, 4), np.int64), np.ones((4, 2), np.int64)),
    ]:
        np.testing.assert_allclose(matmul(a, b), np.matmul(a, b), rtol=1e-6)
    with pytest.raises(ValueError, match="matmul"):
        matmul(np.ones((600, 700), np.float32), np.ones((600, 700), np.float32))


def test_nan_and_infinity_stay_in_their_rows_and_columns(always_ours):
    a, b = operands((20, 300), (300, 70))
    a[3, 290], b[5, 69] = np.inf, np.nan
    with np.errstate(invalid="ignore"):
        want = np.matmul(a, b)
    np.testing.assert_allclose(matmul(a, b), want, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("plain", [False, True], ids=["compiled", "interpreted"])
@pytest.mark.parametrize("b_transposed", [False, True])
@pytest.mark.parametrize("a_transposed", [False, True])
@pytest.mark.parametrize(
    "shapes",
    [((300, 6, 100), (300, 100, 1)), ((300, 20, 6), (300, 6, 1)), ((200, 6, 1), (200, 1, 300)), ((300, 7, 9), (300, 9, 20))],
)
def test_stacks_of_small_matrices(shapes, a_transposed, b_transposed, plain):
    if plain:
        shapes = [(20, *shape[1:]) for shape in shapes]
    a, b = operands(*shapes, a_transposed, b_transposed)
    a[0, 0, 0], b[1, 0, 0] = np.nan, np.inf
    with nullcontext() if not plain else interpreted(), np.errstate(invalid="ignore"):
        np.testing.assert_allclose(matmul(a, b), np.matmul(a, b), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("plain", [False, True], ids=["compiled", "interpreted"])
@pytest.mark.parametrize("columns", [1, 16, 17, 32, 33, 48, 49, 64, 65, 81, 97, 128])
def test_narrow_panels(orientation, columns, plain):
    """One, two or three vectors of columns have tiles of their own, alone or behind whole panels, also of a depth in slices."""
    rng = np.random.default_rng(0)
    x, w, b = (rng.standard_normal(s).astype(np.float32) for s in ((7, 260), (columns, 260), (columns,)))
    with interpreted() if plain else nullcontext():
        agree(x, w.T)
        np.testing.assert_allclose(linear(x, w, b), x.astype(np.float64) @ w.T + b, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("rows", "columns", "b_transposed", "cut"),
    [(16, 40, True, "columns"), (4, 100, False, "columns"), (40, 16, True, "rows"), (40, 50, False, "rows"),
     (70, 80, True, "none"), (2, 2, True, "none")],
)  # fmt: skip
def test_pieces_are_cut_where_blas_copies_less(monkeypatch, rows, columns, b_transposed, cut):
    """A transposed b is copied for each piece of rows; where both sides are long the tile is as fast."""
    a, b = operands((rows, 30), (30, columns), b_transposed=b_transposed)
    c, parts, matmul_of_numpy = np.full((rows, columns), np.nan, np.float32), [], np.matmul

    def counted(a, b, out):
        parts.append(out.shape)
        return matmul_of_numpy(a, b, out=out)

    monkeypatch.setattr(np, "matmul", counted)
    assert module._by_pieces(a, b, 3, c) == (cut != "none")
    if cut == "none":
        assert parts == []
        return
    sides = [shape[cut == "columns"] for shape in parts]
    assert len(sides) == 3
    assert sum(sides) == (columns if cut == "columns" else rows)
    np.testing.assert_allclose(c, a.astype(np.float64) @ b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("plain", [False, True], ids=["compiled", "interpreted"])
@pytest.mark.parametrize(
    "shapes", [((30, 6, 100), (30, 100, 1)), ((5, 2, 3, 16), (2, 16, 1)), ((40, 1, 33), (40, 33, 1))], ids=str
)
def test_stacks_of_matrices_times_vectors(monkeypatch, shapes, plain):
    """Dot products of rows, the last vector of each masked."""
    monkeypatch.setattr(module, "MANY_ROWS", 0)
    monkeypatch.setattr(module, "SMALL_MULTIPLY_ADDS", 0)
    monkeypatch.setattr(module, "_ours", lambda a, b: True)
    called = []
    monkeypatch.setattr(module, "stacked_dots", lambda *given, of=module.stacked_dots: (called.append(1), of(*given)))
    a, b = operands(*shapes)
    with interpreted() if plain else nullcontext():
        got = module._multiply(a, np.broadcast_to(b, (*a.shape[:-2], *b.shape[-2:])), a.shape[:-2], module.NOTHING)
    assert called == [1]
    np.testing.assert_allclose(got, np.matmul(a.astype(np.float64), b), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("b_transposed", [False, True])
def test_panels_are_copied_in_slices(b_transposed, monkeypatch):
    """By several threads, and the last slice is a short one."""
    a, b = operands((30, 1100), (1100, 70), b_transposed=b_transposed)
    found = set()
    for threads in (1, 2, 7):
        monkeypatch.setattr(module, "threads_for", lambda units, _, threads=threads: max(1, min(threads, units)))
        agree(a, b)
        found.add(matmul(a, b).tobytes())
    assert len(found) == 1


@pytest.mark.parametrize("count", [module.MANY - 1, module.MANY, module.MANY + 13, 8 * module.MANY + 1])
def test_a_lane_for_each_matrix(count, monkeypatch):
    """Whole blocks and not, by any number of threads, and NaN and Inf in their own matrix alone."""
    a, b = operands((count, 3, 5), (count, 5, 7), b_transposed=True)
    a[count // 2, 1, 2], b[3, 0, 0] = np.inf, np.nan
    called, found = [], set()
    monkeypatch.setattr(module, "SERIAL_MULTIPLY_ADDS", 1 << 9)
    monkeypatch.setattr(module, "multiply_small", lambda *given, of=module.multiply_small: (called.append(1), of(*given)))
    for threads in (1, 2, 5):
        monkeypatch.setattr(module, "threads_for", lambda units, _, threads=threads: max(1, min(threads, units)))
        with np.errstate(invalid="ignore"):
            y, want = matmul(a, b), np.matmul(a.astype(np.float64), b.astype(np.float64))
        np.testing.assert_allclose(y, want, rtol=1e-4, atol=1e-5)
        found.add(y.tobytes())
    assert len(found) == 1
    assert bool(called) == (count >= module.MANY)
