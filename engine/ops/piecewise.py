"""Activation functions made of straight pieces, the step of the perceptron, and maxout. Shapes: any in, the same out.

At a kink the derivative is that of the piece to the left, as in PyTorch.
"""

from __future__ import annotations

from typing import Any

from ..autograd.op import op
from ..errors import ConfigError, ShapeError
from .elementwise import where
from .reduce import max
from .shape import axis_of, reshape

__all__ = [
    "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "maxout", "prelu", "relu6", "softshrink", "step", "threshold",
]  # fmt: skip


@op(needs="x", promotes="float")
def hardtanh(xp, x, /, *, min_val=-1.0, max_val=1.0):
    """x between min_val and max_val, cut off there."""
    if min_val >= max_val:
        raise ConfigError(f"hardtanh: min_val={min_val} must be below max_val={max_val}")
    y = xp.minimum(xp.maximum(x, min_val), max_val)
    return y, lambda gy: xp.where((x > min_val) & (x < max_val), gy, 0)


def relu6(x: Any, /) -> Any:
    """min(max(x, 0), 6). Source: Krizhevsky 2010, "Convolutional deep belief networks on CIFAR-10"."""
    return hardtanh(x, min_val=0.0, max_val=6.0)


@op(needs="x", promotes="float")
def hardsigmoid(xp, x, /):
    """min(max(x / 6 + 1/2, 0), 1): a sigmoid of straight pieces. Source: Howard et al. 2019, arXiv:1905.02244."""
    return xp.minimum(xp.maximum(x / 6 + 0.5, 0.0), 1.0), lambda gy: xp.where((x > -3) & (x < 3), gy / 6, 0)


@op(needs="x", promotes="float")
def hardswish(xp, x, /):
    """x hardsigmoid(x). Source: Howard et al. 2019, arXiv:1905.02244."""

    def pull(gy):
        return xp.where(x <= -3, 0, xp.where(x < 3, gy * (x / 3 + 0.5), gy))

    # bounded by -3, where the second factor is 0: -Inf times 0 would be NaN
    return xp.maximum(x, -3.0) * xp.minimum(xp.maximum(x / 6 + 0.5, 0.0), 1.0), pull


@op(needs="x", promotes="float")
def softshrink(xp, x, /, *, lambd=0.5):
    """x moved by lambd towards 0, and 0 within lambd of it. Source: Donoho 1995, "De-noising by soft-thresholding"."""
    if lambd < 0:
        raise ConfigError(f"softshrink: lambd must not be negative, got {lambd}")
    y = xp.where(x > lambd, x - lambd, xp.where(x < -lambd, x + lambd, x * 0))
    return y, lambda gy: xp.where((x > lambd) | (x < -lambd), gy, 0)


@op(needs="x", promotes="float")
def hardshrink(xp, x, /, *, lambd=0.5):
    """x, but 0 within lambd of 0."""
    return xp.where((x > lambd) | (x < -lambd), x, x * 0), lambda gy: xp.where((x > lambd) | (x < -lambd), gy, 0)


@op(needs="x", promotes="float", name="threshold")
def _threshold(xp, x, /, *, threshold, value):
    """See threshold."""
    return xp.where(x <= threshold, value, x), lambda gy: xp.where(x <= threshold, 0, gy)


def threshold(x: Any, threshold: float, value: float, /) -> Any:
    """x where it is above threshold, value elsewhere; NaN stays, as in PyTorch."""
    return _threshold(x, threshold=threshold, value=value)


@op(needs="", promotes="float")
def step(xp, x, /):
    """1 where x >= 0, else 0: the perceptron's activation; NaN stays. Its derivative is 0. Source: Rosenblatt 1958."""
    return xp.where(x >= 0, xp.ones_like(x), xp.where(x < 0, xp.zeros_like(x), x)), lambda gy: xp.zeros_like(gy)


def prelu(x: Any, weight: Any, /) -> Any:
    """x where positive, weight x elsewhere; weight is learned.

    x: (N,C,*S) or any shape. weight: (1,), or (C,) with one slope for each channel. Source: He et al. 2015, arXiv:1502.01852.
    """
    if weight.ndim != 1 or weight.shape[0] not in (1, x.shape[1] if x.ndim > 1 else 1):
        raise ShapeError(f"prelu: weight must be (1,) or (C,), got {weight.shape} for x (N,C,*S)={x.shape}")
    slope = reshape(weight, (-1,) + (1,) * _after_channels(x)) if weight.shape[0] > 1 else weight
    slope = slope if x.ndim else reshape(weight, ())
    return where(x > 0, x, where(x > 0, 0.0, x) * slope)  # so that Inf, which is not scaled, sends the slope no Inf 0


def _after_channels(x: Any) -> int:
    """Axes after the channels."""
    return x.ndim - 2 if x.ndim > 2 else 0


def maxout(x: Any, pieces: int, /, *, axis: int = -1) -> Any:
    """The largest of each group of `pieces` consecutive values along an axis: (..., K pieces) -> (..., K).

    After an affine map it is max(w1 x + b1, w2 x + b2, ...). Source: Goodfellow et al. 2013, arXiv:1302.4389.
    """
    at = axis_of("maxout", axis, x.ndim)
    size = x.shape[at]
    if pieces < 1 or size % pieces:
        raise ShapeError(f"maxout: axis {axis} of shape {x.shape} does not fall into groups of {pieces}")
    return max(reshape(x, (*x.shape[:at], size // pieces, pieces, *x.shape[at + 1 :])), axis=at + 1)
