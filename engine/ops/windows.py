"""Linear kernels over windows as ops: convolution, pooling, unfold. Closed under differentiation: each pullback is another.

Their geometry is worked out and checked by the public functions in conv.py and pool.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..autograd.op import op


def _convolution(rank: str) -> tuple[Callable[..., Any], ...]:
    forward, input_grad, weight_grad = f"conv{rank}", f"conv{rank}_input_grad", f"conv{rank}_weight_grad"

    @op(needs=("w", "x", ""), linear=True, name=forward)
    def conv(xp, x, w, bias, /, g):
        """y[n, k] = bias[k] + sum over c of x[n, c] cross-correlated with w[k, c], per group. bias: (K,) or None."""
        return getattr(xp, forward)(x, w, g, bias), (
            lambda gy: getattr(xp, input_grad)(gy, w, g),
            lambda gy: getattr(xp, weight_grad)(x, gy, g),
            lambda gy: xp.sum(gy, axis=(0, *range(2, gy.ndim))),
        )

    @op(needs=("w", "gy"), linear=True, name=input_grad)
    def conv_input_grad(xp, gy, w, /, g):
        """The gradient of a convolution for its input: gy spread back through w."""
        return getattr(xp, input_grad)(gy, w, g), (
            lambda ggx: getattr(xp, forward)(ggx, w, g),
            lambda ggx: getattr(xp, weight_grad)(ggx, gy, g),
        )

    @op(needs=("gy", "x"), linear=True, name=weight_grad)
    def conv_weight_grad(xp, x, gy, /, g):
        """The gradient of a convolution for its filters: x correlated with gy."""
        return getattr(xp, weight_grad)(x, gy, g), (
            lambda ggw: getattr(xp, input_grad)(gy, ggw, g),
            lambda ggw: getattr(xp, forward)(x, ggw, g),
        )

    return conv, conv_input_grad, conv_weight_grad


def _pooling(rank: str) -> tuple[Callable[..., Any], ...]:
    largest, scatter, gather = f"max_pool{rank}", f"max_pool{rank}_scatter", f"max_pool{rank}_gather"
    mean, mean_grad = f"avg_pool{rank}", f"avg_pool{rank}_input_grad"

    @op(needs="y1", name=largest)
    def max_pool(xp, x, /, g):
        """The largest value of each window and its flat position in the input plane; the first of equals."""
        y, index = getattr(xp, largest)(x, g)
        return (y, index), lambda gy: getattr(xp, scatter)(gy[0], index, g)

    @op(needs="index", linear=True, name=scatter)
    def max_pool_scatter(xp, gy, index, /, g):
        """gy added at the positions that max-pooling chose."""
        return getattr(xp, scatter)(gy, index, g), (lambda ggx: getattr(xp, gather)(ggx, index, g), None)

    @op(needs="index", linear=True, name=gather)
    def max_pool_gather(xp, x, index, /, g):
        """The values of x at the positions that max-pooling chose."""
        return getattr(xp, gather)(x, index, g), (lambda gy: getattr(xp, scatter)(gy, index, g), None)

    @op(needs="", linear=True, name=mean)
    def avg_pool(xp, x, /, g):
        """The mean of each window."""
        return getattr(xp, mean)(x, g), lambda gy: getattr(xp, mean_grad)(gy, g)

    @op(needs="", linear=True, name=mean_grad)
    def avg_pool_input_grad(xp, gy, /, g):
        """gy divided over each window."""
        return getattr(xp, mean_grad)(gy, g), lambda ggx: getattr(xp, mean)(ggx, g)

    return max_pool, max_pool_scatter, max_pool_gather, avg_pool, avg_pool_input_grad


def _as_kernel(conv: Callable[..., Any]) -> Callable[..., Any]:
    """A convolution called as kernels are: constants before what may be left out."""
    return lambda x, w, g, bias=None: conv(x, w, bias, g)


conv2d, conv2d_input_grad, conv2d_weight_grad = _convolution("2d")
conv3d, conv3d_input_grad, conv3d_weight_grad = _convolution("3d")
KERNELS = {"conv2d": _as_kernel(conv2d), "conv3d": _as_kernel(conv3d)}
"""What the tensor namespace calls by a kernel's name where the op's arguments come in another order."""

max_pool2d, max_pool2d_scatter, max_pool2d_gather, avg_pool2d, avg_pool2d_input_grad = _pooling("2d")
max_pool3d, max_pool3d_scatter, max_pool3d_gather, avg_pool3d, avg_pool3d_input_grad = _pooling("3d")


@op(needs="", linear=True)
def unfold2d(xp, x, /, g):
    """The windows of x as columns: (N, C kh kw, windows)."""
    return xp.unfold2d(x, g), lambda gy: xp.fold2d(gy, g)


@op(needs="", linear=True)
def fold2d(xp, cols, /, g):
    """Columns added back into images: the adjoint of unfold2d."""
    return xp.fold2d(cols, g), lambda gy: xp.unfold2d(gy, g)
