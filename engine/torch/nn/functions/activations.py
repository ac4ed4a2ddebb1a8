"""Activations with PyTorch's arguments, and dropout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...names.core import METHODS, assign, define, kind_of, lifted
from ...names.engine import dl

F = dl.nn.functional

NAMES: dict[str, Any] = {}
"""torch.nn.functional.NAME."""


def entry(*names: str, root: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter a function into torch.nn.functional; root: into torch and the tensor's methods too."""

    def decorate(f: Any) -> Any:
        call = define(*(names or (f.__name__.removesuffix("_of"),)))(f) if root else lifted(f)
        for name in names or (f.__name__.removesuffix("_of"),):
            NAMES[name] = call
        return call

    return decorate


REQUIRED = object()


def activation(name: str, f: Any, *, parameters: dict[str, Any] | None = None, root: bool = False) -> None:
    """An activation that can be computed in place, with named settings after the input; REQUIRED ones have no default."""
    order = list(parameters or {})
    usual = (parameters or {}).values()

    def call(input: Any, *args: Any, inplace: bool = False, **options: Any) -> Any:
        if not args and not options and REQUIRED not in usual:
            y = f(input, *usual)
            return assign(input, y, name) if inplace else y
        settings = dict(parameters or {})
        values = list(args)
        if len(values) == len(order) + 1:
            inplace = values.pop()
        settings.update(zip(order, values, strict=False))
        unknown = options.keys() - set(order)
        if unknown:
            raise TypeError(f"{name}() got an unexpected keyword argument '{min(unknown)}'")
        settings.update(options)
        missing = [n for n, v in settings.items() if v is REQUIRED]
        if missing:
            raise TypeError(f"{name}() missing a required argument: '{missing[0]}'")
        y = f(input, *settings.values())
        return assign(input, y, name) if inplace else y

    call.__name__ = name
    made = entry(name, root=root)(call)
    NAMES[name + "_"] = lifted(lambda input, *args, **options: made(input, *args, inplace=True, **options))
    METHODS.setdefault(name + "_", NAMES[name + "_"])


activation("relu", F.relu, root=True)
activation("relu6", F.relu6)
activation("leaky_relu", F.leaky_relu, parameters={"negative_slope": 0.01})
activation("celu", F.celu, parameters={"alpha": 1.0}, root=True)
activation("selu", F.selu, root=True)
activation(
    "hardtanh",
    lambda x, low, high: F.hardtanh(x, low, high) if low < high else dl.clip(x * 0 + low, min=low, max=high),
    parameters={"min_val": -1.0, "max_val": 1.0},
)
activation("hardsigmoid", F.hardsigmoid)
activation("hardswish", F.hardswish)
activation("silu", F.silu)
activation("mish", F.mish)
activation("threshold", F.threshold, parameters={"threshold": REQUIRED, "value": REQUIRED}, root=True)
activation("elu", F.elu, parameters={"alpha": 1.0})


@entry("rrelu", root=True)
def _rrelu(input: Any, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False, inplace: bool = False) -> Any:
    slope: Any = (lower + upper) / 2
    if training:
        slope = dl.rand(*input.shape, dtype=input.dtype, device=input.device) * (upper - lower) + lower
    y = dl.where(input >= 0, input, input * slope)
    return assign(input, y, "rrelu") if inplace else y


for _name, _f in {"logsigmoid": F.logsigmoid, "softsign": F.softsign, "tanhshrink": F.tanhshrink, "tanh": dl.tanh,
                  "sigmoid": dl.sigmoid}.items():  # fmt: skip
    entry(_name)((lambda f: lambda input: f(input))(_f))


@entry("gelu")
def _gelu(input: Any, *, approximate: str = "none") -> Any:
    return F.gelu(input, approximate=approximate)


@entry("softplus")
def _softplus(input: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
    y = F.softplus(input, beta=float(beta))
    return dl.where(input * beta > threshold, input, y)


@entry("hardshrink", root=True)
def _hardshrink(input: Any, lambd: float = 0.5) -> Any:
    return F.hardshrink(input, lambd)


@entry("softshrink")
def _softshrink(input: Any, lambd: float = 0.5) -> Any:
    return F.softshrink(input, lambd)


@entry("prelu", root=True)
def _prelu(input: Any, weight: Any) -> Any:
    return F.prelu(input, dl.reshape(weight, (1,)) if weight.ndim == 0 else weight)


@entry("glu")
def _glu(input: Any, dim: int = -1) -> Any:
    return F.glu(input, axis=dim)


def _implicit(dim: Any, rank: int) -> int:
    """The axis that PyTorch takes where none is named: 0 for 0, 1 and 3 axes, else 1."""
    return (0 if rank in (0, 1, 3) else 1) if dim is None else dim


def _soft(f: Any, input: Any, dim: Any, dtype: Any) -> Any:
    if dtype is not None:
        input = dl.astype(input, dtype)
    if input.ndim == 0:
        return dl.reshape(f(dl.reshape(input, (1,)), axis=0), ())
    return f(input, axis=_implicit(dim, input.ndim))


@entry("softmax", root=True)
def softmax(input: Any, dim: Any = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    return _soft(dl.softmax, input, dim, dtype)


@entry("log_softmax", root=True)
def log_softmax(input: Any, dim: Any = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    return _soft(dl.log_softmax, input, dim, dtype)


@entry("softmin")
def _softmin(input: Any, dim: Any = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    return _soft(dl.softmax, -input, dim, dtype)


@entry("gumbel_softmax")
def _gumbel_softmax(logits: Any, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Any:
    u = 1 - dl.rand(*logits.shape, dtype=logits.dtype, device=logits.device)
    y = dl.softmax((logits - dl.log(-dl.log(u))) / tau, axis=dim)
    if not hard:
        return y
    index = dl.argmax(y, axis=dim, keepdims=True)
    places = dl.astype(index == _numbers(y, dim), y.dtype)
    return places - y.detach() + y


def _numbers(y: Any, dim: int) -> Any:
    shape = [1] * y.ndim
    shape[dim] = -1
    return dl.reshape(dl.arange(y.shape[dim], device=y.device), tuple(shape))


# ---------------------------------------------------------------------- dropout
def _dropped(name: str, input: Any, p: float, training: bool, inplace: bool, mask_shape: Any = None) -> Any:
    if not 0 <= p <= 1:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    y = input if not training or p == 0 else dl.dropout(input, p, True, mask_shape=mask_shape) if p < 1 else input * 0
    return assign(input, y, name) if inplace else y


@entry("dropout", root=True)
def _dropout(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    return _dropped("dropout", input, p, training, inplace)


def _of_channels(rank: int) -> Any:
    """Dropout of channels; rank: the axes of space where input may lack N, 0 where (N,C) are there always."""

    def call(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
        lead = 2 if input.ndim == rank + 2 or rank == 0 else 1
        return _dropped("dropout", input, p, training, inplace, (*input.shape[:lead], *(1,) * (input.ndim - lead)))

    return call


for _name, _rank in {"dropout1d": 1, "dropout2d": 0, "dropout3d": 3, "feature_dropout": 0}.items():
    entry(_name)(_of_channels(_rank))


@entry("alpha_dropout", root=True)
def _alpha_dropout(input: Any, p: float = 0.5, training: bool = False, inplace: bool = False) -> Any:
    y = dl.alpha_dropout(input, p, training)
    return assign(input, y, "alpha_dropout") if inplace else y


@entry("feature_alpha_dropout", root=True)
def _feature_alpha_dropout(input: Any, p: float = 0.5, training: bool = False, inplace: bool = False) -> Any:
    y = dl.alpha_dropout(input, p, training, mask_shape=(*input.shape[:2], *(1,) * (input.ndim - 2)))
    return assign(input, y, "feature_alpha_dropout") if inplace else y


_ = (np, kind_of)
