"""torch.distributions.constraints: the sets that parameters and samples lie in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..names.core import own
from ..names.engine import dl


class Constraint:
    """A set of values; event_dim is the number of axes of one of its elements."""

    def __init__(self, name: str = "Constraint", test: Callable[[Any], Any] | None = None, event_dim: int = 0,
                 is_discrete: bool = False) -> None:  # fmt: skip
        self.name, self.test, self.event_dim, self.is_discrete = name, test, event_dim, is_discrete

    def check(self, value: Any) -> Any:
        """Which elements lie in the set."""
        if self.test is None:
            raise NotImplementedError(f"{type(self).__name__}.check is not defined")
        return own(self.test(value))

    def __repr__(self) -> str:
        return self.name


def _last(found: Any, n: int) -> Any:
    """Whether all of the last n axes are true."""
    return dl.all(found, axis=tuple(range(-n, 0))) if n else found


def independent(base_constraint: Constraint, reinterpreted_batch_ndims: int) -> Constraint:
    """The same set for the elements of the last axes, which make one event."""
    n = reinterpreted_batch_ndims
    return Constraint(f"IndependentConstraint({base_constraint!r}, {n})", lambda v: _last(base_constraint.check(v), n),
                      base_constraint.event_dim + n, base_constraint.is_discrete)  # fmt: skip


def interval(lower_bound: Any, upper_bound: Any) -> Constraint:
    """lower_bound <= x <= upper_bound."""
    name = f"Interval(lower_bound={lower_bound}, upper_bound={upper_bound})"
    return Constraint(name, lambda v: (v >= lower_bound) & (v <= upper_bound))


def half_open_interval(lower_bound: Any, upper_bound: Any) -> Constraint:
    """lower_bound <= x < upper_bound."""
    name = f"HalfOpenInterval(lower_bound={lower_bound}, upper_bound={upper_bound})"
    return Constraint(name, lambda v: (v >= lower_bound) & (v < upper_bound))


def integer_interval(lower_bound: Any, upper_bound: Any) -> Constraint:
    """Whole numbers from lower_bound to upper_bound."""
    name = f"IntegerInterval(lower_bound={lower_bound}, upper_bound={upper_bound})"
    return Constraint(name, lambda v: (v % 1 == 0) & (v >= lower_bound) & (v <= upper_bound), is_discrete=True)


def greater_than(lower_bound: Any) -> Constraint:
    """x > lower_bound."""
    return Constraint(f"GreaterThan(lower_bound={lower_bound})", lambda v: v > lower_bound)


def greater_than_eq(lower_bound: Any) -> Constraint:
    """x >= lower_bound."""
    return Constraint(f"GreaterThanEq(lower_bound={lower_bound})", lambda v: v >= lower_bound)


def less_than(upper_bound: Any) -> Constraint:
    """x < upper_bound."""
    return Constraint(f"LessThan(upper_bound={upper_bound})", lambda v: v < upper_bound)


dependent = Constraint("Dependent()")
real = Constraint("Real()", lambda v: v == v)
boolean = Constraint("Boolean()", lambda v: (v == 0) | (v == 1), is_discrete=True)
positive, nonnegative = greater_than(0.0), greater_than_eq(0.0)
unit_interval = interval(0.0, 1.0)
nonnegative_integer = Constraint("IntegerGreaterThan(lower_bound=0)", lambda v: (v % 1 == 0) & (v >= 0), is_discrete=True)
positive_integer = Constraint("IntegerGreaterThan(lower_bound=1)", lambda v: (v % 1 == 0) & (v >= 1), is_discrete=True)
real_vector = independent(real, 1)
simplex = Constraint("Simplex()", lambda v: _last(v >= 0, 1) & (dl.abs(dl.sum(v, axis=-1) - 1) < 1e-6), 1)
one_hot = Constraint("OneHot()", lambda v: _last((v == 0) | (v == 1), 1) & (dl.sum(v, axis=-1) == 1), 1, True)
lower_cholesky = Constraint(
    "LowerCholesky()", lambda v: _last(dl.tril(v) == v, 2) & _last(dl.linalg.diagonal(v) > 0, 1), 2
)
positive_definite = Constraint(
    "PositiveDefinite()", lambda v: _last(dl.linalg.eigvalsh(v) > 0, 1) & _last(dl.abs(v - dl.matrix_transpose(v)) < 1e-6, 2), 2
)


def is_dependent(constraint: Any) -> bool:
    """Whether a set is known only together with parameters."""
    return constraint is dependent
