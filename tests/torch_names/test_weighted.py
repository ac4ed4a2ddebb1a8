"""lerp, addcmul and addcdiv under PyTorch's names: large tensors in one pass, all others as sums and products."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dlengine as dl
import dlengine.torch as own
from dlengine.kernels import jit

torch = pytest.importorskip("torch")

SHAPES: list[tuple[tuple[int, ...], ...]] = [
    ((60, 71), (60, 71), (60, 71)), ((60, 71), (71,), (60, 1)), ((3,), (3,), (3,)), ((), (), ()), ((0, 4), (0, 4), (0, 4)),
    ((1, 71), (60, 71), (60, 71)), ((3000,), (1,), (3000,)),
]  # fmt: skip


def inputs(shapes: Any, dtype: str, special: bool) -> list[Any]:
    rng = np.random.default_rng(2)
    found = [np.asarray(rng.uniform(0.5, 2.0, s) * np.sign(rng.normal(size=s)), dtype) for s in shapes]
    for a in found:
        if special and a.size > 6:
            a.flat[:5] = np.nan, np.inf, -np.inf, 0.0, -0.0
    return found


def results(library: Any, name: str, arrays: list[Any], weight: Any, turned: bool) -> list[Any]:
    """The value and the gradients."""
    tensors = [library.tensor(a.T.copy()).T if turned and a.ndim == 2 else library.tensor(a) for a in arrays]
    tensors = [t.detach().requires_grad_() for t in tensors]
    if isinstance(weight, np.ndarray):
        weight = library.tensor(weight).requires_grad_()
        tensors.append(weight)
    function = getattr(library, name)
    count = 2 if name == "lerp" else 3
    y = function(*tensors[:2], weight) if name == "lerp" else function(*tensors[:count], value=weight)
    (y * library.tensor(np.linspace(-1, 1, y.numel()).reshape(tuple(y.shape)).astype(arrays[0].dtype))).sum().backward()
    return [y.detach().numpy(), *[t.grad.numpy() for t in tensors if t.grad is not None]]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["lerp", "addcmul", "addcdiv"])
def test_as_torch(name: str, dtype: str) -> None:
    for shapes in SHAPES:
        for special in (False, True):
            arrays = inputs(shapes, dtype, special)[: 2 if name == "lerp" else 3]
            weights: list[Any] = [0.25, -2, 1]
            if name == "lerp":
                weights += [np.asarray(0.25, dtype), np.full(shapes[0], 0.75, dtype)]
            for weight in weights:
                for turned in (False, True):
                    with np.errstate(all="ignore"):
                        mine, theirs = (results(library, name, arrays, weight, turned) for library in (own, torch))
                    assert len(mine) == len(theirs)
                    for a, b in zip(mine, theirs, strict=True):
                        assert (a.shape, a.dtype) == (b.shape, b.dtype)
                        tight = 2e-5 if dtype == "float32" else 1e-12
                        np.testing.assert_allclose(a, b, rtol=tight, atol=10 * tight)


def test_one_kernel_whatever_the_weight() -> None:
    with dl.use_backend("numba"):
        x, y, z = (own.tensor(a) for a in inputs(SHAPES[0], "float32", False))
        for name, calls in (("_lerp", 3), ("_addcmul", 3), ("_addcdiv", 3)):
            before = jit.SET.launches[f"generated:{name}"]
            for k in range(calls):
                w = 0.1 * (k + 1)
                if name == "_lerp":
                    own.lerp(x, y, w)
                else:
                    getattr(own, name[1:])(x, y, z, value=w)
            assert jit.SET.launches[f"generated:{name}"] == before + calls
            assert len(kinds(name)) == 1


def kinds(name: str) -> list[Any]:
    """The kinds of calls of float32 for which there is a formula."""
    from dlengine.autograd.op import OPS

    return [key for key in OPS[name].op.readings[0] if "f" in key]


def test_other_arguments_are_sums_and_products() -> None:
    x = own.tensor(np.arange(3000))
    np.testing.assert_array_equal(own.addcmul(x, x, x, value=2).numpy(), x.numpy() + 2 * x.numpy() ** 2)
    a = own.tensor(np.ones(3000, np.float32))
    assert own.addcmul(a, a.double(), a.double()).dtype == own.float64
    z = own.tensor(np.full(3000, 1 + 2j))
    np.testing.assert_array_equal(own.addcmul(z, z, z, value=1j).numpy(), z.numpy() + z.numpy() ** 2 * 1j)
    assert own.lerp(z, 2 * z, own.tensor(0.75 + 0j)).numpy()[0] == 1.75 * (1 + 2j)
    assert own.lerp(z, 2 * z, 0.75).numpy()[0] == 1.75 * (1 + 2j)
    a.lerp_(own.tensor(np.full(3000, 3.0, np.float32)), 0.5)
    np.testing.assert_array_equal(a.numpy(), np.full(3000, 2.0, np.float32))
