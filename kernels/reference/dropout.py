"""Dropout whose mask is never kept: key and counter make it again."""

from __future__ import annotations

from math import prod

from ..types import Array, Namespace
from .common import kernel
from .random import random_bernoulli


@kernel
def dropout(xp: Namespace, x: Array, key: int, counter: int, p: float, inner: int) -> Array:
    """Each value to zero with probability p, the others divided by 1 - p.

    y[i] = x[i] m[i // inner] / (1 - p), i counting in C order, m = random_bernoulli(key, counter, x.size / inner, 1 - p).
    Linear in x, and its own adjoint. 0 <= p < 1; inner: how many neighbours share their fate, a divisor of x.size.
    """
    masks = prod(x.shape) // inner
    keep = xp.astype(random_bernoulli(xp, key, counter, masks, 1.0 - p), x.dtype) * (1.0 / (1.0 - p))
    return xp.reshape(xp.reshape(x, (masks, inner)) * xp.reshape(keep, (masks, 1)), x.shape)
