"""weight_norm and spectral_norm: the weight always belongs to the parameters as they are, whatever changed them."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import io, nn, optim
from dlengine.errors import DTypeError
from dlengine.nn import functional as F

LAYERS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], str]] = {
    "linear": (lambda: nn.Linear(4, 3), (5, 4), "weight"),
    "conv": (lambda: nn.Conv2d(2, 3, 3), (2, 2, 5, 5), "weight"),
    "lstm": (lambda: nn.LSTM(4, 3), (6, 2, 4), "weight_hh_l0"),
    "embedding": (lambda: nn.Embedding(7, 4), (), "weight"),
}
SOURCES: dict[str, Callable[..., nn.Module]] = {"weight": nn.weight_norm, "spectral": nn.spectral_norm}
CASES = pytest.mark.parametrize(("layer", "source"), [(a, b) for a in LAYERS for b in SOURCES])


def made(layer: str, source: str, seed: int = 0) -> tuple[nn.Module, str, Any]:
    """A layer with a computed weight, the weight's name, and an input."""
    dl.manual_seed(seed)
    make, shape, name = LAYERS[layer]
    m = SOURCES[source](make(), name)
    return m, name, dl.randn(shape) if shape else dl.asarray([0, 6, 2])


def expected(m: nn.Module, name: str) -> Any:
    """The weight by its formula, in NumPy, from what the state holds."""
    state = {k: v.numpy_copy().astype("float64") for k, v in m.state_dict().items()}
    place = f"parametrizations.{name}."
    if place + "original1" in state:
        v, g = state[place + "original1"], state[place + "original0"]
        return g * v / np.sqrt((v**2).sum(axis=tuple(range(1, v.ndim)), keepdims=True))
    w = state[place + "original"]
    return w / (state[place + "0._u"] @ w.reshape(len(w), -1) @ state[place + "0._v"])


def output(m: nn.Module, x: Any) -> Any:
    y = m(x)
    return (y[0] if isinstance(y, tuple) else y).detach().numpy_copy()


def agrees(m: nn.Module, name: str, rtol: float = 1e-5) -> None:
    np.testing.assert_allclose(getattr(m, name).detach().numpy_copy(), expected(m, name), rtol=rtol, atol=1e-6)


@pytest.mark.parametrize(
    ("dtype", "size", "rtol"),
    [("float16", 1e-4, 5e-3), ("float16", 300.0, 2e-3), ("float32", 1e-25, 1e-5), ("float32", 1e25, 1e-5)],
)
@pytest.mark.parametrize("dim", [0, None])
def test_lengths_whose_squares_leave_the_dtype(dtype: str, size: float, rtol: float, dim: int | None) -> None:
    v = np.random.default_rng(0).uniform(0.5, 1.0, (3, 5)).astype(dtype) * np.dtype(dtype).type(size)
    m = nn.Linear(5, 3).to(dtype)
    m.weight = nn.Parameter(v)
    nn.weight_norm(m, dim=dim)
    np.testing.assert_allclose(m.weight.detach().numpy_copy(), v, rtol=rtol)
    m.weight.sum().backward()
    for p in m.parametrizations["weight"].parameters():
        assert np.isfinite(p.grad.numpy_copy()).all()


@CASES
def test_the_weight_follows_loading_steps_casts_and_writes(layer: str, source: str, tmp_path: Path) -> None:
    a, name, x = made(layer, source)
    b, _, _ = made(layer, source, seed=1)
    output(a, x)
    io.save_weights(tmp_path / "w", a.state_dict())
    b.load_state_dict(io.load_weights(tmp_path / "w"))
    np.testing.assert_array_equal(getattr(b, name).detach().numpy_copy(), getattr(a, name).detach().numpy_copy())
    optimizer = optim.SGD(a.parameters(), lr=0.5)
    y = a(x)
    ((y[0] if isinstance(y, tuple) else y) ** 2).sum().backward()
    before = getattr(a, name).detach().numpy_copy()
    optimizer.step()
    agrees(a, name)
    assert np.abs(getattr(a, name).detach().numpy_copy() - before).max() > 1e-4
    a.double()
    assert getattr(a, name).dtype == np.float64
    agrees(a, name, 1e-7)
    with dl.no_grad():
        for p in a.parameters():
            p *= 1.5
    agrees(a, name, 1e-7)


@CASES
@pytest.mark.parametrize("how", ["deepcopy", "pickle"])
def test_copies_have_their_own(layer: str, source: str, how: str) -> None:
    m, name, x = made(layer, source)
    output(m, x)
    m.eval()
    twin = copy.deepcopy(m) if how == "deepcopy" else pickle.loads(pickle.dumps(m))
    np.testing.assert_array_equal(output(twin, x), output(m, x))
    assert list(twin.state_dict()) == list(m.state_dict())
    before = getattr(m, name).detach().numpy_copy()
    with dl.no_grad():
        for p in twin.parameters():
            p += 0.5
    agrees(twin, name)
    np.testing.assert_array_equal(getattr(m, name).detach().numpy_copy(), before)
    twin.train()
    output(twin, x)


@pytest.mark.parametrize("source", SOURCES)
def test_a_weight_read_outside_forward_has_its_gradient(source: str) -> None:
    m, _, x = made("linear", source)
    m.eval()
    m(x).sum().backward()
    wanted = [p.grad.numpy_copy() for p in m.parameters()]
    m.zero_grad()
    F.linear(x, m.weight, m.bias).sum().backward()
    for p, w in zip(m.parameters(), wanted, strict=True):
        np.testing.assert_allclose(p.grad.numpy_copy(), w, rtol=1e-6, atol=1e-7)


def test_power_iteration_goes_on_once_a_forward_and_not_when_read() -> None:
    m, _, x = made("linear", "spectral")
    u = m.parametrizations["weight"].__dict__["0"]._u
    held = u.numpy_copy()
    for _ in range(3):
        assert m.weight.shape == (3, 4)
    np.testing.assert_array_equal(u.numpy_copy(), held)
    twin = copy.deepcopy(m)
    m(x)
    assert (u.numpy_copy() != held).any()
    power = twin.parametrizations["weight"].__dict__["0"]
    power.iterate(power.matrix(twin.parametrizations["weight"].original.detach()), 1)
    np.testing.assert_array_equal(power._u.numpy_copy(), u.numpy_copy())


def test_a_forward_that_fails_leaves_nothing_behind() -> None:
    m, name, x = made("linear", "weight")
    with pytest.raises(dl.errors.DLEngineError):
        m(dl.ones((2, 9)))
    with dl.no_grad():
        m.parametrizations["weight"].original0[...] = 2.0
    agrees(m, name)
    assert "weight" not in m.__dict__


def test_the_weight_itself_cannot_be_assigned() -> None:
    m, _, _ = made("linear", "weight")
    for value in (nn.Parameter(dl.ones((3, 4))), dl.ones((3, 4))):
        with pytest.raises(DTypeError, match=r"Linear.weight is computed from the parameters in parametrizations.weight"):
            m.weight = value
    with pytest.raises(AttributeError, match="'Linear' object has no attribute 'wieght'"):
        m.wieght  # noqa: B018
    assert not hasattr(m, "other")


@pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed")
@pytest.mark.parametrize("kind", ["weight_norm", "spectral_norm"])
def test_states_are_pytorchs_both_ways(kind: str) -> None:
    import torch

    theirs = getattr(torch.nn.utils.parametrizations, kind)(torch.nn.Conv1d(3, 5, 2))
    ours = getattr(nn, kind)(nn.Conv1d(3, 5, 2))
    theirs(torch.ones(1, 3, 4))
    state = theirs.state_dict()
    assert set(ours.state_dict()) == set(state)
    ours.load_state_dict({k: v.numpy() for k, v in state.items()})
    theirs.eval()
    np.testing.assert_allclose(ours.weight.detach().numpy_copy(), theirs.weight.detach().numpy(), rtol=1e-5, atol=1e-6)
    theirs.load_state_dict({k: torch.from_numpy(v.numpy_copy()) for k, v in ours.state_dict().items()})
