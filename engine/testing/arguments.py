"""Arguments of test calls: arrays that are drawn at random, or given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Draw: TypeAlias = Callable[[np.random.Generator], Any]


@dataclass(frozen=True)
class Arg:
    """An array argument of a test call: how its values are drawn, and whether it is differentiated.

    Parameters
    ----------
    draw : callable
        A function of a ``numpy.random.Generator`` that returns the values.
    floating : bool
        Whether the argument takes the dtype under test.
    grad : bool
        Whether its gradient is tested.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> dl.testing.Arg(lambda r: r.permutation(3)).values(rng, "float32").shape
    (3,)
    """

    draw: Draw
    floating: bool = True
    grad: bool = True

    def values(self, rng: np.random.Generator, dtype: Any) -> Any:
        """Draw the values; subclasses whose values depend on the dtype override this.

        Parameters
        ----------
        rng : numpy.random.Generator
            The source of randomness.
        dtype : dtype
            The dtype under test.

        Returns
        -------
        numpy.ndarray
            The values, not yet rounded to the dtype.
        """
        return np.asarray(self.draw(rng))

    def without_grad(self) -> Arg:
        """Return the same argument without a gradient, for targets, running statistics and the like.

        Returns
        -------
        Arg
            The argument.
        """
        return Arg(self.draw, self.floating, False)


def normal(*shape: int, scale: float = 1.0, shift: float = 0.0) -> Arg:
    """Draw standard normal values, times ``scale`` plus ``shift``.

    Parameters
    ----------
    *shape : int
        The shape.
    scale : float
        The standard deviation.
    shift : float
        The mean.

    Returns
    -------
    Arg
        The argument.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> dl.testing.normal(2, 3).values(rng, "float32").shape
    (2, 3)
    """
    return Arg(lambda r: r.standard_normal(shape) * scale + shift)


def uniform(low: float, high: float, *shape: int) -> Arg:
    """Draw uniform values in [low, high).

    Parameters
    ----------
    low : float
        The lower end.
    high : float
        The upper end.
    *shape : int
        The shape.

    Returns
    -------
    Arg
        The argument.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> bool(dl.testing.uniform(1.0, 2.0, 3).values(rng, "float32").min() >= 1.0)
    True
    """
    return Arg(lambda r: r.uniform(low, high, shape))


def distinct(*shape: int) -> Arg:
    """Draw values that are at least 0.01 apart, in random order.

    Without ties, max, sort and median are differentiable.

    Parameters
    ----------
    *shape : int
        The shape.

    Returns
    -------
    Arg
        The argument.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> sorted(dl.testing.distinct(4).values(rng, "float32").round(3).tolist())
    [-0.015, -0.005, 0.005, 0.015]
    """
    size = int(np.prod(shape))
    return Arg(lambda r: (r.permutation(size).reshape(shape) - size / 2) * 0.01 + 0.005)


def off_zero(*shape: int, gap: float = 0.1) -> Arg:
    """Draw normal values moved away from 0, for functions that are not differentiable there.

    Parameters
    ----------
    *shape : int
        The shape.
    gap : float
        The smallest absolute value.

    Returns
    -------
    Arg
        The argument.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> bool(abs(dl.testing.off_zero(5).values(rng, "float32")).min() >= 0.1)
    True
    """

    def draw(r: np.random.Generator) -> Any:
        x = r.standard_normal(shape)
        return np.where(x < 0, x - gap, x + gap)

    return Arg(draw)


def positive(*shape: int) -> Arg:
    """Draw uniform values in [0.1, 3).

    Parameters
    ----------
    *shape : int
        The shape.

    Returns
    -------
    Arg
        The argument.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> bool(dl.testing.positive(5).values(rng, "float32").min() >= 0.1)
    True
    """
    return uniform(0.1, 3.0, *shape)


def definite(n: int, *batch: int) -> Arg:
    """Draw symmetric positive definite matrices.

    Parameters
    ----------
    n : int
        The number of rows and columns.
    *batch : int
        The axes before them.

    Returns
    -------
    Arg
        The argument.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> a = dl.testing.definite(2).values(rng, "float32")
    
    >>> bool((a == a.T).all())
    True
    """

    def draw(r: np.random.Generator) -> Any:
        a = r.standard_normal((*batch, n, n))
        return a @ np.swapaxes(a, -1, -2) + n * np.eye(n)

    return Arg(draw)


def integers(low: int, high: int, *shape: int, dtype: str = "int64") -> Arg:
    """Draw integers in [low, high).

    Parameters
    ----------
    low : int
        The lowest integer.
    high : int
        One more than the highest.
    *shape : int
        The shape.
    dtype : str
        The dtype.

    Returns
    -------
    Arg
        The argument.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> dl.testing.integers(4, 5, 3).values(rng, "float32")
    array([4, 4, 4])
    """
    return Arg(lambda r: r.integers(low, high, shape).astype(dtype), floating=False, grad=False)


def booleans(*shape: int) -> Arg:
    """Draw booleans.

    Parameters
    ----------
    *shape : int
        The shape.

    Returns
    -------
    Arg
        The argument.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> dl.testing.booleans(3).values(rng, "float32").dtype
    dtype('bool')
    """
    return Arg(lambda r: r.integers(0, 2, shape).astype(bool), floating=False, grad=False)


def given(values: npt.ArrayLike, *, dtype: str | None = None, grad: bool = True) -> Arg:
    """Use given values.

    Parameters
    ----------
    values : array_like
        The values.
    dtype : str or None
        Their dtype; None is the dtype under test.
    grad : bool
        Whether the gradient is tested; never with a ``dtype``.

    Returns
    -------
    Arg
        The argument.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> dl.testing.given([1.0, 2.0]).values(rng, "float32")
    array([1., 2.])
    """
    return Arg(lambda r: np.array(values, dtype=dtype or "float64"), floating=dtype is None, grad=grad and dtype is None)


def complex_normal(*shape: int) -> Arg:
    """Draw complex normal values: complex64 if float32 is under test, else complex128.

    Parameters
    ----------
    *shape : int
        The shape.

    Returns
    -------
    Arg
        The argument.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> dl.testing.complex_normal(2).values(rng, "float32").dtype
    dtype('complex128')
    """
    return Arg(lambda r: r.standard_normal(shape) + 1j * r.standard_normal(shape))
