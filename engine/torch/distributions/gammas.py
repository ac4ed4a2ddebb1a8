"""Gamma variables and what is made of them. Samples have gradients: the sample moves so that its rank stays where it is."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...nn import functional as F
from ..names.core import FUNCTIONS, own
from ..names.engine import dl
from ..special import gammaln, xlogy
from . import constraints
from .shapes import Distribution, parameters

digamma = FUNCTIONS["digamma"]


def generator() -> Any:
    """NumPy's generator, seeded by dlengine's."""
    return np.random.default_rng(int(dl.randint(0, 2**62, 1).item()))


def _slope(x: Any, a: Any) -> Any:
    """dx/da of a gamma variable x of the shape a whose cumulative probability does not change (float64 arrays)."""
    from scipy.special import digamma, gammainc, gammaincc, gammaln

    h = 1e-3 * np.minimum(a, np.sqrt(a))

    def change(f: Any) -> Any:
        """The derivative of a probability for a, from differences of its logarithm, which bends little."""
        low, below, above, high = (np.log(f(a + k * h, x)) for k in (-2, -1, 1, 2))
        return f(a, x) * (8 * (above - below) - (high - low)) / (12 * h)

    with np.errstate(all="ignore"):  # of both probabilities the smaller has the more digits
        moved = np.where(gammainc(a, x) > 0.5, -change(gammaincc), change(gammainc))
        found = -moved / np.exp((a - 1) * np.log(x) - x - gammaln(a))
        return np.where(x < 1e-8 * a, x / a * (digamma(a + 1) - np.log(x)), found)


def standard_gamma(a: Any, shape: tuple[int, ...]) -> Any:
    """Gamma variables of rate 1."""
    a = own(dl.broadcast_to(a, shape))
    shapes = a.detach().numpy_copy().astype(np.float64)
    drawn = np.maximum(generator().standard_gamma(shapes), float(dl.finfo(a.dtype).smallest_normal))

    def placed(v: Any) -> Any:
        return own(dl.asarray(np.asarray(v).astype(a.dtype), device=a.device))

    if not (a.requires_grad and dl.is_grad_enabled()):
        return placed(drawn)
    return placed(drawn) + (a - a.detach()) * placed(_slope(drawn, shapes))


class Gamma(Distribution):
    """The gamma distribution."""

    has_rsample = True
    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.nonnegative

    def __init__(self, concentration: Any, rate: Any, validate_args: Any = None) -> None:
        self.concentration, self.rate = parameters(concentration, rate)
        super().__init__(self.concentration.shape, validate_args=validate_args)

    @property
    def mean(self) -> Any:
        """The mean."""
        return self.concentration / self.rate

    @property
    def mode(self) -> Any:
        """The most probable value."""
        return ((self.concentration - 1) / self.rate).clamp(min=0)

    @property
    def variance(self) -> Any:
        """The variance."""
        return self.concentration / self.rate**2

    def _draw(self, shape: tuple[int, ...]) -> Any:
        return standard_gamma(self.concentration, shape) / self.rate

    def _log_prob(self, value: Any) -> Any:
        a, b = self.concentration, self.rate
        return xlogy(a, b) + xlogy(a - 1, value) - b * value - gammaln(a)

    def _entropy(self) -> Any:
        a = self.concentration
        return a - self.rate.log() + gammaln(a) + (1 - a) * digamma(a)

    def cdf(self, value: Any) -> Any:
        """The probability of less."""
        return FUNCTIONS["igamma"](self.concentration, self.rate * value)


class Chi2(Gamma):
    """The sum of df squares of normal variables."""

    arg_constraints = {"df": constraints.positive}

    def __init__(self, df: Any, validate_args: Any = None) -> None:
        super().__init__(0.5 * df, 0.5, validate_args=validate_args)

    @property
    def df(self) -> Any:
        """The degrees of freedom."""
        return self.concentration * 2


class Dirichlet(Distribution):
    """Shares that sum to 1."""

    has_rsample = True
    arg_constraints = {"concentration": constraints.independent(constraints.positive, 1)}
    support = constraints.simplex

    def __init__(self, concentration: Any, validate_args: Any = None) -> None:
        if concentration.ndim < 1:
            raise ValueError("Dirichlet: concentration must have one axis or more")
        self.concentration = concentration
        super().__init__(concentration.shape[:-1], concentration.shape[-1:], validate_args)

    @property
    def mean(self) -> Any:
        """The mean."""
        return self.concentration / self.concentration.sum(-1, keepdim=True)

    @property
    def mode(self) -> Any:
        """The most probable shares."""
        over = (self.concentration - 1).clamp(min=0.0)
        flat = (self.concentration < 1).all(dim=-1, keepdim=True)
        corner = dl.one_hot(over.argmax(dim=-1), over.shape[-1], dtype=over.dtype)
        return own(dl.where(flat, corner, over / over.sum(-1, keepdim=True)))

    @property
    def variance(self) -> Any:
        """The variance."""
        a, total = self.concentration, self.concentration.sum(-1, keepdim=True)
        return a * (total - a) / (total**2 * (total + 1))

    def _draw(self, shape: tuple[int, ...]) -> Any:
        y = standard_gamma(self.concentration, shape)
        return y / y.sum(-1, keepdim=True)

    def _log_prob(self, value: Any) -> Any:
        a = self.concentration
        return xlogy(a - 1, value).sum(-1) + gammaln(a.sum(-1)) - gammaln(a).sum(-1)

    def _entropy(self) -> Any:
        a = self.concentration
        total = a.sum(-1)
        norm = gammaln(a).sum(-1) - gammaln(total)
        return norm - (a.shape[-1] - total) * digamma(total) - ((a - 1) * digamma(a)).sum(-1)


class Beta(Distribution):
    """The share of the first of two gamma variables."""

    has_rsample = True
    arg_constraints = {"concentration1": constraints.positive, "concentration0": constraints.positive}
    support = constraints.unit_interval

    def __init__(self, concentration1: Any, concentration0: Any, validate_args: Any = None) -> None:
        self.concentration1, self.concentration0 = parameters(concentration1, concentration0)
        self._shares = Dirichlet(own(dl.stack([self.concentration1, self.concentration0], axis=-1)), validate_args=False)
        super().__init__(self.concentration1.shape, validate_args=validate_args)

    @property
    def mean(self) -> Any:
        """The mean."""
        return self.concentration1 / (self.concentration1 + self.concentration0)

    @property
    def mode(self) -> Any:
        """The most probable value."""
        return self._shares.mode[..., 0]

    @property
    def variance(self) -> Any:
        """The variance."""
        total = self.concentration1 + self.concentration0
        return self.concentration1 * self.concentration0 / (total**2 * (total + 1))

    def _draw(self, shape: tuple[int, ...]) -> Any:
        return self._shares._draw((*shape, 2))[..., 0]

    def _log_prob(self, value: Any) -> Any:
        return self._shares._log_prob(own(dl.stack([value, 1 - value], axis=-1)))

    def _entropy(self) -> Any:
        return self._shares._entropy()


class StudentT(Distribution):
    """Student's distribution, of a normal variable by the root of a mean of squares."""

    has_rsample = True
    arg_constraints = {"df": constraints.positive, "loc": constraints.real, "scale": constraints.positive}
    support = constraints.real

    def __init__(self, df: Any, loc: Any = 0.0, scale: Any = 1.0, validate_args: Any = None) -> None:
        self.df, self.loc, self.scale = parameters(df, loc, scale)
        super().__init__(self.df.shape, validate_args=validate_args)

    @property
    def mean(self) -> Any:
        """The mean, where there is one."""
        return own(dl.where(self.df <= 1, math.nan, self.loc))

    @property
    def mode(self) -> Any:
        """The most probable value."""
        return self.loc

    @property
    def variance(self) -> Any:
        """The variance, where there is one."""
        safe = dl.where(self.df > 2, self.df, 3.0)
        found = dl.where(self.df > 2, self.scale**2 * safe / (safe - 2), math.inf)
        return own(dl.where(self.df <= 1, math.nan, found))

    def _draw(self, shape: tuple[int, ...]) -> Any:
        z = standard_gamma(0.5 * self.df, shape) * 2
        x = dl.randn(*shape, dtype=self.df.dtype, device=self.df.device)
        return self.loc + self.scale * x * dl.sqrt(self.df / z)

    def _norm(self) -> Any:
        half = 0.5 * self.df
        return gammaln(half) + math.lgamma(0.5) - gammaln(half + 0.5)

    def _log_prob(self, value: Any) -> Any:
        y = (value - self.loc) / self.scale
        return -0.5 * (self.df + 1) * dl.log1p(y * y / self.df) - self.scale.log() - 0.5 * self.df.log() - self._norm()

    def _entropy(self) -> Any:
        more = 0.5 * (self.df + 1)
        return self.scale.log() + more * (digamma(more) - digamma(0.5 * self.df)) + 0.5 * self.df.log() + self._norm()


class FisherSnedecor(Distribution):
    """The ratio of two means of squares."""

    has_rsample = True
    arg_constraints = {"df1": constraints.positive, "df2": constraints.positive}
    support = constraints.positive

    def __init__(self, df1: Any, df2: Any, validate_args: Any = None) -> None:
        self.df1, self.df2 = parameters(df1, df2)
        super().__init__(self.df1.shape, validate_args=validate_args)

    @property
    def mean(self) -> Any:
        """The mean, where there is one."""
        return own(dl.where(self.df2 > 2, self.df2 / (self.df2 - 2), math.nan))

    @property
    def variance(self) -> Any:
        """The variance, where there is one."""
        a, b = self.df1, self.df2
        return own(dl.where(b > 4, 2 * b**2 * (a + b - 2) / (a * (b - 2) ** 2 * (b - 4)), math.nan))

    @property
    def mode(self) -> Any:
        """The most probable value, where there is one."""
        return own(dl.where(self.df1 > 2, (self.df1 - 2) / self.df1 * self.df2 / (self.df2 + 2), math.nan))

    def _draw(self, shape: tuple[int, ...]) -> Any:
        one, two = standard_gamma(self.df1 / 2, shape) / self.df1, standard_gamma(self.df2 / 2, shape) / self.df2
        return one / two

    def _log_prob(self, value: Any) -> Any:
        a, b, ratio = self.df1 / 2, self.df2 / 2, self.df1 / self.df2
        front = gammaln(a + b) - gammaln(a) - gammaln(b)
        return front + a * ratio.log() + (a - 1) * dl.log(value) - (a + b) * dl.log1p(ratio * value)


class NegativeBinomial(Distribution):
    """The number of successes before total_count failures."""

    support = constraints.nonnegative_integer
    arg_constraints = {"total_count": constraints.greater_than_eq(0), "logits": constraints.real}

    def __init__(self, total_count: Any, probs: Any = None, logits: Any = None, validate_args: Any = None) -> None:
        if (probs is None) == (logits is None):
            raise ValueError(f"{type(self).__name__}: give one of probs and logits")
        if probs is not None:
            self.total_count, self.probs = parameters(total_count, probs)
            if not constraints.half_open_interval(0.0, 1.0).check(self.probs).all():
                raise ValueError("NegativeBinomial: probs must be at least 0 and less than 1")
            tiny = float(dl.finfo(self.probs.dtype).eps)
            p = self.probs.clamp(min=tiny, max=1 - tiny)
            self.logits = own(dl.log(p) - dl.log1p(-p))
        else:
            self.total_count, self.logits = parameters(total_count, logits)
            self.probs = own(dl.sigmoid(self.logits))
        self.total_count = own(dl.astype(self.total_count, self.logits.dtype))
        super().__init__(self.logits.shape, validate_args=validate_args)

    @property
    def mean(self) -> Any:
        """The mean."""
        return self.total_count * self.logits.exp()

    @property
    def mode(self) -> Any:
        """The most probable value."""
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0.0)

    @property
    def variance(self) -> Any:
        """The variance."""
        return self.mean * (1 + self.logits.exp())

    def _draw(self, shape: tuple[int, ...]) -> Any:
        rate = standard_gamma(self.total_count.detach(), shape) * self.logits.detach().exp()
        return own(dl.asarray(generator().poisson(rate.numpy_copy()).astype(rate.dtype), device=rate.device))

    def _log_prob(self, value: Any) -> Any:
        n, v = self.total_count, dl.astype(value, self.logits.dtype)
        ways = gammaln(n + v) - gammaln(v + 1) - gammaln(n)
        return n * F.logsigmoid(-self.logits) + v * F.logsigmoid(self.logits) + dl.where(n + v == 0, 0.0, ways)
