"""Distributions of transformed variables."""

from __future__ import annotations

import math
from typing import Any

from ..names.core import own
from ..names.engine import dl
from ..special import gammaln
from . import constraints
from .continuous import Cauchy, Exponential, Normal, Uniform
from .shapes import Distribution, Independent, parameters, rightmost
from .transforms import AbsTransform, AffineTransform, ComposeTransform, ExpTransform, PowerTransform, Transform

EULER = 0.57721566490153286060


class TransformedDistribution(Distribution):
    """The distribution of a variable of another distribution after maps."""

    def __init__(self, base_distribution: Any, transforms: Any, validate_args: Any = None) -> None:
        self.transforms = [transforms] if isinstance(transforms, Transform) else list(transforms)
        if not all(isinstance(t, Transform) for t in self.transforms):
            raise ValueError("TransformedDistribution: expected a Transform or a list of them")
        together = ComposeTransform(self.transforms)
        base_shape, events = (*base_distribution.batch_shape, *base_distribution.event_shape), len(base_distribution.event_shape)
        wanted = together.domain.event_dim
        if len(base_shape) < wanted:
            raise ValueError(f"TransformedDistribution: the base needs {wanted} axes or more, got shape {tuple(base_shape)}")
        shape = tuple(together.forward_shape(base_shape))
        needed = tuple(together.inverse_shape(shape))
        if needed != tuple(base_shape):
            base_distribution = base_distribution.expand(needed[: len(needed) - events])
        more = max(wanted - events, 0)
        self.base_dist: Any = Independent(base_distribution, more) if more else base_distribution
        inside = max(together.codomain.event_dim, events + together.codomain.event_dim - wanted)
        cut = len(shape) - inside
        super().__init__(shape[:cut], shape[cut:], validate_args=validate_args)

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        """Whether samples have a gradient."""
        return bool(self.base_dist.has_rsample)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The same for more batches."""
        shape = (*batch_shape, *self.event_shape)
        for t in reversed(self.transforms):
            shape = t.inverse_shape(shape)
        base = self.base_dist.expand(shape[: len(shape) - len(self.base_dist.event_shape)])
        new = super().expand(batch_shape)
        new.base_dist = base
        return new

    def _mapped(self, x: Any) -> Any:
        for t in self.transforms:
            x = t(x)
        return x

    def rsample(self, sample_shape: Any = ()) -> Any:
        """A sample that gradients flow through."""
        return self._mapped(self.base_dist.rsample(sample_shape))

    def sample(self, sample_shape: Any = ()) -> Any:
        """A sample without gradient."""
        with dl.no_grad():
            return self._mapped(self.base_dist.sample(sample_shape))

    def _log_prob(self, value: Any) -> Any:
        n, total = len(self.event_shape), 0.0
        for t in reversed(self.transforms):
            x = t.inv(value)
            n += t.domain.event_dim - t.codomain.event_dim
            total = total - rightmost(t.log_abs_det_jacobian(x, value), n - t.domain.event_dim)
            value = x
        return total + rightmost(self.base_dist.log_prob(value), n - len(self.base_dist.event_shape))

    def _rising(self, p: Any) -> Any:
        """A probability of less, for maps that may fall."""
        sign = math.prod(t.sign for t in self.transforms)
        return p if isinstance(sign, int) and sign == 1 else sign * (p - 0.5) + 0.5

    def cdf(self, value: Any) -> Any:
        """The probability of less."""
        for t in reversed(self.transforms):
            value = t.inv(value)
        return own(self._rising(self.base_dist.cdf(value)))

    def icdf(self, value: Any) -> Any:
        """The value that a sample is less than with a probability."""
        return self._mapped(self.base_dist.icdf(self._rising(value)))


class _Half(TransformedDistribution):
    """The size of a variable that is symmetric about 0."""

    base: Any = None
    arg_constraints = {"scale": constraints.positive}
    support = constraints.nonnegative

    def __init__(self, scale: Any, validate_args: Any = None) -> None:
        super().__init__(self.base(0, scale), AbsTransform(), validate_args=validate_args)

    @property
    def scale(self) -> Any:
        """The scale."""
        return self.base_dist.scale

    @property
    def mode(self) -> Any:
        """0."""
        return own(dl.zeros_like(self.scale))

    def _log_prob(self, value: Any) -> Any:
        return dl.where(value >= 0, self.base_dist.log_prob(value) + math.log(2), -math.inf)

    def _entropy(self) -> Any:
        return self.base_dist.entropy() - math.log(2)

    def cdf(self, value: Any) -> Any:
        """The probability of less."""
        return 2 * self.base_dist.cdf(value) - 1

    def icdf(self, value: Any) -> Any:
        """The value that a sample is less than with a probability."""
        return self.base_dist.icdf((value + 1) / 2)


class HalfNormal(_Half):
    """The size of a normal variable."""

    base = Normal

    @property
    def mean(self) -> Any:
        """The mean."""
        return self.scale * math.sqrt(2 / math.pi)

    @property
    def variance(self) -> Any:
        """The variance."""
        return self.scale**2 * (1 - 2 / math.pi)


class HalfCauchy(_Half):
    """The size of a Cauchy variable."""

    base = Cauchy

    @property
    def mean(self) -> Any:
        """Infinite."""
        return own(dl.full_like(self.scale, math.inf))

    @property
    def variance(self) -> Any:
        """Infinite."""
        return self.base_dist.variance


class Gumbel(TransformedDistribution):
    """The largest of many variables."""

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real

    def __init__(self, loc: Any, scale: Any, validate_args: Any = None) -> None:
        self.loc, self.scale = parameters(loc, scale)
        info, one = dl.finfo(self.loc.dtype), own(dl.ones_like(self.loc))
        base = Uniform(one * float(info.smallest_normal), one * (1 - float(info.eps)))
        log = ExpTransform().inv
        chain = [log, AffineTransform(0, -one), log, AffineTransform(self.loc, -self.scale)]
        super().__init__(base, chain, validate_args=validate_args)

    @property
    def mean(self) -> Any:
        """The mean."""
        return self.loc + self.scale * EULER

    @property
    def mode(self) -> Any:
        """The most probable value."""
        return self.loc

    @property
    def stddev(self) -> Any:
        """The standard deviation."""
        return math.pi / math.sqrt(6) * self.scale

    @property
    def variance(self) -> Any:
        """The variance."""
        return self.stddev**2

    def _log_prob(self, value: Any) -> Any:
        y = (self.loc - value) / self.scale
        return y - y.exp() - self.scale.log()

    def _entropy(self) -> Any:
        return self.scale.log() + (1 + EULER)


class Weibull(TransformedDistribution):
    """A power of an exponential variable."""

    arg_constraints = {"scale": constraints.positive, "concentration": constraints.positive}
    support = constraints.positive

    def __init__(self, scale: Any, concentration: Any, validate_args: Any = None) -> None:
        self.scale, self.concentration = parameters(scale, concentration)
        self.concentration_reciprocal = 1 / self.concentration
        chain = [PowerTransform(self.concentration_reciprocal), AffineTransform(0, self.scale)]
        super().__init__(Exponential(own(dl.ones_like(self.scale))), chain, validate_args=validate_args)

    @property
    def mean(self) -> Any:
        """The mean."""
        return self.scale * gammaln(1 + self.concentration_reciprocal).exp()

    @property
    def mode(self) -> Any:
        """The most probable value."""
        return self.scale * ((self.concentration - 1) / self.concentration) ** self.concentration_reciprocal

    @property
    def variance(self) -> Any:
        """The variance."""
        k = self.concentration_reciprocal
        return self.scale**2 * (gammaln(1 + 2 * k).exp() - (2 * gammaln(1 + k)).exp())

    def _entropy(self) -> Any:
        k = self.concentration_reciprocal
        return EULER * (1 - k) + (self.scale * k).log() + 1


class Pareto(TransformedDistribution):
    """Sizes of which few are large."""

    arg_constraints = {"alpha": constraints.positive, "scale": constraints.positive}

    def __init__(self, scale: Any, alpha: Any, validate_args: Any = None) -> None:
        self.scale, self.alpha = parameters(scale, alpha)
        chain = [ExpTransform(), AffineTransform(0, self.scale)]
        super().__init__(Exponential(self.alpha), chain, validate_args=validate_args)

    @property
    def support(self) -> Any:
        """Where samples lie."""
        return constraints.greater_than_eq(self.scale)

    @property
    def mean(self) -> Any:
        """The mean."""
        a = self.alpha.clamp(min=1)
        return a * self.scale / (a - 1)

    @property
    def mode(self) -> Any:
        """The most probable value."""
        return self.scale

    @property
    def variance(self) -> Any:
        """The variance."""
        a = self.alpha.clamp(min=2)
        return self.scale**2 * a / ((a - 1) ** 2 * (a - 2))

    def _entropy(self) -> Any:
        return (self.scale / self.alpha).log() + (1 + 1 / self.alpha)


class InverseGamma(TransformedDistribution):
    """One by a gamma variable."""

    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.positive

    def __init__(self, concentration: Any, rate: Any, validate_args: Any = None) -> None:
        from .gammas import Gamma

        base = Gamma(concentration, rate, validate_args=validate_args)
        super().__init__(base, PowerTransform(own(-dl.ones_like(base.rate))), validate_args=validate_args)

    @property
    def concentration(self) -> Any:
        """The shape."""
        return self.base_dist.concentration

    @property
    def rate(self) -> Any:
        """The rate."""
        return self.base_dist.rate

    @property
    def mean(self) -> Any:
        """The mean, where there is one."""
        a = self.concentration
        return own(dl.where(a > 1, self.rate / (a - 1), math.inf))

    @property
    def mode(self) -> Any:
        """The most probable value."""
        return self.rate / (self.concentration + 1)

    @property
    def variance(self) -> Any:
        """The variance, where there is one."""
        a = self.concentration
        return own(dl.where(a > 2, self.rate**2 / ((a - 1) ** 2 * (a - 2)), math.inf))

    def _entropy(self) -> Any:
        from .gammas import digamma

        a = self.concentration
        return a + self.rate.log() + gammaln(a) - (1 + a) * digamma(a)
