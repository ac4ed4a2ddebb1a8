"""Kernels that treat lists of tensors in one call: every set against the reference, tensor by tensor."""

from __future__ import annotations

from typing import Any

import array_api_compat.numpy as xp
import numpy as np
import pytest
from ml_dtypes import finfo

import dlengine as dl
from dlengine import nn, optim
from dlengine.kernels.cuda import FLOATS, emulator
from dlengine.kernels.cuda import optim as cuda
from dlengine.kernels.cuda.machine import launch
from dlengine.kernels.jit import optim as jit
from dlengine.kernels.jit.machine import compile as jit_compile
from dlengine.kernels.reference import optim as reference
from dlengine.kernels.settings import AdamSettings, SGDSettings

needs_emulator = pytest.mark.skipif(emulator.available() is not None, reason=str(emulator.available()))
EACH = [(jit, d) for d in ("float32", "float64")] + [pytest.param(cuda, d, marks=needs_emulator) for d in FLOATS]
SHAPES = [(5,), (0, 3), (2500,), (), (3, 7), (4099,), (0,)]
"""More than one chunk, none, and edges inside a warp."""


def drawn(dtype: str, seed: int, shapes: Any = SHAPES) -> list[Any]:
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.standard_normal(shape).astype(dtype)) for shape in shapes]


def step(kernels: Any, first: tuple[Any, ...], lists: list[Any]) -> None:
    ps, gs, ms, vs, bufs = lists
    kernels.adam(*first, ps, gs, ms, vs, None, AdamSettings(0.1, 0.9, 0.99, 1e-8, 0.1, True, 3))
    kernels.sgd(*first, ps, gs, bufs, SGDSettings(0.1, 0.9, 0.0, 0.1, True, False))


@pytest.mark.parametrize(("kernels", "dtype"), EACH)
def test_steps_of_a_list(kernels: Any, dtype: str) -> None:
    ours, expected = ([drawn(dtype, s) for s in range(5)] for _ in range(2))
    for lists in (ours, expected):
        lists[3] = [np.asarray(np.abs(v)) for v in lists[3]]
    step(kernels, (), ours)
    step(reference, (xp,), expected)
    for a, b in zip(sum(ours, []), sum(expected, []), strict=True):
        eps = float(finfo(dtype).eps)
        np.testing.assert_allclose(a.astype("f8"), b.astype("f8"), rtol=40 * eps, atol=40 * eps)


@pytest.mark.parametrize(("kernels", "dtype"), EACH)
def test_sum_of_squares_and_scale(kernels: Any, dtype: str) -> None:
    gs = drawn(dtype, 0, [*SHAPES, (20_000,)])
    total = kernels.sum_of_squares(gs)
    expected = reference.sum_of_squares(xp, [g.astype("f8") for g in gs])
    assert total.shape == ()
    assert total.dtype == ("float64" if dtype == "float64" else "float32")
    np.testing.assert_allclose(total, expected, rtol=1e-12 if dtype == "float64" else 1e-6)
    assert kernels.sum_of_squares(gs) == total
    before = [g.copy() for g in gs]
    kernels.scale(gs, np.asarray(0.5, total.dtype))
    for g, b in zip(gs, before, strict=True):
        np.testing.assert_array_equal(g, b * b.dtype.type(0.5))
    view = np.ones((4, 6), dtype)
    kernels.scale([view[:, ::2]], np.asarray(2, total.dtype))
    np.testing.assert_array_equal(view, np.tile(np.array([2, 1], dtype), (4, 3)))


@pytest.mark.parametrize(("kernels", "dtype"), EACH)
def test_a_nan_makes_the_norm_nan(kernels: Any, dtype: str) -> None:
    gs = [np.ones(3000, dtype), np.array([1, np.nan], dtype)]
    assert np.isnan(kernels.sum_of_squares(gs))
    kernels.scale(gs[:1], np.asarray(np.nan, kernels.sum_of_squares(gs).dtype))
    assert np.isnan(gs[0]).all()


def test_interpreted() -> None:
    with jit_compile.interpreted():
        test_steps_of_a_list(jit, "float32")
        test_sum_of_squares_and_scale(jit, "float32")


def test_thread_count_changes_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    found = set()
    for threads in (1, 2, 3):
        monkeypatch.setattr(jit, "thread_count", lambda units, threads=threads: threads)
        lists = [drawn("float32", s, [(70_001,), (33,), (9000,)]) for s in range(5)]
        step(jit, (), lists)
        found.add(b"".join(a.tobytes() for a in [*sum(lists, []), jit.sum_of_squares(lists[1])]))
    assert len(found) == 1


@needs_emulator
@pytest.mark.parametrize("order", ["forward", "random"])
def test_checked(order: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "MAX_BLOCKS", 2)
    with emulator.checked(order):
        test_steps_of_a_list(cuda, "float32")
        gs = drawn("float32", 0)
        cuda.scale(gs, cuda.sum_of_squares(gs))


@needs_emulator
def test_the_checker_sees_the_arrays_of_a_table() -> None:
    """A size that is one too large: the access behind the array is reported, with the table's position."""
    table = cuda.PointerTable([[np.ones(7, "f4")]], (0,))
    rows = table.rows
    table.rows = lambda address: rows(address) + np.array([[0, 1, 0]])  # type: ignore[method-assign]
    with emulator.checked(), pytest.raises(emulator.KernelError, match="out-of-bounds"):
        cuda._scale[1](table, 1, table.columns, 1, np.asarray(0.5, "f4"))


# ---------------------------------------------------------------------- the optimizers above them
@pytest.mark.parametrize("name", ["numpy", "numba"])
@pytest.mark.parametrize(
    "make",
    [lambda ps: optim.SGD(ps, 0.1, momentum=0.9), lambda ps: optim.Adam(ps, 0.1), lambda ps: optim.AdamW(ps, amsgrad=True)],
)
def test_a_group_is_its_parameters_one_by_one(make: Any, name: str) -> None:
    """Two dtypes in a group, one parameter whose gradient comes and goes, one without any."""
    with dl.use_backend(name):
        values = [*drawn("float32", 0, [(3, 4), (5,)]), *drawn("float64", 1, [(2,)]), *drawn("float32", 2, [(4,), (2, 2)])]
        together = [nn.Parameter(dl.asarray(v)) for v in values]
        alone = [nn.Parameter(dl.asarray(v)) for v in values]
        one, each = make(together), [make([p]) for p in alone]
        for k in range(4):
            for n, ps in enumerate(zip(together, alone, strict=True)):
                for p in ps:
                    p.grad = None if n == 4 or (n == 3 and k % 2 == 0) else dl.asarray(np.cos(values[n] + k), dtype=p.dtype)
            one.step()
            for optimizer in each:
                optimizer.step()
        for p, q in zip(together, alone, strict=True):
            np.testing.assert_array_equal(p.detach().numpy(), q.detach().numpy())
        assert together[4] not in one.state


def test_nothing_changes_if_one_gradient_does_not_fit() -> None:
    ps = [nn.Parameter(dl.ones(3)), nn.Parameter(dl.ones(2))]
    ps[0].grad, ps[1].grad = dl.ones(3), dl.ones(2, dtype=dl.float64)
    with pytest.raises(dl.errors.ShapeError, match="gradient"):
        optim.SGD(ps, 0.1).step()
    np.testing.assert_array_equal(ps[0].detach().numpy(), 1)


@pytest.mark.parametrize("name", ["numpy", "numba"])
def test_clipping_one_and_many(name: str) -> None:
    with dl.use_backend(name):
        ps = [nn.Parameter(dl.asarray(a)) for a in [*drawn("float32", 0), *drawn("float64", 1)]]
        for p in ps:
            p.grad = dl.asarray(p.detach().numpy())
        flat = np.concatenate([p.grad.numpy().reshape(-1).astype("f8") for p in ps])
        total = optim.clip_grad_norm_(ps, 1.0)
        np.testing.assert_allclose(float(total), np.linalg.norm(flat), rtol=1e-6)
        clipped = np.concatenate([p.grad.numpy().reshape(-1).astype("f8") for p in ps])
        np.testing.assert_allclose(clipped, flat / np.linalg.norm(flat), rtol=1e-5)
        before = [p.grad.numpy().copy() for p in ps]
        optim.clip_grad_norm_(ps, 10.0)
        for p, b in zip(ps, before, strict=True):
            np.testing.assert_array_equal(p.grad.numpy(), b)
