"""Bounds of the error of a result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Bound:
    """The largest error of a result, compared with the oracle: the float64 result for the same rounded inputs.

    Parameters
    ----------
    kind : str
        "exact": equal. "ulp": ``factor`` units in the last place. "forward": ``factor * eps * magnitude``.
    factor : callable
        A function of the arrays of the call that returns the factor.
    absolute : bool
        Whether the magnitude is the op of the absolute values of the inputs, which fits sums of products; otherwise it is the
        largest absolute value of the output.

    Examples
    --------
    >>> dl.testing.Bound("exact").describe()
    'exact'
    """

    kind: str
    factor: Callable[..., float] = field(default_factory=lambda: lambda *a: 0.0)
    absolute: bool = False

    def describe(self) -> str:
        """Describe the bound in a few words, for tables.

        Returns
        -------
        str
            For example "2 ulp".
        """
        if self.kind == "ulp":
            return f"{self.factor():g} ulp"
        return "exact" if self.kind == "exact" else "forward error"


exact = Bound("exact")
"""Equal results, for shapes, dtypes, integers, comparisons, masks and permutations."""


def ulp(n: float) -> Bound:
    """Allow n units in the last place, for elementwise functions.

    Parameters
    ----------
    n : float
        The number of units.

    Returns
    -------
    Bound
        The bound.

    Examples
    --------
    >>> dl.testing.ulp(2).describe()
    '2 ulp'
    """
    return Bound("ulp", lambda *a: n)


def forward_error(terms: int | Callable[..., float] = 1, c: float = 4.0, *, absolute: bool = False) -> Bound:
    """Allow the rounding error of a sum: ``c sqrt(terms) eps magnitude``, for rounding errors of random sign.

    Parameters
    ----------
    terms : int or callable
        The number of terms, or a function of the arrays of the call that computes it.
    c : float
        The constant.
    absolute : bool
        See :class:`Bound`.

    Returns
    -------
    Bound
        The bound.

    Examples
    --------
    >>> bound = dl.testing.forward_error(terms=lambda a, b: a.shape[-1])
    >>> bound.factor(np.ones((3, 16)), np.ones((16, 5)))
    16.0
    """
    count = terms if callable(terms) else (lambda *a: terms)
    return Bound("forward", lambda *a: c * max(1.0, float(count(*a))) ** 0.5, absolute)
