"""Classes drawn by their probabilities, and permutations."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np

from dlengine.kernels.ranges import FEW

from .. import backend
from ..autograd.base import wrap
from ..autograd.fp_errors import ignore_fp_errors, restore_fp_errors
from ..backend.arguments import first_place
from ..errors import ConfigError, DataError, DTypeError, ShapeError
from ..generator import Generator, default_generator, is_count
from .drawn import drawn

if TYPE_CHECKING:
    from ..typing import Tensor
from .random import filled

__all__ = ["multinomial", "randperm"]


@drawn
def multinomial(
    probabilities: Tensor, num_samples: int, replacement: bool = False, *, generator: Generator | None = None
) -> Tensor:
    """Draw classes with given probabilities, in the order of drawing.

    Parameters
    ----------
    probabilities : Tensor
        (V,) or (N, V), not negative; each row is divided by its sum.
    num_samples : int
        How many to draw from each row.
    replacement : bool
        Whether a class may come more than once.
    generator : Generator, optional
        The source of random numbers; by default the one that `manual_seed` sets.

    Returns
    -------
    Tensor
        (num_samples,) or (N, num_samples), int64.

    Raises
    ------
    ShapeError
        If ``probabilities`` has another number of axes.
    DTypeError
        If ``num_samples`` is no integer.
    ConfigError
        If there are fewer classes than draws without replacement.
    DataError
        On the CPU, if a row is no distribution, or has too few positive entries.

    References
    ----------
    Efraimidis and Spirakis, "Weighted random sampling with a reservoir", 2006, for drawing without replacement.

    Examples
    --------
    >>> dl.multinomial(dl.asarray([0.0, 1.0, 0.0]), 3, replacement=True)
    tensor([1, 1, 1])
    """
    name = "multinomial"
    if probabilities.ndim not in (1, 2) or probabilities.shape[-1] < 1:
        raise ShapeError(f"{name}: probabilities must be (V,) or (N,V), got shape {probabilities.shape}")
    if not is_count(num_samples):
        raise DTypeError(f"{name}: num_samples must be an integer, got {num_samples!r}")
    if num_samples < 1 or (not replacement and num_samples > probabilities.shape[-1]):
        raise ConfigError(
            f"{name}: num_samples must be at least 1, and without replacement at most V={probabilities.shape[-1]}, "
            f"got {num_samples}"
        )
    a = probabilities.array
    xp = backend.space_of(a)
    p = xp.astype(xp.reshape(a, (-1, a.shape[-1])), xp.float64)
    if probabilities.device == "cpu":
        _distributions(name, xp, p, 1 if replacement else num_samples)
    rows, classes = p.shape
    shape = (rows, num_samples if replacement else classes)
    u = filled("random_uniform", shape, "float64", probabilities.device, generator).array
    if replacement:
        steps = xp.cumulative_sum(p, axis=1)
    if replacement and rows == 1:
        classes_drawn = xp.astype(xp.searchsorted(steps[0, :], u * steps[:, -1:], side="right"), xp.int64, copy=False)
    elif replacement:
        classes_drawn = xp.sum(xp.astype(steps[:, None, :] <= (u * steps[:, -1:])[:, :, None], xp.int64), axis=2)
    else:
        classes_drawn = first_to_come(xp, p, u, num_samples)
    return wrap(xp.reshape(classes_drawn, (num_samples,) if probabilities.ndim == 1 else (rows, num_samples)))


def first_to_come(xp: Any, p: Any, u: Any, count: int, positive: bool = False) -> Any:
    """The classes that come first, each at a time of its own: an exponential one of rate p, by its share u.

    positive: whether all p are known to be that.
    """
    token = ignore_fp_errors()  # a wait may be infinite
    try:
        waits = -xp.log1p(-u) / p if positive else xp.where(p > 0, -xp.log1p(-u) / xp.where(p > 0, p, 1), inf)  # u is never 1
    finally:
        restore_fp_errors(token)
    if count == 1:
        return xp.astype(xp.argmin(waits, axis=1, keepdims=True), xp.int64, copy=False)
    return xp.astype(xp.argsort(waits, axis=1, stable=True)[:, :count], xp.int64)


def _distributions(name: str, xp: Any, p: Any, needed: int) -> None:
    """DataError unless every row is finite, not negative, and has as many positive entries as are needed."""
    if type(p) is np.ndarray and p.size <= FEW:
        if all([_drawable(row, needed) for row in p.tolist()]):
            return
    elif float(xp.min(p)) > 0 and float(xp.max(p)) < inf:  # all of them can be drawn
        return
    wrong = ~(xp.isfinite(p) & (p >= 0))
    if bool(xp.any(wrong)):
        at = first_place(wrong)
        raise DataError(f"{name}: probabilities of row {at[0]}, class {at[1]} are {float(p[at])}, expected a number not below 0")
    few = xp.sum(xp.astype(p > 0, xp.int64), axis=1) < needed
    if bool(xp.any(few)):
        row = first_place(few)[0]
        raise DataError(f"{name}: row {row} of probabilities has fewer than the {needed} positive entries that are to be drawn")


def _drawable(row: list[float], needed: int) -> bool:
    """Whether a row is a distribution with so many entries to draw; the sum of NaN and others is NaN."""
    return min(row) >= 0 and sum(row) < inf and sum([x > 0 for x in row]) >= needed


@drawn
def randperm(n: int, *, device: str | None = None, generator: Generator | None = None) -> Tensor:
    """Draw the numbers 0 to ``n - 1`` in random order.

    Parameters
    ----------
    n : int
        How many.
    device : str, optional
        Where to make it; by default the backend's device.
    generator : Generator, optional
        The source of random numbers; by default the one that `manual_seed` sets.

    Returns
    -------
    Tensor
        (n,), int64.

    Raises
    ------
    DTypeError
        If ``n`` is no integer.
    ConfigError
        If ``n`` is negative.

    Examples
    --------
    >>> dl.sort(dl.randperm(5))
    tensor([0, 1, 2, 3, 4])
    """
    if not is_count(n):
        raise DTypeError(f"randperm: n must be an integer, got {n!r}")
    if n < 0:
        raise ConfigError(f"randperm: n must be at least 0, got {n}")
    n = int(n)
    xp = backend.namespace_for(device)
    key, counter = (generator or default_generator).take(n)
    return wrap(xp.random_permutation(key, counter, n))
