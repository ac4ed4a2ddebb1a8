"""Random tensors and dropout. One counter-based generator, Philox4x32-10: the same seed gives the same numbers on every backend.

Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3".
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from .. import backend
from ..arguments import first_place
from ..autograd.base import wrap
from ..autograd.op import op
from ..autograd.promotion import get_default_dtype
from ..errors import ConfigError, DataError, DTypeError, ShapeError
from ..generator import Generator, default_generator
from .activation import SELU_ALPHA, SELU_SCALE
from .dtypes import astype
from .elementwise import where

__all__ = ["alpha_dropout", "bernoulli", "dropout", "multinomial", "rand", "randint", "randn", "randperm"]


def _shape(shape: tuple[Any, ...]) -> tuple[int, ...]:
    return tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape


def _floating(name: str, dtype: Any) -> np.dtype[Any]:
    chosen = np.dtype(get_default_dtype() if dtype is None else backend.known(dtype))
    if chosen.kind != "f" and chosen.name != "bfloat16":
        raise DTypeError(f"{name}: dtype must be floating, got {chosen}")
    return chosen


def _words(n: int, dtype: np.dtype[Any]) -> int:
    return 2 * n if dtype.itemsize == 8 else n


def _filled(
    kernel: str, shape: tuple[Any, ...], dtype: Any, device: str | None, generator: Generator | None
) -> Any:
    size = _shape(shape)
    chosen = _floating(kernel, dtype)
    n = prod(size)
    xp = backend.namespace_for(device)
    key, counter = (generator or default_generator).take(_words(n, chosen))
    return wrap(xp.reshape(getattr(xp, kernel)(key, counter, n, xp.dtype(chosen)), size))


def rand(*shape: Any, dtype: Any = None, device: str | None = None, generator: Generator | None = None) -> Any:
    """Uniform values in [0, 1): rand(2, 3) or rand((2, 3))."""
    return _filled("random_uniform", shape, dtype, device, generator)


def randn(*shape: Any, dtype: Any = None, device: str | None = None, generator: Generator | None = None) -> Any:
    """Standard normal values: randn(2, 3) or randn((2, 3))."""
    return _filled("random_normal", shape, dtype, device, generator)


def bernoulli(p: float, *shape: Any, device: str | None = None, generator: Generator | None = None) -> Any:
    """Booleans, True with probability p, one number. Of a tensor of probabilities: dl.rand(*p.shape) < p."""
    if getattr(p, "ndim", 0):
        raise ShapeError(
            f"bernoulli: p must be one probability, got a tensor of shape {tuple(p.shape)}; "  # type: ignore[attr-defined]
            "of a tensor of probabilities take dl.rand(*p.shape) < p"
        )
    if not 0 <= p <= 1:
        raise ConfigError(f"bernoulli: p must be between 0 and 1, got {p}")
    size = _shape(shape)
    n = prod(size)
    xp = backend.namespace_for(device)
    key, counter = (generator or default_generator).take(n)
    return wrap(xp.reshape(xp.random_bernoulli(key, counter, n, float(p)), size))


def randint(
    low: int, high: int, *shape: Any, dtype: Any = None, device: str | None = None, generator: Generator | None = None
) -> Any:
    """Integers with low <= value < high: the whole part of a uniform number times their count.

    dtype: int64 if not given. Any range that fits it, up to all its values; the uniform has 53 bits for up to 2**32 values
    and 64 beyond, so that no value's probability is off by more than 2**-53. Raises ConfigError for an empty range and for
    one that the dtype cannot hold.
    """
    if not low < high:
        raise ConfigError(f"randint: low < high needed, got {low} and {high}")
    low, count = int(low), int(high) - int(low)
    wanted = np.dtype(dtype or "int64")
    if wanted.kind in "iu" and not np.iinfo(wanted).min <= low < low + count <= np.iinfo(wanted).max + 1:
        raise ConfigError(f"randint: {low} to {high - 1} does not fit {wanted}; choose another range or dtype")
    size = _shape(shape)
    xp = backend.namespace_for(device)
    n = prod(size)
    key, counter = (generator or default_generator).take(2 * n)
    if count <= 2**32:
        u = xp.random_uniform(key, counter, n, xp.float64)
        above = xp.astype(xp.floor(u * count), xp.uint64)
    else:
        above = _high_product(xp, xp.random_bits(key, counter, 2 * n), count)
    value = above + (low % 2**64)  # modulo 2**64, as the cast to a signed integer is
    value = value if wanted == np.uint64 else xp.astype(xp.astype(value, xp.int64), xp.dtype(wanted))
    return wrap(xp.reshape(value, size))


def _high_product(xp: Any, words: Any, count: int) -> Any:
    """floor(v count / 2**64) for the 64-bit v that each pair of words is: long multiplication in digits of 32 bits."""
    mask = 2**32 - 1
    pairs = xp.reshape(xp.astype(words, xp.uint64), (-1, 2))
    high, low = pairs[:, 0], pairs[:, 1]
    if count == 2**64:
        return (high << 32) | low
    middle = high * (count & mask) + ((low * (count & mask)) >> 32)
    other = low * (count >> 32) + (middle & mask)
    return high * (count >> 32) + (middle >> 32) + (other >> 32)


def multinomial(
    probabilities: Any, num_samples: int, replacement: bool = False, *, generator: Generator | None = None
) -> Any:
    """Numbers of classes drawn with given probabilities, in the order of drawing.

    probabilities: (V,) or (N,V), not negative; each row is divided by its sum. replacement: whether a class may come more
    than once; without it num_samples classes of positive probability must be there. Returns (num_samples,) or
    (N, num_samples), int64. Raises ShapeError, ConfigError, and on the CPU DataError for a row that is no distribution.
    Source of drawing without replacement: Efraimidis & Spirakis 2006, the smallest of E_i / p_i, E_i exponential.
    """
    name = "multinomial"
    if probabilities.ndim not in (1, 2) or probabilities.shape[-1] < 1:
        raise ShapeError(f"{name}: probabilities must be (V,) or (N,V), got shape {probabilities.shape}")
    if num_samples < 1 or (not replacement and num_samples > probabilities.shape[-1]):
        raise ConfigError(
            f"{name}: num_samples must be at least 1, and without replacement at most V={probabilities.shape[-1]}, "
            f"got {num_samples}"
        )
    a = probabilities._array
    xp = backend.space_of(a)
    p = xp.astype(xp.reshape(a, (-1, a.shape[-1])), xp.float64)
    if probabilities.device == "cpu":
        _distributions(name, xp, p, 1 if replacement else num_samples)
    rows, classes = p.shape
    shape = (rows, num_samples if replacement else classes)
    u = _filled("random_uniform", shape, "float64", probabilities.device, generator)._array
    if replacement:
        steps = xp.cumulative_sum(p, axis=1)
        drawn = xp.sum(xp.astype(steps[:, None, :] <= (u * steps[:, -1:])[:, :, None], xp.int64), axis=2)
    else:  # log1p(-u): u may be 0, but is never 1
        waits = xp.where(p > 0, -xp.log1p(-u) / xp.where(p > 0, p, 1), float("inf"))
        drawn = xp.astype(xp.argsort(waits, axis=1, stable=True)[:, :num_samples], xp.int64)
    return wrap(xp.reshape(drawn, (num_samples,) if probabilities.ndim == 1 else (rows, num_samples)))


def _distributions(name: str, xp: Any, p: Any, needed: int) -> None:
    """DataError unless every row is finite, not negative, and has as many positive entries as are needed."""
    wrong = ~(xp.isfinite(p) & (p >= 0))
    if bool(xp.any(wrong)):
        at = first_place(wrong)
        raise DataError(f"{name}: probabilities of row {at[0]}, class {at[1]} are {float(p[at])}, expected a number not below 0")
    few = xp.sum(xp.astype(p > 0, xp.int64), axis=1) < needed
    if bool(xp.any(few)):
        row = first_place(few)[0]
        raise DataError(f"{name}: row {row} of probabilities has fewer than the {needed} positive entries that are to be drawn")


def randperm(n: int, *, device: str | None = None, generator: Generator | None = None) -> Any:
    """The numbers 0 ... n-1 in random order, int64."""
    if n < 0:
        raise ConfigError(f"randperm: n must be at least 0, got {n}")
    xp = backend.namespace_for(device)
    key, counter = (generator or default_generator).take(n)
    return wrap(xp.random_permutation(key, counter, n))


@op(needs="", name="dropout", linear=True)
def _dropout(xp, x, /, key, counter, p, inner):
    """See dropout. inner: how many neighbours share their fate. No mask is kept: the gradient makes it again."""
    return xp.dropout(x, key, counter, p, inner), lambda gy: xp.dropout(gy, key, counter, p, inner)


def dropout(
    x: Any, p: float = 0.5, training: bool = True, *, generator: Generator | None = None, mask_shape: Any = None
) -> Any:
    """Zero each value with probability p and divide the others by 1 - p; the identity if not training.

    mask_shape: a shape that broadcasts to x's, to drop whole channels (N,C,1,1). Raises ConfigError for p outside [0, 1].
    Source: Srivastava et al. 2014.
    """
    if not 0 <= p <= 1:
        raise ConfigError(f"dropout: p must be between 0 and 1, got {p}")
    if not training or p == 0:
        return x
    if p == 1:
        return x * 0.0
    shape = x.shape if mask_shape is None else tuple(mask_shape)
    own = next((i for i, (n, m) in enumerate(zip(shape, x.shape, strict=False)) if n != m), len(shape))
    if len(shape) != len(x.shape) or any(n != 1 for n in shape[own:]):  # not whole runs of neighbours
        return x * (astype(bernoulli(1.0 - p, shape, device=x.device, generator=generator), x.dtype) * (1.0 / (1.0 - p)))
    key, counter = (generator or default_generator).take(prod(shape))
    return _dropout(x, key=key, counter=counter, p=float(p), inner=max(prod(x.shape[own:]), 1))


def alpha_dropout(
    x: Any, p: float = 0.5, training: bool = True, *, generator: Generator | None = None, mask_shape: Any = None
) -> Any:
    """Dropout for SELU networks: each value to SELU's lower limit with probability p, then an affine map that keeps mean 0
    and variance 1; the identity if not training. mask_shape: see dropout. Raises ConfigError for p outside [0, 1].

    Source: Klambauer et al. 2017, arXiv:1706.02515.
    """
    if not 0 <= p <= 1:
        raise ConfigError(f"alpha_dropout: p must be between 0 and 1, got {p}")
    if not training or p == 0:
        return x
    if p == 1:
        return x * 0.0
    limit = -SELU_ALPHA * SELU_SCALE
    a = ((1 - p) * (1 + p * limit * limit)) ** -0.5
    keep = bernoulli(1 - p, x.shape if mask_shape is None else mask_shape, device=x.device, generator=generator)
    return where(keep, x * a - a * limit * p, a * limit * (1 - p))
