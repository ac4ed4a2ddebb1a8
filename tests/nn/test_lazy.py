"""Lazy layers: parameters whose shapes the first call tells, and what asks for them before."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine import nn

MAKE: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "LazyLinear": ((4,), {}),
    **{f"LazyConv{n}d": ((4, 3), {"padding": 1, "groups": 2}) for n in (1, 2, 3)},
    **{f"LazyConvTranspose{n}d": ((4, 3), {"stride": 2, "output_padding": 1}) for n in (1, 2, 3)},
    **{f"LazyBatchNorm{n}d": ((), {"momentum": 0.3}) for n in (1, 2, 3)},
    **{f"LazyInstanceNorm{n}d": ((), {"affine": True, "track_running_stats": True}) for n in (1, 2, 3)},
}
LAZY = sorted(n for n in nn.__all__ if n.startswith("Lazy"))


def made(name: str, namespace: Any = nn) -> Any:
    args, settings = MAKE[name]
    return getattr(namespace, name)(*args, **settings)


def inputs(name: str) -> Any:
    rank = int(name[-2]) if name.endswith("d") else 1
    return np.random.default_rng(0).standard_normal((2, 6, *(5, 4, 3)[:rank]))[..., : 6 if name == "LazyLinear" else None]


def test_every_lazy_layer_is_here() -> None:
    assert sorted(MAKE) == LAZY


@pytest.mark.parametrize("name", LAZY)
def test_the_first_call_makes_the_usual_layer(name: str) -> None:
    layer = made(name)
    held = list(layer.parameters())
    assert held
    assert all(isinstance(p, nn.UninitializedParameter) for p in held)
    y = layer(dl.asarray(inputs(name)).astype("float32"))
    usual = getattr(nn, name.removeprefix("Lazy"))
    assert type(layer) is usual
    assert all(p is q and type(q) is nn.Parameter and q.requires_grad for p, q in zip(held, layer.parameters(), strict=True))
    args, settings = MAKE[name]
    direct = usual(inputs(name).shape[-1 if name == "LazyLinear" else 1], *args, **settings)
    direct(dl.asarray(inputs(name)).astype("float32"))
    assert [(k, v.shape) for k, v in layer.state_dict().items()] == [(k, v.shape) for k, v in direct.state_dict().items()]
    assert repr(layer) == repr(direct)
    direct.load_state_dict(layer.state_dict())
    again = dl.asarray(inputs(name)).astype("float32")
    np.testing.assert_array_equal(layer.eval()(again).numpy_copy(), direct.eval()(again).numpy_copy())
    assert y.shape == layer(again).shape


@pytest.mark.parametrize("name", LAZY)
def test_pytorch_gives_the_same(name: str) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = made(name).double(), made(name, torch.nn).double()
    x = inputs(name)
    a, b = dl.asarray(x).requires_grad_(), torch.from_numpy(x.copy()).requires_grad_()
    ours(a), theirs(b)
    assert type(ours).__name__ == type(theirs).__name__
    theirs.load_state_dict({k: torch.from_numpy(np.array(v.numpy())) for k, v in ours.state_dict().items()})  # strict
    weights = np.random.default_rng(1).standard_normal(ours(a).shape)
    theirs(b)
    y, z = ours(a), theirs(b)
    np.testing.assert_allclose(y.numpy_copy(), z.detach().numpy(), rtol=1e-9, atol=1e-9)
    dl.sum(y * dl.asarray(weights)).backward()
    (z * torch.from_numpy(weights)).sum().backward()
    for p, q in [(a, b), *zip(ours.parameters(), theirs.parameters(), strict=True)]:
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-8, atol=1e-8)


def model() -> nn.Sequential:
    return nn.Sequential(nn.LazyLinear(4), nn.Tanh(), nn.LazyLinear(2))


OPTIMIZERS = [dl.optim.SGD, dl.optim.Adam, dl.optim.AdamW, dl.optim.RMSprop, dl.optim.NAdam, dl.optim.LBFGS]


@pytest.mark.parametrize("make", OPTIMIZERS)
def test_optimizers_take_the_parameters_and_step_after_the_first_call(make: Any) -> None:
    dl.manual_seed(0)
    lazy = model()
    optimizer = make(lazy.parameters(), lr=0.01)
    with pytest.raises(dl.errors.ShapeError, match=r"LazyLinear.weight has no shape .* call the model once"):
        optimizer.step(lambda: dl.asarray(0.0)) if make is dl.optim.LBFGS else optimizer.step()

    def closure() -> Any:
        optimizer.zero_grad()
        loss = dl.sum(dl.square(lazy(dl.ones((3, 5)))))
        loss.backward()
        return loss

    first = float(closure())
    for _ in range(5):
        optimizer.step(closure)
    assert float(closure()) < first


@pytest.mark.parametrize("ask", [
    lambda m: m.state_dict(), lambda m: m[0].weight.shape, lambda m: nn.init.xavier_uniform_(m[0].weight),
    lambda m: nn.init.normal_(m[0].weight), lambda m: sum(p.size for p in m.parameters()), lambda m: m[0].weight + 1.0,
    lambda m: m.load_state_dict({"0.weight": np.ones((4, 3))}, strict=False), lambda m: m[0].weight.numpy_copy(),
])  # fmt: skip
def test_what_needs_values_says_so(ask: Any) -> None:
    with pytest.raises(dl.errors.ShapeError, match="call the model once"):
        ask(model())


def test_dtype_copy_mode_and_freezing_before_the_first_call() -> None:
    lazy = copy.deepcopy(model()).double().eval()
    lazy[0].requires_grad_(False)
    y = lazy(dl.asarray(np.ones((3, 5))))
    assert y.dtype == lazy[0].weight.dtype == "float64"
    assert [p.requires_grad for p in lazy.parameters()] == [False, False, True, True]
    assert not lazy[0].training
    assert not lazy[2].training


def test_settings_are_checked_at_once() -> None:
    with pytest.raises(dl.errors.ConfigError, match="LazyConv2d: groups=3 must divide"):
        nn.LazyConv2d(4, 3, groups=3)
    with pytest.raises(dl.errors.ShapeError, match="LazyConv2d: the input must have"):
        nn.LazyConv2d(4, 3)(dl.ones((5, 5)))
