"""Floating-point operations of a forward pass: 2 for each multiply-add of products and convolutions, 0 for anything else."""

from __future__ import annotations

from functools import singledispatch
from math import prod
from typing import TYPE_CHECKING, Any

from .attention import AdditiveAttention, MultiheadAttention
from .cells import _Cell
from .conv import _Convolution
from .conv_transpose import _Transposed
from .linear import Bilinear, Linear
from .module import Module
from .perceptron import Perceptron
from .piecewise import Maxout
from .recurrent import _Recurrent

if TYPE_CHECKING:
    from .._tensor import Tensor


@singledispatch
def flops(layer: Module, args: tuple[Any, ...], y: Any) -> int:
    """Count the floating-point operations of a layer in one forward pass.

    Layers inside it are not counted. A multiply-add counts as 2, elementwise work as 0. To count a layer of your own,
    write a function with these parameters and decorate it with ``@dl.nn.flops.register(MyLayer)``.

    Parameters
    ----------
    layer : Module
        The layer.
    args : tuple
        The arguments of its forward pass.
    y : Tensor or tuple
        What the forward pass returned.

    Returns
    -------
    int
        The number of operations; 0 for a kind of layer without a rule.

    Examples
    --------
    >>> layer, x = dl.nn.Linear(3, 2), dl.ones((5, 3))
    >>> dl.nn.flops(layer, (x,), layer(x))
    60
    """
    return 0


@flops.register(Linear)
@flops.register(Perceptron)
@flops.register(Maxout)
def _(layer: Linear | Perceptron | Maxout, args: tuple[Any, ...], y: Tensor) -> int:
    return 2 * int(prod(args[0].shape[:-1])) * layer.weight.size


@flops.register(Bilinear)
def _(layer: Bilinear, args: tuple[Any, ...], y: Tensor) -> int:
    return 2 * prod(y.shape[:-1]) * layer.weight.size


@flops.register(_Convolution)
def _(layer: _Convolution, args: tuple[Any, ...], y: Tensor) -> int:
    return 2 * y.shape[0] * prod(y.shape[2:]) * layer.weight.size


@flops.register(_Transposed)
def _(layer: _Transposed, args: tuple[Any, ...], y: Tensor) -> int:
    return 2 * y.shape[0] * int(prod(args[0].shape[2:])) * layer.weight.size


@flops.register(_Recurrent)
@flops.register(_Cell)
def _(layer: _Recurrent | _Cell, args: tuple[Any, ...], y: Any) -> int:
    return 2 * int(prod(args[0].shape[:-1])) * sum(p.size for p in layer.parameters() if p.ndim == 2)


@flops.register(MultiheadAttention)
def _(layer: MultiheadAttention, args: tuple[Any, ...], y: Any) -> int:
    query, key, value = args[:3]
    batch = 1 if query.ndim == 2 else query.shape[0 if layer.batch_first else 1]
    e, steps, keys = layer.embed_dim, prod(query.shape[:-1]) // batch, prod(key.shape[:-1]) // batch
    projections = steps * e * e + keys * e * (layer.kdim + layer.vdim)
    return int(2 * batch * (projections + 2 * steps * keys * e))  # the output projection is a layer inside


@flops.register(AdditiveAttention)
def _(layer: AdditiveAttention, args: tuple[Any, ...], y: tuple[Tensor, Tensor]) -> int:
    context, weights = y
    return 2 * weights.size * (layer.v.size + context.shape[-1])  # the projections are layers inside
