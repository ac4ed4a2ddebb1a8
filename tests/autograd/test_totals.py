"""Gradients of weights that are used in several steps: kernels add to the sums, with the results of adding afterwards."""

from __future__ import annotations

import threading
from contextlib import nullcontext

import numpy as np
import pytest

import dlengine as dl
from dlengine.autograd.op import OPS
from dlengine.backend import shims
from dlengine.kernels import totals
from dlengine.kernels.jit import embedding as of_rows
from dlengine.kernels.jit import linear as of_products
from dlengine.kernels.jit import recurrent as of_sequences
from dlengine.kernels.jit.machine.compile import interpreted
from dlengine.testing.mutants import replace_definition

MODULES = (of_products, of_rows, of_sequences)
STEPS = 5


def linear_loop(w, b, x):
    y = x
    for _ in range(STEPS):
        y = dl.linear(y, w, b) * 0.1
    return y


def embedding_loop(table):
    ids = np.random.default_rng(1).integers(0, 4, (STEPS, 3, 5))  # rows once, twice, often and never
    return sum(dl.embedding(table, dl.asarray(i)) * (1.0 + n) for n, i in enumerate(ids))


def lstm_loop(wi, wh, b, x, state):
    h, c = state, state
    for _ in range(STEPS):
        _, h, c = dl.lstm(x, h, c, wi, wh, b)
    return h + c


def gru_loop(wi, wh, b, x, state):
    h = state
    for _ in range(STEPS):
        _, h = dl.gru(x, h, wi, wh, b, b)
    return h


def tied_lstm_loop(w, b, x, state):
    h, c = state, state
    for _ in range(STEPS):
        _, h, c = dl.lstm(x, h, c, w, w, b)
    return h + c


CASES = {  # how many sums kernels take, and the shapes
    "linear": (linear_loop, STEPS - 2, [(40, 40), (40,), (9, 40)]),
    "linear of whole panels": (linear_loop, STEPS - 2, [(64, 64), (64,), (9, 64)]),
    "linear of more rows than a slice": (linear_loop, 0, [(40, 40), (40,), (300, 40)]),
    "linear of one row": (linear_loop, 0, [(40, 40), (40,), (1, 40)]),
    "embedding": (embedding_loop, STEPS - 2, [(40, 7)]),
    "embedding with more ids than rows": (embedding_loop, 0, [(20, 7)]),
    "lstm": (lstm_loop, 2 * (STEPS - 2), [(80, 21), (80, 20), (80,), (2, 5, 21), (5, 20)]),
    "lstm of whole panels": (lstm_loop, 2 * (STEPS - 2), [(128, 64), (128, 32), (128,), (1, 4, 64), (4, 32)]),
    "lstm without input": (lstm_loop, STEPS - 2, [(80, 0), (80, 20), (80,), (2, 5, 0), (5, 20)]),
    "gru": (gru_loop, 2 * (STEPS - 2), [(60, 21), (60, 20), (60,), (2, 5, 21), (5, 20)]),
    "one weight for input and state": (tied_lstm_loop, None, [(80, 20), (80,), (2, 5, 20), (5, 20)]),
}


@pytest.fixture
def tile(monkeypatch):
    """All products by our own tile, and all sequences in panels."""
    monkeypatch.setattr(of_products, "SERIAL_MULTIPLY_ADDS", 0)
    monkeypatch.setattr(of_products, "PIECES", 0)
    monkeypatch.setattr(of_sequences.stepwise, "is_better", lambda *sizes: False)
    of_products._plan.cache_clear()
    yield monkeypatch
    of_products._plan.cache_clear()


def gradients(case):
    loop, _, shapes = CASES[case]
    rng = np.random.default_rng(0)
    with dl.use_backend("numba"):
        leaves = [dl.asarray((0.3 * rng.standard_normal(s)).astype(np.float32)).requires_grad_() for s in shapes]
        dl.sum(loop(*leaves) ** 2).backward()
        return [leaf.grad.numpy_copy() for leaf in leaves]


def counted(monkeypatch):
    """Which sums were taken."""
    found = []
    for module in MODULES:
        fits = module.fits

        def spy(*args, fits=fits):
            found.append(fits(*args))
            return found[-1]

        monkeypatch.setattr(module, "fits", spy)
    return found


def without_offers(monkeypatch):
    for module in MODULES:
        monkeypatch.setattr(module, "taken", lambda kernel: totals.NOTHING)


@pytest.mark.parametrize("plain", [False, True], ids=["compiled", "interpreted"])
@pytest.mark.parametrize("case", CASES)
def test_what_kernels_add_is_what_would_be_added_afterwards(tile, case, plain):
    found = counted(tile)
    with interpreted() if plain else nullcontext():
        added = gradients(case)
        if CASES[case][1] is not None:
            assert found.count(True) == CASES[case][1]
        without_offers(tile)
        apart = gradients(case)
    for a, b in zip(added, apart, strict=True):
        if plain or case.startswith("one weight"):  # NumPy's products are rounded otherwise; two gradients in another order
            np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-5 * np.abs(b).max(initial=0))
        else:
            np.testing.assert_array_equal(a, b)


def test_a_product_with_exchanged_operands_is_added_afterwards(tile):
    tile.setattr(of_products, "TURN_COST", -(10**12))
    added = gradients("linear")
    without_offers(tile)
    for a, b in zip(added, gradients("linear"), strict=True):
        np.testing.assert_array_equal(a, b)


def test_another_text_of_an_op_is_offered_nothing(tile):
    """Its kernel's result need not be the gradient."""
    right = OPS["linear"].op.text

    def text(xp, x, weight, bias):
        y, pulls = right(xp, x, weight, bias)
        return y, (pulls[0], lambda gy: 2 * pulls[1](gy), pulls[2])

    want = gradients("linear")[0]
    found = counted(tile)
    undo = replace_definition("linear", text)
    try:
        got = gradients("linear")[0]
    finally:
        undo()
    assert not any(found)
    np.testing.assert_allclose(got, 2 * want, rtol=1e-5)


def test_the_gradient_of_a_gradient_and_a_kept_graph(tile):
    rng = np.random.default_rng(0)
    with dl.use_backend("numba"):
        w, x = (dl.asarray(rng.standard_normal(s).astype(np.float32)).requires_grad_() for s in ((40, 40), (9, 40)))
        loss = dl.sum(linear_loop(w, None, x) ** 2)
        loss.backward(retain_graph=True)
        once = w.grad.numpy_copy()
        loss.backward()
        np.testing.assert_allclose(w.grad.numpy_copy(), 2 * once, rtol=1e-6)
        (g,) = dl.gradients(dl.sum(linear_loop(w, None, x) ** 2), [w], create_graph=True)
        np.testing.assert_allclose(g.numpy_copy(), once, rtol=1e-4, atol=1e-5)
        (second,) = dl.gradients(dl.sum(g), [w])
        assert np.isfinite(second.numpy_copy()).all()


def test_an_offer_is_for_one_call_of_one_kernel_in_one_thread():
    total, seen = np.zeros(3), []
    assert totals.taken("matmul") == totals.NOTHING

    def pull():
        other = threading.Thread(target=lambda: seen.append(totals.taken("matmul")))
        other.start()
        other.join()
        seen.extend([totals.taken(kernel) for kernel in ("lstm_grad", "matmul", "matmul")])

    totals.offer(totals.Offer("matmul", [total], False), pull)
    assert [len(s.totals) for s in seen] == [0, 0, 1, 0]
    assert seen[2].totals[0] is total
    assert [s.first for s in seen] == [True, True, False, True]
    with pytest.raises(ZeroDivisionError):
        totals.offer(totals.Offer("matmul", [total]), lambda: 1 // 0)
    assert totals.taken("matmul") == totals.NOTHING


@pytest.mark.parametrize("case", ["lstm", "gru"])
def test_the_gradient_of_an_input_that_nobody_wants_is_not_computed(tile, case):
    loop, _, shapes = CASES[case]
    rng = np.random.default_rng(0)
    values = [(0.3 * rng.standard_normal(s)).astype(np.float32) for s in shapes]
    given, inner = [], of_sequences._backward

    def spy(*args):
        given.append(args[-1].first)
        return inner(*args)

    tile.setattr(of_sequences, "_backward", spy)
    found = []
    with dl.use_backend("numba"):
        for wanted in (True, False):
            leaves = [dl.asarray(v).requires_grad_() for v in values]
            leaves[-2] = leaves[-2] if wanted else leaves[-2].detach()
            dl.sum(loop(*leaves) ** 2).backward()
            found.append([leaf.grad.numpy_copy() for i, leaf in enumerate(leaves) if i != len(leaves) - 2])
    assert given == [True] * STEPS + [False] * STEPS
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("total", [None, np.zeros((3, 2), np.float32), np.zeros((2, 3)), np.zeros((3, 2), np.float32).T])
def test_a_sum_of_another_kind_is_not_taken(total):
    assert not totals.fits(total, (2, 3), np.zeros(1, np.float32))
    assert totals.fits(np.zeros((2, 3), np.float32), (2, 3), np.zeros(1, np.float32))


def parts_of_one_array(x):
    y = x * 2.0
    z = y[0] * y[1] + y[2] * y[-1, 0] + y[1:3, ..., None].sum() + y[:, 1].sum() + y[...].sum() + y[None].sum()
    return z + y[dl.asarray([0, 0, 2])].sum()  # rows named twice are not added in place


@pytest.mark.parametrize("direct", [False, True])
def test_gradients_of_parts_of_one_array_are_added_in_place(direct, monkeypatch):
    """Of basic indices: added to the array that the first of all gradients has made, with the results of adding afterwards."""
    taken = []
    monkeypatch.setattr(shims, "fits", lambda total, *rest: totals.fits(total, *rest) and not taken.append(total))
    x = dl.tensor(np.random.default_rng(0).standard_normal((3, 2, 4)), requires_grad=True)
    (x[0] * x[1] + x[2] if direct else parts_of_one_array(x)).sum().backward()
    assert len(taken) == (2 if direct else 6)
    assert all(total is taken[0] for total in taken)
    found, x.grad = x.grad.numpy().copy(), None
    monkeypatch.setattr(shims, "fits", lambda *given: False)
    (x[0] * x[1] + x[2] if direct else parts_of_one_array(x)).sum().backward()
    np.testing.assert_allclose(found, x.grad.numpy(), rtol=1e-14)


def test_a_cotangent_that_is_handed_on_whole_is_not_added_to():
    """x[:] hands on the cotangent that another op of the graph has got as well."""
    x = dl.tensor(np.ones((2, 3)), requires_grad=True)
    a, b = x * 1.0, x * 1.0
    (dl.add(a[:], b) + dl.add(a[0], a[1:2])).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [[4.0] * 3, [4.0] * 3])
