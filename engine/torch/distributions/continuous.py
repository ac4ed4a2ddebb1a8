"""Continuous distributions."""

from __future__ import annotations

import math
from typing import Any

from ..names.core import FUNCTIONS, own
from ..names.engine import dl
from . import constraints
from .shapes import Distribution, parameters

_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


def _uniform(shape: tuple[int, ...], like: Any) -> Any:
    return dl.rand(*shape, dtype=like.dtype, device=like.device)


def _normal(shape: tuple[int, ...], like: Any) -> Any:
    return dl.randn(*shape, dtype=like.dtype, device=like.device)


class _Located(Distribution):
    """A distribution with a location and a scale."""

    has_rsample = True
    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}

    def __init__(self, loc: Any, scale: Any, validate_args: Any = None) -> None:
        self.loc, self.scale = parameters(loc, scale)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @property
    def mean(self) -> Any:
        """The mean."""
        return self.loc

    @property
    def mode(self) -> Any:
        """The most probable value."""
        return self.loc


class Normal(_Located):
    """The normal distribution."""

    @property
    def variance(self) -> Any:
        """The variance."""
        return own(self.scale * self.scale)

    @property
    def stddev(self) -> Any:
        """The standard deviation."""
        return self.scale

    def _draw(self, shape: tuple[int, ...]) -> Any:
        return self.loc + self.scale * _normal(shape, self.loc)

    def _log_prob(self, value: Any) -> Any:
        z = (value - self.loc) / self.scale
        return -0.5 * z * z - dl.log(self.scale) - _HALF_LOG_2PI

    def _entropy(self) -> Any:
        return 0.5 + _HALF_LOG_2PI + dl.log(self.scale)

    def cdf(self, value: Any) -> Any:
        """The probability of less."""
        return own(0.5 * (1 + dl.erf((value - self.loc) / (self.scale * math.sqrt(2)))))

    def icdf(self, value: Any) -> Any:
        """The value that a sample is less than with a probability."""
        return own(self.loc + self.scale * FUNCTIONS["erfinv"](2 * value - 1) * math.sqrt(2))


class LogNormal(Normal):
    """The exponential of a normal variable."""

    @property
    def mean(self) -> Any:
        """The mean."""
        return own(dl.exp(self.loc + self.scale * self.scale / 2))

    @property
    def variance(self) -> Any:
        """The variance."""
        s = self.scale * self.scale
        return own(dl.expm1(s) * dl.exp(2 * self.loc + s))

    @property
    def stddev(self) -> Any:
        """The standard deviation."""
        return own(dl.sqrt(self.variance))

    def _draw(self, shape: tuple[int, ...]) -> Any:
        return dl.exp(super()._draw(shape))

    def _log_prob(self, value: Any) -> Any:
        log = dl.log(value)
        return super()._log_prob(log) - log

    def _entropy(self) -> Any:
        return super()._entropy() + self.loc

    @property
    def mode(self) -> Any:
        """The most probable value."""
        return own(dl.exp(self.loc - self.scale * self.scale))

    def cdf(self, value: Any) -> Any:
        """The probability of less."""
        return super().cdf(dl.log(value))

    def icdf(self, value: Any) -> Any:
        """The value that a sample is less than with a probability."""
        return own(dl.exp(super().icdf(value)))


class Laplace(_Located):
    """The two-sided exponential distribution."""

    @property
    def variance(self) -> Any:
        """The variance."""
        return own(2 * self.scale * self.scale)

    def _draw(self, shape: tuple[int, ...]) -> Any:
        u = _uniform(shape, self.loc) - 0.5
        return self.loc - self.scale * dl.sign(u) * dl.log1p(-2 * dl.abs(u))

    def _log_prob(self, value: Any) -> Any:
        return -dl.log(2 * self.scale) - dl.abs(value - self.loc) / self.scale

    def _entropy(self) -> Any:
        return 1 + dl.log(2 * self.scale)

    def cdf(self, value: Any) -> Any:
        """The probability of less."""
        gap = value - self.loc
        return own(0.5 - 0.5 * dl.sign(gap) * dl.expm1(-dl.abs(gap) / self.scale))

    def icdf(self, value: Any) -> Any:
        """The value that a sample is less than with a probability."""
        p = value - 0.5
        return own(self.loc - self.scale * dl.sign(p) * dl.log1p(-2 * dl.abs(p)))


class Cauchy(_Located):
    """The Cauchy distribution."""

    def _draw(self, shape: tuple[int, ...]) -> Any:
        return self.loc + self.scale * dl.tan(math.pi * (_uniform(shape, self.loc) - 0.5))

    def _log_prob(self, value: Any) -> Any:
        z = (value - self.loc) / self.scale
        return -math.log(math.pi) - dl.log(self.scale) - dl.log1p(z * z)

    def _entropy(self) -> Any:
        return math.log(4 * math.pi) + dl.log(self.scale)

    @property
    def mean(self) -> Any:
        """There is none."""
        return own(dl.full_like(self.loc, math.nan))

    @property
    def variance(self) -> Any:
        """Infinite."""
        return own(dl.full_like(self.loc, math.inf))

    def cdf(self, value: Any) -> Any:
        """The probability of less."""
        return own(dl.atan((value - self.loc) / self.scale) / math.pi + 0.5)

    def icdf(self, value: Any) -> Any:
        """The value that a sample is less than with a probability."""
        return own(self.loc + self.scale * dl.tan(math.pi * (value - 0.5)))


class Uniform(Distribution):
    """The uniform distribution between two bounds."""

    has_rsample = True
    arg_constraints = {"low": constraints.real, "high": constraints.real}

    def __init__(self, low: Any, high: Any, validate_args: Any = None) -> None:
        self.low, self.high = parameters(low, high)
        if validate_args is not False and bool(dl.any(self.low >= self.high)):
            raise ValueError("Uniform: low must be less than high")
        super().__init__(self.low.shape)

    @property
    def mean(self) -> Any:
        """The mean."""
        return own((self.low + self.high) / 2)

    @property
    def variance(self) -> Any:
        """The variance."""
        width = self.high - self.low
        return own(width * width / 12)

    @property
    def mode(self) -> Any:
        """There is none."""
        return own(dl.full_like(self.high, math.nan))

    def _draw(self, shape: tuple[int, ...]) -> Any:
        return self.low + (self.high - self.low) * _uniform(shape, self.low)

    def _log_prob(self, value: Any) -> Any:
        inside = (value >= self.low) & (value < self.high)
        return dl.where(inside, 0.0, -math.inf) - dl.log(self.high - self.low)

    def _entropy(self) -> Any:
        return dl.log(self.high - self.low)

    def cdf(self, value: Any) -> Any:
        """The probability of less."""
        return own(dl.clip((value - self.low) / (self.high - self.low), min=0, max=1))

    def icdf(self, value: Any) -> Any:
        """The value that a sample is less than with a probability."""
        return own(value * (self.high - self.low) + self.low)


class Exponential(Distribution):
    """The exponential distribution."""

    has_rsample = True
    arg_constraints = {"rate": constraints.positive}

    def __init__(self, rate: Any, validate_args: Any = None) -> None:
        (self.rate,) = parameters(rate)
        super().__init__(self.rate.shape, validate_args=validate_args)

    @property
    def mean(self) -> Any:
        """The mean."""
        return own(1 / self.rate)

    @property
    def variance(self) -> Any:
        """The variance."""
        return own(1 / (self.rate * self.rate))

    def _draw(self, shape: tuple[int, ...]) -> Any:
        return -dl.log1p(-_uniform(shape, self.rate)) / self.rate

    def _log_prob(self, value: Any) -> Any:
        return dl.log(self.rate) - self.rate * value

    def _entropy(self) -> Any:
        return 1 - dl.log(self.rate)

    @property
    def mode(self) -> Any:
        """0."""
        return own(dl.zeros_like(self.rate))

    def cdf(self, value: Any) -> Any:
        """The probability of less."""
        return own(-dl.expm1(-self.rate * value))

    def icdf(self, value: Any) -> Any:
        """The value that a sample is less than with a probability."""
        return own(-dl.log1p(-value) / self.rate)


class MultivariateNormal(Distribution):
    """Normal vectors with a covariance."""

    has_rsample = True

    def __init__(self, loc: Any, covariance_matrix: Any = None, precision_matrix: Any = None, scale_tril: Any = None,
                 validate_args: Any = None) -> None:  # fmt: skip
        if scale_tril is None:
            covariance = dl.linalg.inv(precision_matrix) if covariance_matrix is None else covariance_matrix
            scale_tril = dl.linalg.cholesky(covariance)
        lead = dl.broadcast_shapes(loc.shape[:-1], scale_tril.shape[:-2])
        self.loc = own(dl.broadcast_to(loc, (*lead, loc.shape[-1])))
        self.scale_tril = own(dl.broadcast_to(scale_tril, (*lead, *scale_tril.shape[-2:])))
        super().__init__(lead, loc.shape[-1:])

    @property
    def mean(self) -> Any:
        """The mean."""
        return self.loc

    @property
    def mode(self) -> Any:
        """The most probable value."""
        return self.loc

    @property
    def covariance_matrix(self) -> Any:
        """The covariance."""
        return own(dl.matmul(self.scale_tril, dl.matrix_transpose(self.scale_tril)))

    @property
    def variance(self) -> Any:
        """The variances."""
        return own(dl.sum(self.scale_tril * self.scale_tril, axis=-1))

    def _draw(self, shape: tuple[int, ...]) -> Any:
        return self.loc + dl.matmul(self.scale_tril, dl.expand_dims(_normal(shape, self.loc), axis=-1))[..., 0]

    def _half_log_det(self) -> Any:
        return dl.sum(dl.log(dl.linalg.diagonal(self.scale_tril)), axis=-1)

    def _log_prob(self, value: Any) -> Any:
        gap = dl.expand_dims(value - self.loc, axis=-1)
        lead = dl.broadcast_shapes(gap.shape[:-2], self.scale_tril.shape[:-2])
        low = dl.broadcast_to(self.scale_tril, (*lead, *self.scale_tril.shape[-2:]))
        z = dl.linalg.solve(low, gap)[..., 0]
        return -0.5 * dl.sum(z * z, axis=-1) - self._half_log_det() - self.event_shape[0] * _HALF_LOG_2PI

    def _entropy(self) -> Any:
        return self._half_log_det() + self.event_shape[0] * (0.5 + _HALF_LOG_2PI)
