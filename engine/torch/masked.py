"""torch.masked: reductions and normalisations of the elements that a boolean mask, True where they count, leaves in.

What is masked out is replaced by the number that changes nothing (0 in a sum, minus infinity in a maximum); a line of which
nothing is left gives what PyTorch gives: that number, or NaN in means and medians.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .names.core import FUNCTIONS, axis_or_all, kind_of, lifted, refuse
from .names.engine import dl
from .names.reductions import axes

_F: dict[str, Any] = FUNCTIONS


def _filled(input: Any, mask: Any, neutral: float) -> Any:
    """The input with a number in the place of what is masked out; of integers the nearest that they have."""
    if mask is None:
        return input
    if mask.ndim > input.ndim:
        raise IndexError("masked: the mask has more axes than the input")
    if math.isinf(neutral) and kind_of(input.dtype) < 2:
        limits = np.iinfo(input.dtype)
        neutral = limits.max if neutral > 0 else limits.min
    return dl.where(dl.astype(dl.broadcast_to(mask, input.shape), "bool"), input, neutral)


def _reduction(name: str, neutral: float) -> Any:
    def call(input: Any, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Any:
        x = _filled(input, mask, neutral)
        return _F[name](x if dtype is None else dl.astype(x, dtype), axis_or_all(dim), keepdim)

    return call


sum = lifted(_reduction("sum", 0))
amax = lifted(_reduction("amax", -math.inf))
amin = lifted(_reduction("amin", math.inf))


@lifted
def prod(input: Any, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Any:
    """The product of what is left in along axes."""
    x = _filled(input, mask, 1)
    return dl.prod(x if dtype is None else dl.astype(x, dtype), axis=axes(input, dim), keepdims=keepdim)


def _place(name: str, neutral: float) -> Any:
    def call(input: Any, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Any:
        found = _F[name](_filled(input, mask, neutral), dim, keepdim)
        return dl.astype(found, dtype or input.dtype)

    return call


argmax = lifted(_place("argmax", -math.inf))
argmin = lifted(_place("argmin", math.inf))


def _along(name: str, neutral: float) -> Any:
    def call(input: Any, dim: int, *, dtype: Any = None, mask: Any = None) -> Any:
        return _F[name](_filled(input, mask, neutral), dim, dtype=dtype or input.dtype)

    return call


cumsum = lifted(_along("cumsum", 0))
cumprod = lifted(_along("cumprod", 1))
softmax = lifted(_along("softmax", -math.inf))
log_softmax = lifted(_along("log_softmax", -math.inf))


@lifted
def softmin(input: Any, dim: int, *, dtype: Any = None, mask: Any = None) -> Any:
    """Softmax of the negative values that are left in."""
    return _F["softmax"](-_filled(input, mask, math.inf), dim, dtype=dtype or input.dtype)


def _count(input: Any, dim: Any, keepdim: bool, mask: Any) -> Any:
    """How many elements are left in along axes."""
    there = dl.ones(input.shape, dtype="int64", device=input.device)
    return dl.sum(_filled(there, mask, 0), axis=axes(input, dim), keepdims=keepdim)


@lifted
def mean(input: Any, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Any:
    """The mean of what is left in along axes; NaN where nothing is."""
    dtype = dtype or input.dtype
    if kind_of(dtype) < 2:
        raise ValueError(f"mean(): could not infer output dtype, which must be floating or complex. Got: {dtype}")
    return sum(input, dim, keepdim=keepdim, dtype=dtype, mask=mask) / dl.astype(_count(input, dim, keepdim, mask), dtype)


@lifted
def median(input: Any, dim: int = -1, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Any:
    """The median of what is left in along an axis; NaN where nothing is."""
    exact = kind_of(input.dtype) < 2
    x = dl.astype(input, "float32") if exact else input
    found = _F["nanmedian"](_filled(x, mask, math.nan), dim, keepdim)[0]
    if exact and bool(dl.any(dl.isnan(found))):
        raise ValueError("masked median expects no fully masked out rows if dtype is not floating point")
    return dl.astype(found, dtype or input.dtype) if exact else found


@lifted
def norm(input: Any, ord: Any = 2.0, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Any:
    """The vector norm of what is left in along axes."""
    ord = 2.0 if ord is None else ord
    x = _filled(input, mask, math.inf if ord == -math.inf else 0)
    x = x if dtype is None else dl.astype(x, dtype)
    return dl.linalg.vector_norm(x, ord=ord, axis=axes(input, dim), keepdims=keepdim)


@lifted
def normalize(input: Any, ord: float, dim: int, *, eps: float = 1e-12, dtype: Any = None, mask: Any = None) -> Any:
    """What is left in divided by its norm along an axis, or by eps if that is larger."""
    size = norm(input, ord, dim, keepdim=True, dtype=dtype, mask=mask)
    return _filled(input, mask, 0) / dl.clip(size, min=eps)


@lifted
def logsumexp(input: Any, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Any:
    """The logarithm of the sum of exponentials of what is left in along axes."""
    return dl.astype(_F["logsumexp"](_filled(input, mask, -math.inf), dim, keepdim), dtype or input.dtype)


@lifted
def logaddexp(input: Any, other: Any, *, dtype: Any = None, input_mask: Any = None, other_mask: Any = None) -> Any:
    """The logarithm of the sum of two exponentials, each left out where it is masked."""
    found = dl.logaddexp(_filled(input, input_mask, -math.inf), _filled(other, other_mask, -math.inf))
    return dl.astype(found, dtype or input.dtype)


def _variance(input: Any, dim: Any, unbiased: Any, correction: Any, keepdim: bool, dtype: Any, mask: Any) -> Any:
    less = float(correction) if correction is not None else 1.0 if unbiased is None or unbiased else 0.0
    dtype = dtype or (input.dtype if kind_of(input.dtype) >= 2 else "float32")
    x = dl.astype(input, dtype)
    n = dl.astype(_count(input, dim, True, mask), dtype)
    off = x - sum(x, dim, keepdim=True, mask=mask) / n
    total = sum(off * dl.conj(off) if kind_of(off.dtype) == 3 else off * off, dim, keepdim=keepdim, mask=mask)
    left = dl.real(n) if kind_of(n.dtype) == 3 else n
    return total / dl.reshape(dl.maximum(left - less, 0.0), total.shape)


@lifted
def var(input: Any, dim: Any = None, unbiased: Any = None, *, correction: Any = None, keepdim: bool = False, dtype: Any = None,
        mask: Any = None) -> Any:  # fmt: skip
    """The variance of what is left in along axes, over n - 1."""
    return _variance(input, dim, unbiased, correction, keepdim, dtype, mask)


@lifted
def std(input: Any, dim: Any = None, unbiased: Any = None, *, correction: Any = None, keepdim: bool = False, dtype: Any = None,
        mask: Any = None) -> Any:  # fmt: skip
    """The standard deviation of what is left in along axes, over n - 1."""
    return dl.sqrt(_variance(input, dim, unbiased, correction, keepdim, dtype, mask))


def masked_tensor(*_: Any, **__: Any) -> Any:
    """Refused: there are no tensors that carry their mask."""
    raise refuse("masked.masked_tensor", "tensors do not carry their mask here; give mask= to these functions, or use where")


MaskedTensor = masked_tensor
