"""Floating-point operations of one forward pass: 2 for each multiply-add of products and convolutions; the rest is left out."""

from __future__ import annotations

from functools import singledispatch
from math import prod
from typing import Any

from .activation import Maxout
from .attention import AdditiveAttention, MultiheadAttention
from .cells import _Cell
from .conv import _Convolution, _Transposed
from .linear import Bilinear, Linear
from .module import Module
from .perceptron import Perceptron
from .recurrent import _Recurrent


@singledispatch
def flops(layer: Module, args: tuple[Any, ...], y: Any) -> int:
    """FLOPs of a layer itself (not of layers inside it), from its arguments and what it returned; 0 for an unknown kind.

    Layers of one's own: @flops.register(MyLayer).
    """
    return 0


@flops.register(Linear)
@flops.register(Perceptron)
@flops.register(Maxout)
def _(layer: Any, args: tuple[Any, ...], y: Any) -> int:
    return 2 * int(prod(args[0].shape[:-1])) * int(layer.weight.size)


@flops.register(Bilinear)
def _(layer: Any, args: tuple[Any, ...], y: Any) -> int:
    return 2 * int(prod(y.shape[:-1])) * int(layer.weight.size)


@flops.register(_Convolution)
def _(layer: Any, args: tuple[Any, ...], y: Any) -> int:
    return 2 * int(y.shape[0]) * int(prod(y.shape[2:])) * int(layer.weight.size)


@flops.register(_Transposed)
def _(layer: Any, args: tuple[Any, ...], y: Any) -> int:
    return 2 * int(y.shape[0]) * int(prod(args[0].shape[2:])) * int(layer.weight.size)


@flops.register(_Recurrent)
@flops.register(_Cell)
def _(layer: Any, args: tuple[Any, ...], y: Any) -> int:
    return 2 * int(prod(args[0].shape[:-1])) * sum(int(p.size) for p in layer.parameters() if p.ndim == 2)


@flops.register(MultiheadAttention)
def _(layer: Any, args: tuple[Any, ...], y: Any) -> int:
    query, key, value = args[:3]
    batch = 1 if query.ndim == 2 else query.shape[0 if layer.batch_first else 1]
    e, steps, keys = layer.embed_dim, prod(query.shape[:-1]) // batch, prod(key.shape[:-1]) // batch
    projections = steps * e * e + keys * e * (layer.kdim + layer.vdim)
    return int(2 * batch * (projections + 2 * steps * keys * e))  # the output's projection is a layer inside


@flops.register(AdditiveAttention)
def _(layer: Any, args: tuple[Any, ...], y: Any) -> int:
    context, weights = y
    return 2 * int(weights.size) * (int(layer.v.size) + int(context.shape[-1]))  # the projections are layers inside
